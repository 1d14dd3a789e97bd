"""What layers share that draw random numbers in training."""

from typing import Any

import torch
from torch import nn


class BaseRandomLayer(nn.Module):
    """A layer with a generator of its own, which the net sets once the module is on its device.

    torch's layers draw from torch's global generator, so that a fit would depend on what ran before it and beside it.
    """

    #: Where its generator must be; None for the module's device.
    generator_device: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.generator: torch.Generator | None = None

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
