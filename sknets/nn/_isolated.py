"""A module of somebody else's, whose random numbers are made its own."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sknets._randomness import seeded_global_generator
from sknets.nn._random_layer import BaseRandomLayer


class Isolated(BaseRandomLayer):
    """Run a module under a seed of its own in training.

    torch's dropout and torchvision's stochastic depth draw from torch's global generator. It is seeded for the pass
    and given its state back, so that a fit depends on its own ``random_state`` only and moves nobody else's numbers.
    """

    # Seeds are drawn where the module is called from.
    generator_device = "cpu"

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: torch.Tensor) -> Any:
        if not self.training or self.generator is None:
            return self.module(inputs)
        seed = int(torch.randint(2**62, (), generator=self.generator))
        with seeded_global_generator(seed, inputs.device):
            return self.module(inputs)


def build_isolated(build: Callable[..., nn.Module], seed: int, /, **arguments: Any) -> nn.Module:
    """Call ``build`` with torch's global generator seeded, and give it its state back."""
    with seeded_global_generator(seed, torch.device("cpu")):
        return build(**arguments)
