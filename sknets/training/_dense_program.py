"""Networks trained below autograd: a stack of dense layers, or many networks of one structure side by side.

Most of a small network's step is autograd's and the optimizer's bookkeeping, not arithmetic. Here the passes are
written out (``_dense_layers``, ``_conv_layers``), all parameters are views into one vector and all gradients views
into another, so that a penalty and an update are one operation each, and losses are computed once an epoch from the
outputs that the steps leave behind. A single network's module keeps its parameters, whose memory these are; callbacks
see live weights.
"""

import math
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from sknets.nn import MLP
from sknets.training._conv_layers import ChannelNormalizationLayer
from sknets.training._dense_batches import Batch
from sknets.training._dense_layers import BatchNormalizationLayer, BatchRows, ResidualLayer
from sknets.training._dense_losses import EpochLosses
from sknets.training._known_modules import list_layers, make_layers, why_not_stacked
from sknets.training._losses import stack_losses
from sknets.training._snapshot import Snapshot
from sknets.training._solvers import get_solver
from sknets.training._update_rules import RULES

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet


class ProgramState(NamedTuple):
    """Weights and running statistics of all networks at one moment."""

    vector: torch.Tensor
    statistics: list[torch.Tensor]


class DenseProgram:
    """The passes and updates of networks.

    Parameters
    ----------
    nets : sequence of InMemoryNet
        For none of them ``why_not_stacked`` has a reason; all have one structure, solver and loss.
    n_rows : int
        Rows in a pass of the longest network, padding included.

    Attributes
    ----------
    vector, gradient : torch.Tensor of shape (n_elements,)
        Of each parameter the networks' values one after the other, and matrices first.
    starts : list of int
        Where the values of each parameter begin in them, in the order of a module's parameters.
    rule : UpdateRule
    """

    def __init__(self, nets: Sequence["InMemoryNet"], n_rows: int) -> None:
        self.nets = list(nets)
        self._parameters = [weights_first(net.module_) for net in self.nets]
        self.n_rows = n_rows
        self.n_weights = 0
        self.layers = make_layers([net.module_ for net in self.nets])
        layers_of_first = list_layers(self.nets[0].module_)
        n_fixed = next(i for i, layer in enumerate(layers_of_first) if any(True for _ in layer.parameters()))
        self.trained_layers = self.layers[n_fixed:]
        self.trained_layers[0].needs_no_slope = True
        self._normalizations = _find_normalizations(self.layers)
        self._join_parameters()
        first = self.nets[0]
        members = [_optimizer_arguments(net) for net in self.nets]
        self.rule = RULES[str(first.recipe.solver.solver)](
            self.vector, self.gradient, self._count_decaying(), members, self.spread
        )
        self._read_optimizer_state()
        # Made with the first step: machine code, which takes its steps elsewhere, needs none.
        self.losses: EpochLosses | None = None

    @staticmethod
    def can_run(net: "InMemoryNet") -> bool:
        """Whether this program is the way to train the net by itself: a stack of dense layers that it knows."""
        # Of such a stack all layers are known if nothing speaks against it.
        return type(net.module_) is MLP and DenseProgram.why_not_stacked(net) is None

    @staticmethod
    def why_not_stacked(net: "InMemoryNet") -> str | None:
        """Return why the net cannot be trained by this program beside others; None where it can."""
        solver = net.recipe.solver
        if reason := why_not_stacked(net.module_):
            return reason
        if not isinstance(solver.solver, str) or solver.solver not in RULES:
            return "its solver is not known to the dense program"
        if not set(solver.arguments.get("solver_params") or {}) <= RULES[solver.solver].arguments:
            return "a parameter of its solver is not known to the dense program"
        if solver.rate_factors:
            return "its layers learn at rates of their own, which is not known to the dense program"
        if net.recipe.precision.autocast is not None:
            return "bfloat16"
        is_whole = all(parameter.requires_grad for parameter in net.module_.parameters())
        return None if is_whole else "some of its layers are frozen, which is not known to the dense program"

    def compute_gradient(self, batch: Batch) -> torch.Tensor:
        """Write the gradient of each network's mean loss, penalty included; return the outputs."""
        losses = self.losses or self._prepare_losses()
        rows = BatchRows(batch.weights, batch.n_rows if batch.is_padded else None)
        outputs = batch.inputs
        for layer in self.hidden_layers:
            outputs = layer.forward(outputs, rows)
        outputs = losses.keep(self.output_layer, outputs, rows, batch)
        slope = self.criterion.slopes(outputs, batch.targets)
        if batch.weights is not None:
            slope.mul_(batch.weights)
        slope.mul_(self._share_of_row(batch.n_rows))
        for layer in reversed(self.trained_layers):
            slope = layer.backward(slope)
        if self.is_penalised:
            self._add_penalty(batch.n_rows)
        return outputs

    def update(self, rates: Sequence[float]) -> None:
        """Step along the gradients, each network at its own learning rate."""
        self.rule.step(rates)

    def end_pass(self) -> list[float]:
        """Return each network's mean loss over the rows since the last call; the only numbers asked of the device."""
        if len(self.nets) == 1:
            self._write_layers(0)
        return (self.losses or self._prepare_losses()).sum_up()

    def evaluate(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs for rows that are not trained on: (k, rows, n_features) to (k, rows, n_outputs)."""
        for layer in self.layers:
            inputs = layer.evaluate(inputs)
        return inputs

    def compact(self, kept: Sequence[int]) -> None:
        """Go on with some of the networks."""
        shapes = [tuple(values.shape[1:]) for values in self.values]
        # Before the memory is divided anew: the rule's state has the old division.
        selected = {id(buffer): self._select(buffer, kept) for buffer in self.rule.buffers.values()}
        vector = self._select(self.vector, kept)
        gradient = torch.zeros_like(vector)
        self.n_weights = self.n_weights // len(self.nets) * len(kept)
        self._share(vector, gradient, shapes, len(kept))
        n_decaying = self._count_decaying()
        self.rule.compact(kept, lambda buffer: selected[id(buffer)], vector, gradient, n_decaying, self.spread)
        self.nets = [self.nets[k] for k in kept]
        self._parameters = [self._parameters[k] for k in kept]
        for layer in self.layers:
            layer.compact(kept)
            layer.attach(self._places)
        self.losses = None

    def write_back(self, network: int) -> None:
        """Give a network's module its weights and its optimizer the state that it would have."""
        net = self.nets[network]
        if self._shares_memory:
            self._take_memory_back(net.module_)
        else:
            with torch.no_grad():
                for parameter, values in zip(self._parameters[network], self.values, strict=True):
                    parameter.copy_(values[network])
            self._write_layers(network)
        self.write_optimizer_state(network)

    def write_optimizer_state(self, network: int) -> None:
        """Give the network's own optimizer the state that it would have."""
        optimizer: Any = self.nets[network].optimizer_
        state = optimizer.state
        scalars = self.rule.scalars(network)
        own = {name: self._cut_out(buffer, network) for name, buffer in self.rule.buffers.items()}
        for index, parameter in enumerate(self._parameters[network]):
            state[parameter] = {name: value.clone() for name, value in scalars.items()} | {
                name: _copy_in_order(values[index], parameter) for name, values in own.items()
            }

    def are_finite(self) -> list[bool]:
        """Whether each network's weights are all finite."""
        sums: Any = sum(values.reshape(len(self.nets), -1).sum(1) for values in self.values)
        finite: list[bool] = torch.isfinite(sums).tolist()
        return finite

    def snapshot(self) -> Snapshot:
        """Copy the weights and running statistics of the only network."""
        if self._normalizations or not self._shares_memory:
            return self.read_snapshot(ProgramState(self.vector, self._statistics()), 0)
        return self.snapshot_of(self.vector)

    def snapshot_of(self, vector: torch.Tensor) -> Snapshot:
        """Copy a vector like the only network's own, which has no running statistics."""
        return Snapshot.of_vector(vector, self.starts, self.nets[0].module_.buffers())

    def copy_state(self) -> ProgramState:
        """Copy all networks' weights and running statistics."""
        return ProgramState(self.vector.clone(), [t.clone() for t in self._statistics()])

    def select_state(self, state: ProgramState, kept: Sequence[int]) -> ProgramState:
        """Return the part of some networks; call it before ``compact``."""
        return ProgramState(self._select(state.vector, kept), [t[list(kept)] for t in state.statistics])

    def read_snapshot(self, state: ProgramState, network: int) -> Snapshot:
        """Return one network's part of a state as its net keeps it."""
        own = self._cut_out(state.vector, network)
        weights = [own[index] for index in self._order_of_module]
        counts = [torch.tensor(layer.n_batches[network]) for layer in self._normalizations]
        statistics = [values[network, 0] for values in state.statistics]
        pairs = zip(statistics[0::2], statistics[1::2], counts, strict=True)
        moving = [buffer for triple in pairs for buffer in triple]
        # Images' statistics, which come first, stay as they are.
        buffers = list(self.nets[network].module_.buffers())
        return Snapshot(weights, buffers[: len(buffers) - len(moving)] + moving)

    def _statistics(self) -> list[torch.Tensor]:
        return [values for layer in self._normalizations for values in (layer.means, layer.variances)]

    def _select(self, vector: torch.Tensor, kept: Sequence[int]) -> torch.Tensor:
        """Return some networks' elements of a vector like the program's own."""
        index = torch.tensor(list(kept), device=vector.device)
        return torch.cat([self._segment(vector, i).index_select(0, index).view(-1) for i in range(len(self.values))])

    def _take_memory_back(self, module: nn.Module) -> None:
        """Give the only network's module memory of its own again."""
        self._write_layers(0)
        for parameter in self._parameters[0]:
            parameter.data = parameter.data.clone()
            parameter.grad = None
        for name, buffer in module.named_buffers():
            if not name.endswith("num_batches_tracked"):
                buffer.data = buffer.data.clone()

    def _write_layers(self, network: int) -> None:
        for own, layer in zip(self.layers, list_layers(self.nets[network].module_), strict=True):
            own.write_back(network, layer)

    def _join_parameters(self) -> None:
        first = self._parameters[0]
        shapes = [tuple(parameter.shape) for parameter in first]
        with torch.no_grad():
            # Of each parameter the networks' values one after the other.
            same = zip(*self._parameters, strict=True)
            vector = torch.cat([parameter.reshape(-1) for parameters in same for parameter in parameters])
        k = len(self.nets)
        self.n_weights = k * sum(parameter.numel() for parameter in first if parameter.ndim > 1)
        self._index_of = {id(parameter): index for index, parameter in enumerate(first)}
        self._order_of_module = [self._index_of[id(p)] for p in self.nets[0].module_.parameters()]
        self._share(vector, torch.zeros_like(vector), shapes, k)
        # Filters lie in another order in a module's memory than in the vector.
        self._shares_memory = k == 1 and all(parameter.ndim <= 2 for parameter in first)
        if self._shares_memory:
            for parameter, values, slopes in zip(first, self.values, self.slopes, strict=True):
                parameter.data = values[0]
                parameter.grad = slopes[0]
        for layer in self.layers:
            layer.attach(self._places)

    def _count_decaying(self) -> int:
        """Return how many leading elements AdamW's decay acts on: biases only where it is the user's own for torch."""
        is_torchs = "weight_decay" in (self.nets[0].recipe.solver.arguments.get("solver_params") or {})
        return self.vector.numel() if is_torchs else self.n_weights

    def _share(self, vector: torch.Tensor, gradient: torch.Tensor, shapes: list[tuple[int, ...]], k: int) -> None:
        """Divide both vectors among the parameters."""
        self.vector, self.gradient = vector, gradient
        self._sizes = [k * math.prod(shape) for shape in shapes]
        self._offsets = [0, *accumulate(self._sizes)]
        # No method: the rule keeps it, and must not keep the program that keeps the rule.
        self.spread = partial(_spread, [math.prod(shape) for shape in shapes], vector)
        self.starts = [self._offsets[index] for index in self._order_of_module]
        self.values = [part.view(k, *shape) for part, shape in zip(vector.split(self._sizes), shapes, strict=True)]
        self.slopes = [part.view(k, *shape) for part, shape in zip(gradient.split(self._sizes), shapes, strict=True)]

    def _places(self, parameter: nn.Parameter) -> tuple[torch.Tensor, torch.Tensor]:
        index = self._index_of[id(parameter)]
        return self.values[index], self.slopes[index]

    def _segment(self, vector: torch.Tensor, index: int) -> torch.Tensor:
        """Return a parameter's part of a vector like the program's own, of shape (k, ...)."""
        return vector[self._offsets[index] : self._offsets[index + 1]].view(self.values[index].shape)

    def _cut_out(self, vector: torch.Tensor, network: int) -> list[torch.Tensor]:
        """Return a network's parts of a vector like the program's own, matrices first."""
        parts = zip(vector.split(self._sizes), self.values, strict=True)
        return [part.view(values.shape)[network] for part, values in parts]

    def _prepare_losses(self) -> EpochLosses:
        criteria = [net.criterion_ for net in self.nets]
        self.criterion = stack_losses(criteria, self.vector)
        penalties = [net.loss_penalty for net in self.nets]
        self.penalties = penalties
        self.is_penalised = any(penalties)
        self._factors: dict[tuple[int, ...], Any] = {}
        self._shares: dict[tuple[int, ...], Any] = {}
        self.weights, self.weight_gradient = self.vector[: self.n_weights], self.gradient[: self.n_weights]
        *self.hidden_layers, self.output_layer = self.layers
        matrices = [values for values in self.values if values.ndim > 2]
        if len(self.nets) == 1:
            matrices = [self.weights.unsqueeze(0)]
        matrices = [matrix.view(len(self.nets), -1) for matrix in matrices]
        self.losses = EpochLosses(criteria, penalties, matrices, self.n_rows)
        return self.losses

    def _share_of_row(self, n_rows: tuple[int, ...]) -> Any:
        """Return one row's share in the mean loss of each network's batch."""
        if n_rows not in self._shares:
            shares = [1 / n for n in n_rows]
            is_even = len(set(n_rows)) == 1
            self._shares[n_rows] = shares[0] if is_even else self.vector.new_tensor(shares).view(-1, 1, 1)
        return self._shares[n_rows]

    def _add_penalty(self, n_rows: tuple[int, ...]) -> None:
        if n_rows not in self._factors:
            scales = [penalty.scale(n) for penalty, n in zip(self.penalties, n_rows, strict=True)]
            self._factors[n_rows] = [
                self._spread_weights(
                    [getattr(p, name) * scale for p, scale in zip(self.penalties, scales, strict=True)]
                )
                for name in ("l1", "l2")
            ]
        l1, l2 = self._factors[n_rows]
        if isinstance(l2, torch.Tensor):
            self.weight_gradient.addcmul_(self.weights, l2)
        elif l2:
            self.weight_gradient.add_(self.weights, alpha=l2)
        if isinstance(l1, torch.Tensor):
            self.weight_gradient.addcmul_(self.weights.sign(), l1)
        elif l1:
            self.weight_gradient.add_(self.weights.sign(), alpha=l1)

    def _spread_weights(self, numbers: list[float]) -> float | torch.Tensor:
        factor = self.spread(numbers)
        return factor[: self.n_weights] if isinstance(factor, torch.Tensor) else factor

    def _read_optimizer_state(self) -> None:
        for network, net in enumerate(self.nets):
            optimizer: Any = net.optimizer_
            state = optimizer.state
            if not state:
                continue
            for index, parameter in enumerate(self._parameters[network]):
                for name, buffer in self.rule.buffers.items():
                    if state[parameter].get(name) is not None:
                        self._segment(buffer, index)[network].copy_(state[parameter][name])
            self.rule.set_scalars(network, state[parameter])


def weights_first(module: nn.Module) -> list[nn.Parameter]:
    """Return a module's parameters with its matrices in front."""
    parameters = list(module.parameters())
    return [p for p in parameters if p.ndim > 1] + [p for p in parameters if p.ndim <= 1]


def _spread(sizes: Sequence[int], like: torch.Tensor, numbers: Sequence[float]) -> float | torch.Tensor:
    """Return one number where all networks have the same, else a vector with each network's at its elements.

    ``sizes`` are those of one network's parameters, matrices first.
    """
    if len(set(numbers)) == 1:
        return numbers[0]
    column = like.new_tensor(list(numbers))
    return torch.cat([column.repeat_interleave(size) for size in sizes])


def _copy_in_order(values: torch.Tensor, parameter: nn.Parameter) -> torch.Tensor:
    """Copy in the order of the parameter's memory, which torch's fused optimizers take for granted."""
    if parameter.ndim <= 2:
        return values.clone()
    return torch.empty_like(parameter, requires_grad=False).copy_(values)


def _optimizer_arguments(net: "InMemoryNet") -> dict[str, Any]:
    spec, penalty = net.recipe.solver, net.recipe.penalty
    solver = get_solver(spec.solver)
    arguments = solver.translate(spec.arguments) | (spec.arguments.get("solver_params") or {})
    if solver.decays_weights and "weight_decay" not in arguments:
        arguments["weight_decay"] = penalty.l2 / (penalty.divisor or 1.0)
    return arguments


def _find_normalizations(layers: Sequence[Any]) -> list[Any]:
    """Return the layers with running statistics, in the order of their modules."""
    inner = [part for layer in layers for part in (layer.layers if isinstance(layer, ResidualLayer) else [layer])]
    inner = [layer.of_pixels if isinstance(layer, ChannelNormalizationLayer) else layer for layer in inner]
    return [layer for layer in inner if isinstance(layer, BatchNormalizationLayer)]
