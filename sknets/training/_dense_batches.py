"""Batches of several networks side by side, each in an order of its own."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import torch

from sknets.training._batches import MAX_GATHERED_BYTES, BatchOrder, EpochBatches
from sknets.training._plan import Rows


class Batch(NamedTuple):
    """One batch of every network.

    Attributes
    ----------
    inputs : torch.Tensor of shape (k, rows, n_features)
        Images as bytes, too.
    targets : torch.Tensor of shape (k, rows) or (k, rows, n_outputs)
    weights : torch.Tensor of shape (k, rows, 1) or None
        Of mean 1 over each network's training rows, zero for padding; None where all rows count alike.
    n_rows : tuple of int
        Rows of each network.
    is_padded : bool
        Whether some network has fewer rows than the tensors.
    start : int
        How many rows of the pass stand before this batch.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor | None
    n_rows: tuple[int, ...]
    is_padded: bool
    start: int


class StackedBatches:
    """The batches of networks that all have the same number of batches; only the last may differ in size.

    Parameters
    ----------
    parts : sequence of Rows
        Each network's training rows, as tensors.
    orders : sequence of BatchOrder
    merge_last_single : bool
        Whether a last batch of one row is merged into the one before it.
    weights_dtype : torch.dtype or None
        In which weights are made where there are none; None for that of the inputs.
    """

    def __init__(
        self,
        parts: Sequence[Rows],
        orders: Sequence[BatchOrder],
        merge_last_single: bool = False,
        weights_dtype: torch.dtype | None = None,
    ) -> None:
        self.orders = list(orders)
        self.parts = list(parts)
        self.merges_last_single = merge_last_single
        self.weights_dtype = weights_dtype
        edges = [order.edges(merge_last_single) for order in orders]
        self.lengths = [len(part) for part in parts]
        self.n_rows = max(self.lengths)
        self.edges = [*edges[0][:-1], self.n_rows]
        self.sizes = list(zip(*([end - start for start, end in pairwise(own)] for own in edges), strict=True))
        self.inputs = _join([part.inputs for part in parts])
        self.targets = _join([part.targets for part in parts])
        self.weights = _join_weights(parts, weights_dtype)
        self.index = np.empty((len(parts), self.n_rows), dtype=np.int64)
        self.starts = [0, *accumulate(self.lengths[:-1])]
        for k, n in enumerate(self.lengths):
            # Padding repeats a network's first row, so that it holds numbers that the network can meet.
            self.index[k] = self.starts[k]
            self.index[k, :n] += np.arange(n)
        is_padded = min(self.lengths) != self.n_rows
        self.mask = self._make_mask() if is_padded else None
        n_bytes = self.index.size * self.inputs[0].numel() * self.inputs.element_size()
        self.gathers_at_once = n_bytes <= MAX_GATHERED_BYTES
        self.gathered: list[Batch] = []
        self.buffers: list[torch.Tensor] = []

    def next_epoch(self) -> Iterator[Batch]:
        """Draw every network's order and yield one epoch's batches."""
        is_new = [self._follow(k, order) for k, order in enumerate(self.orders)]
        if not self.gathers_at_once:
            return self._gather_each()
        if not self.gathered or any(is_new):
            self._gather()
        return iter(self.gathered)

    def draw_orders(self, n_epochs: Sequence[int]) -> np.ndarray:
        """Draw every network's orders for so many epochs, for those who gather the rows themselves.

        Returns
        -------
        index : int64 array of shape (k, n, n_rows)
            ``n`` is the largest of ``n_epochs``; 1 where no order is drawn and all epochs have the same.
        """
        if not any(order.shuffle for order in self.orders):
            return self.index[:, None]
        index = self.index[:, None].repeat(max(n_epochs), 1)
        for k, (order, n) in enumerate(zip(self.orders, n_epochs, strict=True)):
            if order.shuffle:
                for epoch in range(n):
                    np.add(order.draw(), self.starts[k], out=index[k, epoch, : self.lengths[k]])
        return index

    def compact(self, kept: Sequence[int]) -> "StackedBatches":
        """Return the batches of some of the networks, going on with their orders."""
        parts, orders = [self.parts[k] for k in kept], [self.orders[k] for k in kept]
        return StackedBatches(parts, orders, self.merges_last_single, self.weights_dtype)

    def _follow(self, k: int, order: BatchOrder) -> bool:
        drawn = order.next_epoch()
        if drawn is None:
            return False
        np.add(drawn.numpy(), self.starts[k], out=self.index[k, : self.lengths[k]])
        return True

    def _gather(self) -> None:
        index = torch.from_numpy(self.index.reshape(-1)).to(self.inputs.device, non_blocking=True)
        tensors = [tensor for tensor in (self.inputs, self.targets, self.weights) if tensor is not None]
        if not self.gathered:
            # Written anew every epoch: to allocate that much each time costs more than to fill it.
            self.buffers = [torch.empty(len(index), *t.shape[1:], dtype=t.dtype, device=t.device) for t in tensors]
        for tensor, buffer in zip(tensors, self.buffers, strict=True):
            torch.index_select(tensor, 0, index, out=buffer)
        if len(tensors) == 3 and self.mask is not None:
            self.buffers[2].mul_(self.mask.view(-1))
        if not self.gathered:
            shaped = [buffer.view(*self.index.shape, *buffer.shape[1:]) for buffer in self.buffers]
            self.gathered = list(self._cut(shaped))

    def _cut(self, tensors: list[torch.Tensor]) -> Iterator[Batch]:
        for (start, end), sizes in zip(pairwise(self.edges), self.sizes, strict=True):
            yield self._make_batch([tensor[:, start:end] for tensor in tensors], start, end, sizes)

    def _gather_each(self) -> Iterator[Batch]:
        tensors = [tensor for tensor in (self.inputs, self.targets, self.weights) if tensor is not None]
        for (start, end), sizes in zip(pairwise(self.edges), self.sizes, strict=True):
            rows = self.index[:, start:end]
            index = torch.from_numpy(rows.reshape(-1)).to(self.inputs.device, non_blocking=True)
            parts = [t.index_select(0, index).view(*rows.shape, *t.shape[1:]) for t in tensors]
            if len(parts) == 3 and self.mask is not None:
                parts[2].mul_(self.mask[:, start:end, 0])
            yield self._make_batch(parts, start, end, sizes)

    def _make_batch(self, parts: list[torch.Tensor], start: int, end: int, sizes: tuple[int, ...]) -> Batch:
        is_padded = min(sizes) != end - start
        weights = parts[2].unsqueeze(2) if len(parts) == 3 else None
        if weights is None and is_padded and self.mask is not None:
            weights = self.mask[:, start:end]
        return Batch(parts[0], parts[1], weights, sizes, is_padded, start)

    def _make_mask(self) -> torch.Tensor:
        mask = self.inputs.new_zeros(len(self.lengths), self.n_rows, 1, dtype=self.weights_dtype)
        for k, n in enumerate(self.lengths):
            mask[k, :n] = 1
        return mask


class SingleBatches:
    """The batches of one network whose rows are no tensor, or too many to gather at once."""

    def __init__(self, batches: EpochBatches) -> None:
        self.batches = batches
        self.n_rows = sum(batches.sizes)
        self.sizes = [(size,) for size in batches.sizes]

    def next_epoch(self) -> Iterator[Batch]:
        """Draw an order and yield one epoch's batches."""
        start = 0
        for (inputs, targets, weights), size in zip(self.batches.next_epoch(), self.sizes, strict=True):
            weights = None if weights is None else weights.view(1, -1, 1)
            yield Batch(inputs.unsqueeze(0), targets.unsqueeze(0), weights, size, False, start)
            start += size[0]


def _join(tensors: list[torch.Tensor]) -> torch.Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


def _join_weights(parts: Sequence[Rows], dtype: torch.dtype | None) -> torch.Tensor | None:
    if all(part.weights is None for part in parts):
        return None
    ones = [part.inputs.new_ones(len(part), dtype=dtype) for part in parts]
    return _join([own if part.weights is None else part.weights for part, own in zip(parts, ones, strict=True)])
