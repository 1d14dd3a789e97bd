"""Training on all rows at once by L-BFGS; scipy walks, torch computes losses and gradients.

Absolute penalties and sign constraints are exact: a penalised weight is the difference of two variables that may not be
negative, and L-BFGS-B holds variables to their bounds.

References
----------
R. H. Byrd, P. Lu, J. Nocedal, A Limited Memory Algorithm for Bound Constrained Optimization, SIAM Journal on
Scientific and Statistical Computing 16, 1995.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.optimize import minimize

from sknets.exceptions import DivergenceError
from sknets.nn import BaseRandomLayer
from sknets.training._epoch_log import begin_epoch, drop_epoch, end_epoch
from sknets.training._flat_variables import FlatVariables
from sknets.training._linear_pass import LinearPass
from sknets.training._plan import Rows

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet

# Numbers that a linear layer reads at once, so that its backward pass still finds them in the cache.
LINEAR_CHUNK_ELEMENTS = 2**20
MIN_LINEAR_CHUNK_ROWS = 256


def minimise(net: "InMemoryNet", train: Rows, validation: Rows | None, n_iterations: int) -> None:
    """Run at most ``n_iterations`` iterations and leave ``net`` with the last iterate's weights."""
    walk = _Walk(net, train, validation)
    begin_epoch(net)
    options = net.recipe.solver.arguments
    # Under an absolute penalty, which weights are exactly zero is settled late.
    tolerance = options["tol"] * (0.1 if walk.variables.is_split else 1.0)
    limits = {"maxiter": n_iterations, "gtol": tolerance}
    limits |= {key: options[key] for key in ("maxfun", "maxls", "ftol") if key in options}
    net.module_.train()
    try:
        result = minimize(
            walk.objective,
            walk.start,
            method="L-BFGS-B",
            jac=True,
            bounds=walk.variables.bounds,
            options=limits,
            callback=walk.after_iteration,
        )
    except KeyboardInterrupt:
        walk.variables.write(walk.iterate)
        raise
    finally:
        # The row of the iteration that did not come any more.
        drop_epoch(net)
    if not np.isfinite(result.x).all() or not math.isfinite(result.fun):
        walk.variables.write(walk.start)
        raise DivergenceError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            f"preprocessed. L-BFGS ended with loss {result.fun}: scale X (StandardScaler)."
        )
    walk.variables.write(result.x)
    # scipy takes one step even where none is allowed.
    net.n_iter = min(int(result.nit), n_iterations)
    net.final_loss = float(result.fun)
    net.has_converged = bool(result.success) or walk.was_stopped
    net.solver_message = str(result.message)


class _Walk:
    """The objective, and what is told after every iteration."""

    def __init__(self, net: "InMemoryNet", train: Rows, validation: Rows | None) -> None:
        self.net = net
        self.train = train
        self.validation = validation
        self.variables = FlatVariables(net, train)
        self.linear = LinearPass.of(net.module_)
        self.chunks = self._make_chunks()
        self.start = self.variables.read()
        # One draw for the whole walk: a function that changes between evaluations has no minimum to walk to.
        self.random_layers: list[Any] = [
            (layer, layer.generator.get_state())
            for layer in net.module_.modules()
            if isinstance(layer, BaseRandomLayer) and layer.generator is not None
        ]
        self.iterate = self.start
        self.was_stopped = False
        self.is_watched = validation is not None or bool(net.callbacks_) or bool(net.watches)

    def objective(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mean loss with penalty, and its gradient with respect to the variables."""
        self.variables.write(vector)
        for layer, generator_state in self.random_layers:
            layer.generator.set_state(generator_state)
        for parameter in self.net.module_.parameters():
            parameter.grad = None
        loss = sum(self._backward_chunk(rows) for rows in self.chunks)
        gradient = self.variables.read_gradient()
        penalty, penalty_gradient = self.variables.penalty(vector)
        return loss + penalty, gradient + penalty_gradient

    def after_iteration(self, intermediate_result: Any) -> None:
        """Log one iteration; scipy ends the walk where this raises StopIteration."""
        self.iterate = intermediate_result.x.copy()
        if self.is_watched:
            self.variables.write(self.iterate)
        should_stop = end_epoch(self.net, float(intermediate_result.fun), self.validation, None)
        self.net.module_.train()
        if should_stop:
            self.was_stopped = True
            begin_epoch(self.net)
            raise StopIteration
        begin_epoch(self.net)

    def _make_chunks(self) -> list[slice]:
        n_rows = len(self.train)
        if self.linear:
            step = max(MIN_LINEAR_CHUNK_ROWS, LINEAR_CHUNK_ELEMENTS // self.train.inputs.shape[1])
        else:
            step = self.net.rows_per_pass(self.train.inputs)
        if self.net.has_batch_normalization:
            # Statistics of a chunk are not those of the batch.
            step = n_rows
        return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]

    def _backward_chunk(self, rows: slice) -> float:
        weights = None if self.train.weights is None else self.train.weights[rows]
        share = (rows.stop - rows.start) / len(self.train)
        if self.linear is not None and not self.net.recipe.precision.autocast:
            outputs = self.linear.forward(self.train.inputs, rows)
            loss = self.net.criterion_(outputs, self.train.targets[rows], weights) * share
            self.linear.backward(self.train.inputs, rows, torch.autograd.grad(loss, outputs)[0])
            return float(loss.detach())
        _, mean_loss = self.net.forward_loss(self.train.inputs[rows], self.train.targets[rows], weights)
        loss = mean_loss * share
        loss.backward()
        return float(loss.detach())
