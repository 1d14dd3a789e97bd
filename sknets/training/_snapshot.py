"""A module's weights at one moment."""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

import torch
from torch import nn


class Snapshot:
    """A copy of a module's parameters and buffers.

    Attributes
    ----------
    weights : torch.Tensor of shape (n_parameters,)
        All parameters in one vector: one copy and one look for what is not finite.
    starts : sequence of int
        Where each parameter begins in it.
    buffers : list of torch.Tensor
    """

    def __init__(self, parameters: Iterable[torch.Tensor], buffers: Iterable[torch.Tensor]) -> None:
        with torch.no_grad():
            parts = [parameter.reshape(-1) for parameter in parameters]
            self.weights = torch.cat(parts)
        self.starts: Sequence[int] = [0, *accumulate(part.numel() for part in parts[:-1])]
        self.buffers = [buffer.clone() for buffer in buffers]

    @classmethod
    def of(cls, module: nn.Module) -> "Snapshot":
        """Copy a module's parameters and buffers."""
        return cls(module.parameters(), module.buffers())

    @classmethod
    def of_vector(cls, vector: torch.Tensor, starts: Sequence[int], buffers: Iterable[torch.Tensor]) -> "Snapshot":
        """Copy a vector in which a module's parameters, of their usual shapes, begin at ``starts``."""
        snapshot = object.__new__(cls)
        snapshot.weights = vector.clone()
        snapshot.starts = starts
        snapshot.buffers = [buffer.clone() for buffer in buffers]
        return snapshot

    def is_finite(self) -> bool:
        """Whether every parameter is finite; asks the device for one number."""
        return math.isfinite(float(self.weights.sum()))

    def restore(self, module: nn.Module) -> None:
        """Write the copy back in place."""
        with torch.no_grad():
            for parameter, start in zip(module.parameters(), self.starts, strict=True):
                parameter.copy_(self.weights[start : start + parameter.numel()].view_as(parameter))
            for buffer, saved in zip(module.buffers(), self.buffers, strict=True):
                buffer.copy_(saved)

    def to_cpu(self) -> "Snapshot":
        """Return the copy with its tensors on the CPU."""
        moved = object.__new__(Snapshot)
        moved.weights = self.weights.cpu()
        moved.starts = self.starts
        moved.buffers = [buffer.cpu() for buffer in self.buffers]
        return moved
