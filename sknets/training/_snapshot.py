"""A module's weights at one moment."""

import math
from collections.abc import Iterable

import torch
from torch import nn


class Snapshot:
    """A copy of a module's parameters and buffers.

    Attributes
    ----------
    weights : torch.Tensor of shape (n_parameters,)
        All parameters in one vector: one copy and one look for what is not finite.
    buffers : list of torch.Tensor
    """

    def __init__(self, parameters: Iterable[torch.Tensor], buffers: Iterable[torch.Tensor]) -> None:
        with torch.no_grad():
            self.weights = torch.cat([parameter.reshape(-1) for parameter in parameters])
        self.buffers = [buffer.clone() for buffer in buffers]

    @classmethod
    def of(cls, module: nn.Module) -> "Snapshot":
        """Copy a module's parameters and buffers."""
        return cls(module.parameters(), module.buffers())

    def is_finite(self) -> bool:
        """Whether every parameter is finite; asks the device for one number."""
        return math.isfinite(float(self.weights.sum()))

    def restore(self, module: nn.Module) -> None:
        """Write the copy back in place."""
        start = 0
        with torch.no_grad():
            for parameter in module.parameters():
                end = start + parameter.numel()
                parameter.copy_(self.weights[start:end].view_as(parameter))
                start = end
            for buffer, saved in zip(module.buffers(), self.buffers, strict=True):
                buffer.copy_(saved)

    def to_cpu(self) -> "Snapshot":
        """Return the copy with its tensors on the CPU."""
        moved = object.__new__(Snapshot)
        moved.weights = self.weights.cpu()
        moved.buffers = [buffer.cpu() for buffer in self.buffers]
        return moved
