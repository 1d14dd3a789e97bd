"""Epochs of a dense program as machine code, where its networks are small and plain enough for it.

The program keeps everything: weights, optimizer state and seeds. What is compiled (``_compiled_kernel``) works on its
memory, and takes the very steps that the program's own operations would, up to rounding. Those cost a small network's
step ten times as much, in calls of single operations.
"""

import math
import threading
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sknets._threads import SMALL_STEP_FLOPS
from sknets._warnings import warn_user
from sknets.nn import Dropout
from sknets.training._dense_batches import StackedBatches
from sknets.training._dropout_masks import DropoutMasks
from sknets.training._known_modules import is_dense
from sknets.training._plan import Penalty

if TYPE_CHECKING:
    from sknets.training._dense_program import DenseProgram
    from sknets.training._net import InMemoryNet

# Floating-point operations of a network's step up to which the compiled pass is the faster one: where torch computes
# with a single thread, too. Its matrix products on several take over there (measured; docs/benchmarks.md).
MAX_COMPILED_STEP_FLOPS = SMALL_STEP_FLOPS

# Of all networks' steps in one call, during which nobody hears of Ctrl-C: about a tenth of a second.
MAX_CALL_FLOPS = 5e9

# What a step costs beside its arithmetic, in operations.
STEP_OVERHEAD_FLOPS = 1e5

# Bytes of random numbers that are drawn before a call: orders of rows, and dropout's masks.
MAX_DRAWN_BYTES = 16 * 2**20

_LOSSES = {
    "cross_entropy": "CROSS_ENTROPY",
    "binary_cross_entropy": "BINARY_CROSS_ENTROPY",
    "mean_squared_error": "SQUARED",
    "squared_error": "SQUARED",
    "poisson": "POISSON",
    "absolute_error": "ABSOLUTE",
    "huber": "HUBER",
    "quantile": "QUANTILE",
}

_SOLVERS = {"adam": "ADAM", "adamw": "ADAM", "sgd": "SGD"}

# torch's own constants of self-normalizing networks (Klambauer et al., 2017, arXiv:1706.02515).
_SELU = (1.6732632423543772848170429916717, 1.0507009873554804934193349852946)

#: Of each type of activation the kernel's name, and its numbers from a layer.
_ACTIVATIONS: dict[type, tuple[str, Callable[[Any], tuple[float, float]]]] = {
    type(None): ("IDENTITY", lambda layer: (0.0, 0.0)),
    nn.Identity: ("IDENTITY", lambda layer: (0.0, 0.0)),
    nn.ReLU: ("RELU", lambda layer: (0.0, 0.0)),
    nn.Tanh: ("TANH", lambda layer: (0.0, 0.0)),
    nn.Sigmoid: ("LOGISTIC", lambda layer: (0.0, 0.0)),
    nn.LeakyReLU: ("LEAKY_RELU", lambda layer: (layer.negative_slope, 0.0)),
    nn.ELU: ("ELU", lambda layer: (layer.alpha, 1.0)),
    nn.SELU: ("ELU", lambda layer: _SELU),
    nn.Softplus: ("SOFTPLUS", lambda layer: (layer.beta, layer.threshold)),
    nn.Hardtanh: ("HARDTANH", lambda layer: (layer.min_val, layer.max_val)),
    nn.GELU: ("GELU", lambda layer: (0.0, 0.0)),
    nn.SiLU: ("SILU", lambda layer: (0.0, 0.0)),
    nn.Mish: ("MISH", lambda layer: (0.0, 0.0)),
}


def can_compile(net: "InMemoryNet", inputs: Any) -> bool:
    """Whether a network that the dense program can train is trained by machine code."""
    recipe = net.recipe
    return (
        recipe.device.type == "cpu"
        and recipe.loss.name in _LOSSES
        and recipe.solver.solver in _SOLVERS
        and isinstance(inputs, torch.Tensor)
        and inputs.dtype == recipe.precision.dtype
        and is_dense(net.module_)
        and _find_blocks(net.module_) is not None
        and net.step_flops(inputs) <= MAX_COMPILED_STEP_FLOPS
        and load_kernel() is not None
    )


@cache
def load_kernel() -> Any:
    """Import the kernel, when the first network needs it: numba takes as long as a small fit; None where it cannot."""
    try:
        from sknets.training import _compiled_kernel
    except ImportError as error:
        warn_user(
            f"numba cannot be used: {error}. Small networks are trained by operations of torch instead, which "
            "takes several times as long. Install a numba that goes with this Python and numpy."
        )
        return None
    return _compiled_kernel


_compilation = threading.Lock()
_compiled_types: set[np.dtype] = set()


class _Block(NamedTuple):
    """A linear layer and what follows it."""

    linear: nn.Linear
    activation: nn.Module | None
    dropout: Dropout | None


def _find_blocks(module: Any) -> list[_Block] | None:
    """Return a module's layers in groups; None where one is unknown to the kernel."""
    blocks: list[_Block] = []
    for layer in module:
        last = blocks[-1] if blocks else None
        if type(layer) is nn.Linear:
            blocks.append(_Block(layer, None, None))
        elif last is None:
            return None
        elif _knows(layer) and last.activation is None and last.dropout is None:
            blocks[-1] = last._replace(activation=layer)
        elif type(layer) is Dropout and last.dropout is None:
            blocks[-1] = last._replace(dropout=layer)
        else:
            return None
    return blocks


def _knows(layer: nn.Module) -> bool:
    return type(layer) in _ACTIVATIONS and getattr(layer, "approximate", "none") == "none"


class Outcome(NamedTuple):
    """What came of epochs that were taken at once.

    Attributes
    ----------
    losses : list of list of float
        Each network's mean loss, penalty included, of each epoch that is over; of these only the last may be one after
        which the loss or the weights are not finite.
    n_finite : list of int
        How many are not such a one.
    """

    losses: list[list[float]]
    n_finite: list[int]


class CompiledPass:
    """All that the kernel reads and writes, for the networks of a program.

    Parameters
    ----------
    program : DenseProgram
        ``can_compile`` its networks.
    batches : StackedBatches
        Of the same networks.
    last, before : torch.Tensor
        Like the program's vector, and kept up to date: the weights at the ends of the last epoch after which they and
        the loss were finite, and of the one before. At the beginning both are the present weights.

    Attributes
    ----------
    n_batches : int
    max_epochs : int
        How many epochs may be taken at once.
    """

    def __init__(
        self, program: "DenseProgram", batches: StackedBatches, last: torch.Tensor, before: torch.Tensor
    ) -> None:
        self.kernel = load_kernel()
        self.program, self.batches = program, batches
        nets = program.nets
        self.n_batches = len(batches.sizes)
        self.rows_of_batches = np.array(batches.sizes)  # (n_batches, k)
        self.rows_of_epoch = self.rows_of_batches.sum(0)
        self.totals = np.zeros((len(nets), 1))
        self.n_rows = np.zeros(len(nets), np.int64)
        self.clear()
        self._marks: tuple[list[Any], list[Any]] | None = None
        self._n_drawn = [0] * len(nets)
        self._describe_layers([_find_blocks(net.module_) or [] for net in nets])
        self.memory = self._list_memory()
        self.ends = last.numpy(), before.numpy()
        self.rows = self._list_rows(has_labels=nets[0].recipe.loss.name == "cross_entropy")
        self.numbers = np.array([self._numbers_of(k) for k in range(len(nets))])
        self._divide_into_calls()

    def run(self, rates: npt.ArrayLike, note_rows: Callable[[int], None]) -> None:
        """Draw every network's order and take one epoch's steps.

        Parameters
        ----------
        rates : array-like of shape (k, n_batches)
        note_rows : callable
            Told how many batches are done, each time that Ctrl-C may come.
        """
        ones = [1] * len(self.n_rows)
        self._count_epochs(ones)
        index = self.batches.draw_orders(ones)
        # Of whole numbers, too: for an array of integers numba would compile once more.
        table = np.asarray(rates, dtype=np.float64)[:, None]
        for start, end in pairwise(self.ends_of_calls):
            self._call(ones, (start, end), table, index, self.totals)
            self.program.rule.count_steps([end - start] * len(ones))
            self.n_rows += self.rows_of_batches[start:end].sum(0)
            note_rows(end)

    def run_ahead(self, n_epochs: Sequence[int], rates: np.ndarray) -> None:
        """Take so many epochs with each network, at most ``max_epochs``; ``outcome`` is what came of them.

        A network that leaves the finite numbers takes no further one, and no random number for it is drawn. After
        Ctrl-C the outcome holds those epochs that were taken nevertheless.

        Parameters
        ----------
        n_epochs : sequence of int
        rates : float64 array of shape (k, max(n_epochs), n_batches)
        """
        self.clear()
        self._count_epochs(n_epochs)
        index = self.batches.draw_orders(n_epochs)
        totals = np.zeros((len(n_epochs), max(n_epochs)))
        results = np.zeros((2, len(n_epochs)), np.int64)
        try:
            self._call(n_epochs, (0, self.n_batches), rates, index, totals, results)
        finally:
            # Ctrl-C is raised when the call is over.
            n_over, n_finite = results.tolist()
            self.program.rule.count_steps([n * self.n_batches for n in n_over])
            means = totals / self.rows_of_epoch[:, None]
            self.outcome = Outcome([own[:n] for own, n in zip(means.tolist(), n_over, strict=True)], n_finite)
        for k, (n, n_drawn) in enumerate(zip(n_over, n_epochs, strict=True)):
            if n < n_drawn:
                self._go_back(k, n_drawn - n)

    def clear(self) -> None:
        """Forget the last ``outcome``."""
        self.outcome = Outcome([[] for _ in self.n_rows], [0] * len(self.n_rows))

    def count_rows(self, n_batches: int) -> list[int]:
        """Return how many rows of each network stand in the first batches."""
        counts: list[int] = self.rows_of_batches[:n_batches].sum(0).tolist()
        return counts

    def end_pass(self) -> list[float]:
        """Return each network's mean loss over the rows since the last call, penalty included."""
        totals: list[float] = self.totals[:, 0].tolist()
        n_rows = self.n_rows.tolist()
        self.totals[:] = self.n_rows[:] = 0
        return [total / n if n else math.nan for total, n in zip(totals, n_rows, strict=True)]

    def _count_epochs(self, n_epochs: Sequence[int]) -> None:
        """Take note of epochs for which random numbers are about to be drawn, and of where the first began."""
        if self._marks is None:
            self._marks = [order.mark() for order in self.batches.orders], self.masks.mark()
        self._n_drawn = [before + n for before, n in zip(self._n_drawn, n_epochs, strict=True)]

    def _go_back(self, network: int, n_epochs: int) -> None:
        """Be as if nothing had been drawn for a network's last epochs."""
        marks: Any = self._marks
        self._n_drawn[network] -= n_epochs
        self.batches.orders[network].go_back(marks[0][network], self._n_drawn[network])
        self.masks.go_back(marks[1], self.rows_of_batches, network, self._n_drawn[network])

    def _call(
        self,
        n_epochs: Sequence[int],
        batches: tuple[int, int],
        rates: np.ndarray,
        index: np.ndarray,
        totals: np.ndarray,
        results: np.ndarray | None = None,
    ) -> None:
        """Call the kernel; ``results`` are the epochs that are over, and those that are finite, of shape (2, k)."""
        counts = np.zeros((2, len(n_epochs)), np.int64) if results is None else results
        masks = self.masks.draw(self.rows_of_batches[batches[0] : batches[1]], n_epochs)
        settings = self.numbers, rates, np.array(self.program.rule.n_steps)
        inputs, labels, targets, weights, lengths, edges = self.rows
        arguments = (
            *(self.kinds, self.structure, self.memory, settings),
            *((inputs, labels, targets, weights, index, lengths, edges), masks, (totals, *counts, *self.ends)),
        )
        if self.dtype not in _compiled_types:
            # One thread at a time: numba changes the process's warning filters meanwhile.
            with _compilation:
                self.kernel.run_steps(np.zeros(len(n_epochs), np.int64), batches, *arguments)
                _compiled_types.add(self.dtype)
        self.kernel.run_steps(np.array(n_epochs), batches, *arguments)

    def _describe_layers(self, blocks: list[list[_Block]]) -> None:
        kernel, first, recipe = self.kernel, blocks[0], self.program.nets[0].recipe
        starts = iter(self.program.starts)
        places = [(next(starts), -1 if block.linear.bias is None else next(starts)) for block in first]
        self.dtype = self.program.vector.numpy().dtype
        names, readers = zip(*(_ACTIVATIONS[type(block.activation)] for block in first), strict=True)
        activation_numbers = [read(block.activation) for read, block in zip(readers, first, strict=True)]
        self.widths = np.array([first[0].linear.in_features, *(block.linear.out_features for block in first)])
        self.kinds = getattr(kernel, _LOSSES[recipe.loss.name]), getattr(kernel, _SOLVERS[str(recipe.solver.solver)])
        self.structure = (
            self.widths,
            *np.array(places).T.copy(),
            np.array([getattr(kernel, name) for name in names]),
            np.array(activation_numbers, dtype=self.dtype),
        )
        dropouts = [[block.dropout for block in same] for same in zip(*blocks, strict=True)]
        self.masks = DropoutMasks(dropouts, self.widths[1:].tolist())

    def _list_memory(self) -> tuple[np.ndarray, ...]:
        """Return the kernel's ``memory``."""
        program = self.program
        buffers = [buffer.numpy() for buffer in program.rule.buffers.values()]
        empty = np.empty(0, dtype=self.dtype)
        means, squares = [*buffers, empty, empty][:2]
        return program.vector.numpy(), program.gradient.numpy(), means, squares

    def _list_rows(self, has_labels: bool) -> tuple[np.ndarray, ...]:
        """Return the kernel's ``rows`` but ``index``."""
        batches = self.batches
        targets = batches.targets.contiguous().numpy()
        weights = batches.weights
        return (
            batches.inputs.contiguous().numpy(),
            targets if has_labels else np.empty(0, dtype=np.int64),
            np.empty((0, 0), dtype=self.dtype) if has_labels else targets,
            np.empty(0, dtype=self.dtype) if weights is None else weights.contiguous().numpy(),
            np.array(batches.lengths),
            np.array(batches.edges),
        )

    def _numbers_of(self, k: int) -> list[float]:
        """Return a network's row of numbers, in the order of the kernel's columns."""
        kernel, net = self.kernel, self.program.nets[k]
        penalty: Penalty = net.loss_penalty
        member = self.program.rule.members[k]
        row = [0.0] * kernel.N_NUMBERS
        row[kernel.L1], row[kernel.L2] = penalty.l1, penalty.l2
        row[kernel.DIVISOR] = penalty.divisor or 0.0
        row[kernel.MEAN_WEIGHT] = penalty.mean_weight
        if net.recipe.solver.solver == "adamw":
            rule = self.program.rule
            row[kernel.SHRINKAGE] = member["weight_decay"]
            row[kernel.BIAS_SHRINKAGE] = member["weight_decay"] if rule.n_decaying == len(rule.vector) else 0.0
        else:
            row[kernel.DECAY] = member["weight_decay"]
        if "betas" in member:
            row[kernel.BETA1], row[kernel.BETA2] = member["betas"]
            row[kernel.EPS] = member["eps"]
        else:
            row[kernel.BETA1], row[kernel.NESTEROV] = member["momentum"], float(member["nesterov"])
        settings = list(net.criterion_.settings().values())
        row[kernel.SETTING] = settings[0] if settings else 0.0
        row[kernel.LOSS_SCALE] = 2.0 if net.recipe.loss.name == "mean_squared_error" else 1.0
        return row

    def _divide_into_calls(self) -> None:
        """Find the first batch of each call, and how many epochs may be taken in one."""
        parts = zip(self.program.nets, self.batches.parts, strict=True)
        flops = sum(net.step_flops(part.inputs) + STEP_OVERHEAD_FLOPS for net, part in parts)
        n_most = int(self.rows_of_batches.max())
        bytes_of_epoch = self.batches.n_rows * (8 * len(self.n_rows) + self.masks.bytes_per_row)
        n_batches = _count_within(MAX_CALL_FLOPS, flops, MAX_DRAWN_BYTES, n_most * self.masks.bytes_per_row)
        self.ends_of_calls = [*range(0, self.n_batches, n_batches), self.n_batches]
        self.max_epochs = _count_within(MAX_CALL_FLOPS, flops * self.n_batches, MAX_DRAWN_BYTES, bytes_of_epoch)


def _count_within(max_flops: float, flops: float, max_bytes: int, n_bytes: int) -> int:
    """Return how many pieces of work, at least one, stay below both limits."""
    return max(1, int(min(max_flops // max(flops, 1), max_bytes // max(n_bytes, 1))))
