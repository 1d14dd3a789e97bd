"""Dropout of single units and of whole channels."""

import torch

from sknets.nn._random_layer import BaseRandomLayer


class BaseDropout(BaseRandomLayer):
    """Set inputs to zero with probability ``p`` in training and scale the others by ``1 / (1 - p)``."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def extra_repr(self) -> str:
        return f"p={self.p}"

    def _draw(self, inputs: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        keep = 1 - self.p
        return draw_kept(shape, keep, self.generator, inputs.device).to(inputs.dtype).div_(keep)


class Dropout(BaseDropout):
    """Set each input to zero with probability ``p`` in training and scale the others by ``1 / (1 - p)``.

    References
    ----------
    N. Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR 15, 2014.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * self.draw_mask(inputs) if self.training and self.p else inputs

    def draw_mask(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return zeros, and ``1 / (1 - p)`` for the inputs that stay, in the shape of ``inputs``."""
        return self._draw(inputs, inputs.shape)


class ChannelDropout(BaseDropout):
    """Set whole channels of each picture to zero with probability ``p`` in training and scale the others.

    Neighbouring pixels say almost the same, so that dropping single ones takes little away.

    References
    ----------
    J. Tompson et al., Efficient Object Localization Using Convolutional Networks, CVPR 2015, arXiv:1411.4280.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if not (self.training and self.p):
            return inputs
        return inputs * self._draw(inputs, torch.Size((*inputs.shape[:2], 1, 1)))


def draw_kept(shape: torch.Size, keep: float, generator: torch.Generator | None, device: torch.device) -> torch.Tensor:
    """Return a tensor of bool: which elements stay, each with probability ``keep``."""
    if device.type != "cpu":
        return torch.empty(shape, dtype=torch.bool, device=device).bernoulli_(keep, generator=generator)
    return (draw_words(shape.numel(), generator) < find_threshold(keep)).view(shape)


def draw_words(n: int, generator: torch.Generator | None) -> torch.Tensor:
    """Return ``n`` random whole numbers of 32 bits.

    Two for each draw of 64 bits: on a CPU that takes a tenth of the time of torch's ``bernoulli_``, which draws one
    number of double precision for each element, and was most of the time of a small network with dropout.
    """
    return draw_pairs_of_words(torch.empty((n + 1) // 2, dtype=torch.int64), generator).view(torch.int32)[:n]


def draw_pairs_of_words(pairs: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Write random bits over whole numbers of 64 bits and return them."""
    return pairs.random_(-(2**63), None, generator=generator)


def find_threshold(keep: float) -> int:
    """Return the number below which a share ``keep`` of all whole numbers of 32 bits lies."""
    return min(round(keep * 2**32) - 2**31, 2**31 - 1)
