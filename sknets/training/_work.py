"""How much memory and arithmetic one row costs a module."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sknets.nn import trace_layers
from sknets.training._row_sources import RowSource


@dataclass(frozen=True)
class Work:
    """The numbers in the widest layer's output (or in the row itself), and the multiplications of a forward pass."""

    n_values: int
    n_products: int


def measure_work(module: nn.Module, inputs: torch.Tensor | RowSource) -> Work:
    """Return the work for one of ``inputs``; where there are convolutions, by sending a row through."""
    parameters = list(module.parameters())
    n_values = math.prod(inputs.shape[1:])
    if all(parameter.ndim <= 2 for parameter in parameters) or not len(inputs):
        widest = max((len(parameter) for parameter in parameters if parameter.ndim), default=1)
        return Work(max(widest, n_values), sum(p.numel() for p in parameters if p.ndim == 2))
    row = inputs.sample() if isinstance(inputs, RowSource) else inputs[:1]
    layers: list[Any] = trace_layers(module, row)
    return Work(
        max(n_values, *(math.prod(layer.output_shape) for layer in layers)), sum(layer.n_products for layer in layers)
    )
