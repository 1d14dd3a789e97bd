"""Pooling by name: one number for each small window of a feature map."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

Size = int | tuple[int, int]


class PowerAveragePool2d(nn.Module):
    """The square root of the sum of squares in each window, which large values dominate.

    A window that reaches over the edge counts as if its other pixels had the mean of its squares.

    ``torch.nn.LPPool2d`` has an infinite slope where a window is all zeros, which is common behind a rectifier.

    References
    ----------
    P. Sermanet, S. Chintala, Y. LeCun, Convolutional Neural Networks Applied to House Numbers Digit Classification,
    ICPR 2012, arXiv:1204.3968.
    """

    def __init__(self, kernel_size: Size, *, ceil_mode: bool = False, epsilon: float = 1e-12) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.ceil_mode = ceil_mode
        self.epsilon = epsilon
        height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        self._n_pixels = height * width

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        squares = functional.avg_pool2d(
            maps.square(), self.kernel_size, ceil_mode=self.ceil_mode, count_include_pad=False
        )
        return (squares * self._n_pixels + self.epsilon).sqrt()

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}"


# ceil_mode: the last row and column of an odd side count, and a picture smaller than the window is no error.
POOLS: dict[str, Callable[[Size], nn.Module]] = {
    "max": lambda size: nn.MaxPool2d(size, ceil_mode=True),
    "avg": lambda size: nn.AvgPool2d(size, ceil_mode=True, count_include_pad=False),
    "lp": lambda size: PowerAveragePool2d(size, ceil_mode=True),
}
