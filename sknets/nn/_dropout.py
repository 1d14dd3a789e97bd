"""Dropout with random numbers of its own."""

from typing import Any

import torch
from torch import nn


class Dropout(nn.Module):
    """Set each input to zero with probability ``p`` in training and scale the others by ``1 / (1 - p)``.

    ``torch.nn.Dropout`` draws from torch's global generator, so that a fit would depend on what ran before it and
    beside it; this one draws from ``generator``, which the net sets once the module is on its device.

    References
    ----------
    N. Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR 15, 2014.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * self.draw_mask(inputs) if self.training and self.p else inputs

    def draw_mask(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return zeros, and ``1 / (1 - p)`` for the inputs that stay, in the shape of ``inputs``."""
        keep = 1 - self.p
        return torch.empty_like(inputs).bernoulli_(keep, generator=self.generator).div_(keep)

    def extra_repr(self) -> str:
        return f"p={self.p}"

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if self.generator is not None:
            # A generator unpickles only where its device is; its state as bytes goes anywhere.
            state["generator"] = (str(self.generator.device), self.generator.get_state())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        saved = state.get("generator")
        if isinstance(saved, tuple):
            state = {**state, "generator": _restore_generator(*saved)}
        super().__setstate__(state)


def _restore_generator(device: str, generator_state: torch.Tensor) -> torch.Generator:
    try:
        generator = torch.Generator(device)
        generator.set_state(generator_state)
    except RuntimeError:
        # The device is not on this machine, and the CPU's generator cannot continue another kind's sequence.
        generator = torch.Generator().manual_seed(int(generator_state.to(torch.int64).sum()))
    return generator
