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
from torch import nn

from sknets.exceptions import DivergenceError
from sknets.training._batches import SparseRows
from sknets.training._plan import Rows

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet

# Numbers that a linear layer reads at once, so that its backward pass still finds them in the cache.
LINEAR_CHUNK_ELEMENTS = 2**20
MIN_LINEAR_CHUNK_ROWS = 256


def minimise(net: "InMemoryNet", train: Rows, validation: Rows | None, n_iterations: int) -> None:
    """Run at most ``n_iterations`` iterations and leave ``net`` with the last iterate's weights."""
    walk = _Walk(net, train, validation)
    net.begin_epoch()
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
        net.drop_epoch()
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
        self.variables = _Variables(net, train)
        self.linear = _LinearPass.of(net.module_)
        self.chunks = self._make_chunks()
        self.start = self.variables.read()
        self.iterate = self.start
        self.was_stopped = False
        self.is_watched = validation is not None or bool(net.callbacks_)

    def objective(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mean loss with penalty, and its gradient with respect to the variables."""
        self.variables.write(vector)
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
        should_stop = self.net.end_epoch(float(intermediate_result.fun), self.validation, None)
        self.net.module_.train()
        if should_stop:
            self.was_stopped = True
            self.net.begin_epoch()
            raise StopIteration
        self.net.begin_epoch()

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
        with self.net.autocast():
            outputs = self.net.module_(self.train.inputs[rows])
            loss = self.net.criterion_(outputs, self.train.targets[rows], weights) * share
        loss.backward()
        return float(loss.detach())


class _LinearPass:
    """A single linear layer, forward and backward, by two matrix products whose long side is the number of rows.

    Few outputs make the layer's usual product slow; kept transposed it takes three quarters of the time. Sparse rows
    are never made dense.
    """

    def __init__(self, layer: nn.Linear) -> None:
        self.weight = layer.weight
        self.bias = layer.bias

    @classmethod
    def of(cls, module: nn.Module) -> "_LinearPass | None":
        """Return the pass for a module that is one linear layer, else None."""
        layers = list(module.children())
        return cls(layers[0]) if len(layers) == 1 and isinstance(layers[0], nn.Linear) else None

    def forward(self, inputs: torch.Tensor | SparseRows, rows: slice) -> torch.Tensor:
        """Return outputs of shape (n, n_outputs) that gradients can be taken of."""
        weight = self.weight.detach()
        if isinstance(inputs, SparseRows):
            product = torch.from_numpy(inputs.matrix[rows] @ weight.T.cpu().double().numpy()).to(weight)
            outputs = product if self.bias is None else product + self.bias.detach()
        else:
            transposed = weight @ inputs[rows].T  # (n_outputs, n)
            outputs = (transposed if self.bias is None else transposed + self.bias.detach()[:, None]).T
        return outputs.requires_grad_()

    def backward(self, inputs: torch.Tensor | SparseRows, rows: slice, slope: torch.Tensor) -> None:
        """Add the parameters' gradients, given the loss's gradient ``slope`` of shape (n, n_outputs)."""
        if isinstance(inputs, SparseRows):
            product = inputs.matrix[rows].T @ slope.cpu().double().numpy()
            gradient = torch.from_numpy(np.ascontiguousarray(product.T)).to(self.weight)
        else:
            gradient = slope.T @ inputs[rows]
        self.weight.grad = gradient if self.weight.grad is None else self.weight.grad.add_(gradient)
        if self.bias is not None:
            total = slope.sum(dim=0)
            self.bias.grad = total if self.bias.grad is None else self.bias.grad.add_(total)


class _Variables:
    """The module's parameters as one float64 vector that L-BFGS-B may walk in.

    Under an absolute penalty each penalised weight w is split into w = p - q with p, q >= 0. With ``standardise`` a
    linear model's weights are those of standardised columns: badly scaled columns make L-BFGS crawl.
    """

    def __init__(self, net: "InMemoryNet", train: Rows) -> None:
        options = net.recipe.solver.arguments
        self.weights = net.penalised_weights
        self.others = [p for p in net.module_.parameters() if p.requires_grad and p.ndim <= 1]
        self.penalty_scale = net.loss_penalty.scale(len(train)) if net.loss_penalty else 0.0
        self.l1 = net.loss_penalty.l1 * self.penalty_scale
        self.l2 = net.loss_penalty.l2 * self.penalty_scale
        self.is_split = self.l1 > 0
        self.n_weights = sum(weight.numel() for weight in self.weights)
        n_others = sum(other.numel() for other in self.others)
        lower_bound = 0.0 if self.is_split or options.get("positive") else -np.inf
        self.bounds = None
        if np.isfinite(lower_bound):
            n_bounded = self.n_weights * (2 if self.is_split else 1)
            upper = 0.0 if self.is_split and options.get("positive") else np.inf
            self.bounds = [(0.0, np.inf)] * self.n_weights
            self.bounds += [(0.0, upper)] * (n_bounded - self.n_weights)
            self.bounds += [(-np.inf, np.inf)] * n_others
        self.scaling = _ColumnScaling(train, self.weights[0]) if options.get("standardise") else None
        if self.scaling is not None and not self.others:
            self.scaling.mean[:] = 0.0

    def read(self) -> np.ndarray:
        """Return the vector that stands for the module's parameters."""
        weights, others = _flatten(self.weights), _flatten(self.others)
        if self.scaling is not None:
            weights, others = self.scaling.to_standardised(weights, others)
        return np.concatenate([*self._split(weights), others])

    def write(self, vector: np.ndarray) -> None:
        """Give the module the parameters that ``vector`` stands for."""
        weights, others = self._join(vector)
        if self.scaling is not None:
            weights, others = self.scaling.to_original(weights, others)
        _unflatten(weights, self.weights)
        _unflatten(others, self.others)

    def read_gradient(self) -> np.ndarray:
        """Return the loss's gradient with respect to the vector, from the parameters' gradients."""
        weights, others = (_flatten([p.grad for p in group]) for group in (self.weights, self.others))
        if self.scaling is not None:
            weights = self.scaling.gradient(weights, others)
        return np.concatenate([weights, -weights, others] if self.is_split else [weights, others])

    def penalty(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the penalty and its gradient with respect to the vector."""
        gradient = np.zeros_like(vector)
        if not self.penalty_scale:
            return 0.0, gradient
        factor = 1.0 if self.scaling is None else self.scaling.factor
        weights = self._join(vector)[0] * factor
        pull = self.l2 * weights * factor
        n = self.n_weights
        if not self.is_split:
            gradient[:n] = pull
            return 0.5 * self.l2 * float(weights @ weights), gradient
        gradient[:n] = pull + self.l1 * factor
        gradient[n : 2 * n] = -pull + self.l1 * factor
        size = float(((vector[:n] + vector[n : 2 * n]) * factor).sum())
        return 0.5 * self.l2 * float(weights @ weights) + self.l1 * size, gradient

    def _split(self, weights: np.ndarray) -> list[np.ndarray]:
        return [weights.clip(min=0), (-weights).clip(min=0)] if self.is_split else [weights]

    def _join(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = self.n_weights
        if self.is_split:
            return vector[:n] - vector[n : 2 * n], vector[2 * n :]
        return vector[:n], vector[n:]


class _ColumnScaling:
    """A linear layer on standardised columns, written in the layer's own weights; the data stay as they are."""

    def __init__(self, train: Rows, weight: nn.Parameter) -> None:
        n_outputs = weight.shape[0]
        self.mean, spread = _column_statistics(train)
        self.shape = tuple(weight.shape)
        self.factor = np.tile(1.0 / np.where(spread > 0, spread, 1.0), n_outputs)

    def to_standardised(self, weights: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shift = weights.reshape(self.shape) @ self.mean
        return weights / self.factor, others + shift if len(others) else others

    def to_original(self, weights: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        original = weights * self.factor
        shift = original.reshape(self.shape) @ self.mean
        return original, others - shift if len(others) else others

    def gradient(self, weights: np.ndarray, others: np.ndarray) -> np.ndarray:
        centred = weights.reshape(self.shape)
        if len(others):
            centred = centred - np.outer(others, self.mean)
        return centred.ravel() * self.factor


def _column_statistics(train: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return each column's weighted mean and standard deviation."""
    n_rows = len(train)
    share = np.full(n_rows, 1.0 / n_rows) if train.weights is None else train.weights.cpu().double().numpy() / n_rows
    if isinstance(train.inputs, SparseRows):
        matrix = train.inputs.matrix
        mean = matrix.T @ share
        variance = matrix.multiply(matrix).T @ share - mean**2
    else:
        inputs = train.inputs.cpu().double().numpy()
        mean = share @ inputs
        variance = share @ (inputs - mean) ** 2
    return mean, np.sqrt(variance.clip(min=0))


def _flatten(tensors: list[Any]) -> np.ndarray:
    if not tensors:
        return np.zeros(0)
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).cpu().numpy().astype(np.float64)


def _unflatten(vector: np.ndarray, parameters: list[Any]) -> None:
    start = 0
    with torch.no_grad():
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.copy_(torch.from_numpy(vector[start:end]).view(parameter.shape))
            start = end
