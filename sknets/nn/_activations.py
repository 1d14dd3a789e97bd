"""Activation functions by name. A new one is one line in ACTIVATIONS."""

import torch
from torch import nn


class HardThreshold(nn.Module):
    """The step function: 1 where the input is positive, else 0. It has no gradient to learn by."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return (logits > 0).to(logits.dtype)


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "hardtanh": nn.Hardtanh,
    "hard_threshold": HardThreshold,
}


def make_activation(activation: str | type[nn.Module]) -> nn.Module:
    """Return a new module for a name in ACTIVATIONS or for a torch module class."""
    if isinstance(activation, str):
        return ACTIVATIONS[activation]()
    # A class of the user's has parameters as it makes them: on the CPU, whatever device the network is planned on, and
    # without moving torch's generator.
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        return activation()
