"""Epochs of a dense program as machine code, where its networks are small and plain enough for it.

The program keeps everything: weights, optimizer state and seeds. What is compiled (``_compiled_kernel``) works on its
memory, and takes the very steps that the program's own operations would, up to rounding. Those cost a small network's
step ten times as much, in calls of single operations.
"""

import math
import threading
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sknets._threads import SMALL_STEP_FLOPS
from sknets._warnings import warn_user
from sknets.nn import Dropout, draw_pairs_of_words, draw_words, find_threshold
from sknets.training._dense_batches import StackedBatches
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

# Bytes of dropout's masks that are drawn before a call.
MAX_MASK_BYTES = 16 * 2**20

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


class CompiledPass:
    """All that the kernel reads and writes, for the networks of a program.

    Parameters
    ----------
    program : DenseProgram
        ``can_compile`` its networks.
    batches : StackedBatches
        Of the same networks.
    """

    def __init__(self, program: "DenseProgram", batches: StackedBatches) -> None:
        self.kernel = load_kernel()
        self.program, self.batches = program, batches
        nets = program.nets
        self.n_batches = len(batches.sizes)
        self.rows_of_batches = np.array(batches.sizes)  # (n_batches, k)
        self.totals = np.zeros(len(nets))
        self.n_rows = np.zeros(len(nets), np.int64)
        self._describe_layers([_find_blocks(net.module_) or [] for net in nets])
        self.memory = self._list_memory()
        self.rows = self._list_rows(has_labels=nets[0].recipe.loss.name == "cross_entropy")
        self.numbers = np.array([self._numbers_of(k) for k in range(len(nets))])
        self.ends_of_calls = self._find_ends_of_calls()

    def run(self, rates: npt.ArrayLike, note_rows: Callable[[int], None]) -> None:
        """Draw every network's order and take one epoch's steps.

        Parameters
        ----------
        rates : array-like of shape (k, n_batches)
        note_rows : callable
            Told how many batches are done, each time that Ctrl-C may come.
        """
        self.batches.draw_orders()
        # Of whole numbers, too: for an array of integers numba would compile once more.
        table = np.asarray(rates, dtype=np.float64)
        for start, end in pairwise(self.ends_of_calls):
            self._call(start, end, table)
            note_rows(end)

    def count_rows(self, n_batches: int) -> list[int]:
        """Return how many rows of each network stand in the first batches."""
        counts: list[int] = self.rows_of_batches[:n_batches].sum(0).tolist()
        return counts

    def end_pass(self) -> list[float]:
        """Return each network's mean loss over the rows since the last call, penalty included."""
        totals: list[float] = self.totals.tolist()
        n_rows = self.n_rows.tolist()
        self.totals[:] = self.n_rows[:] = 0
        return [total / n if n else math.nan for total, n in zip(totals, n_rows, strict=True)]

    def _call(self, start: int, end: int, rates: np.ndarray) -> None:
        rule = self.program.rule
        n_steps = np.array(rule.n_steps)
        settings, masks = (self.numbers, rates, n_steps), self._draw_masks(start, end)
        arguments = self.kinds, self.structure, self.memory, settings, self.rows, masks, self.totals
        if self.dtype not in _compiled_types:
            # One thread at a time: numba changes the process's warning filters meanwhile.
            with _compilation:
                self.kernel.run_steps((0, 0), (0, 0), *arguments)
                _compiled_types.add(self.dtype)
        self.kernel.run_steps((0, len(n_steps)), (start, end), *arguments)
        rule.count_steps(end - start)
        self.n_rows += self.rows_of_batches[start:end].sum(0)

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
        self.dropouts = [[block.dropout for block in same] for same in zip(*blocks, strict=True)]  # (n_layers, k)
        self.mask_scales = np.array([[1 / (1 - drop.p) if drop else 1.0 for drop in same] for same in self.dropouts])
        has_dropout = any(drop is not None for same in self.dropouts for drop in same)
        thresholds = [[find_threshold(1 - drop.p) if drop else 0 for drop in same] for same in self.dropouts]
        self.thresholds = np.array(thresholds)
        nothing = np.empty(0, dtype=np.int32), np.full(self.mask_scales.shape, -1), self.thresholds, self.mask_scales
        self.no_masks = None if has_dropout else nothing

    def _list_memory(self) -> tuple[np.ndarray, ...]:
        """Return the kernel's ``memory``."""
        program = self.program
        buffers = [buffer.numpy() for buffer in program.rule.buffers.values()]
        empty = np.empty(0, dtype=self.dtype)
        means, squares = [*buffers, empty, empty][:2]
        return program.vector.numpy(), program.gradient.numpy(), means, squares

    def _list_rows(self, has_labels: bool) -> tuple[np.ndarray, ...]:
        """Return the kernel's ``rows``."""
        batches = self.batches
        targets = batches.targets.contiguous().numpy()
        weights = batches.weights
        return (
            batches.inputs.contiguous().numpy(),
            targets if has_labels else np.empty(0, dtype=np.int64),
            np.empty((0, 0), dtype=self.dtype) if has_labels else targets,
            np.empty(0, dtype=self.dtype) if weights is None else weights.contiguous().numpy(),
            batches.index,
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

    def _find_ends_of_calls(self) -> list[int]:
        """Return the first batch of each call, and the number of batches."""
        flops = sum(
            net.step_flops(part.inputs) for net, part in zip(self.program.nets, self.batches.parts, strict=True)
        )
        n_masked = sum(
            int(width) for width, same in zip(self.widths[1:], self.dropouts, strict=True) for drop in same if drop
        )
        mask_bytes = 4 * n_masked * int(self.rows_of_batches.max())
        step = max(1, int(min(MAX_CALL_FLOPS // max(flops, 1), MAX_MASK_BYTES // max(mask_bytes, 1))))
        return [*range(0, self.n_batches, step), self.n_batches]

    def _draw_masks(self, start: int, end: int) -> tuple[np.ndarray, ...]:
        """Draw what dropout keeps in some batches, as its layers would, one batch after the other."""
        if self.no_masks is not None:
            return self.no_masks
        starts = np.full(self.mask_scales.shape, -1)
        sizes = self.rows_of_batches[start:end, None] * self.widths[1:, None]  # (n_batches, n_layers, k)
        n_words = 0
        for layer, same in enumerate(self.dropouts):
            for k, dropout in enumerate(same):
                if dropout is not None:
                    starts[layer, k] = n_words
                    n_words += int(sizes[:, layer, k].sum())
        words = torch.empty((n_words + 1) // 2, dtype=torch.int64).view(torch.int32)[:n_words]
        for layer, same in enumerate(self.dropouts):
            for k, dropout in enumerate(same):
                if dropout is not None:
                    _draw_words(words[starts[layer, k] :], sizes[:, layer, k], dropout.generator)
        return words.numpy(), starts, self.thresholds, self.mask_scales


def _draw_words(words: torch.Tensor, sizes: np.ndarray, generator: torch.Generator | None) -> None:
    """Write what a layer draws for batches of these sizes to the front of ``words``."""
    if not (sizes % 2).any() and words.storage_offset() % 2 == 0:
        draw_pairs_of_words(words[: int(sizes.sum())].view(torch.int64), generator)
        return
    # An odd number of words leaves half of the last draw unused.
    start = 0
    for n in sizes.tolist():
        words[start : start + n] = draw_words(n, generator)
        start += n
