"""What a module makes of one row: its layers' output shapes, and how much work that is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class LayerShape:
    """One layer of a module, in the order in which layers run.

    Attributes
    ----------
    name : str
        Its place in the module, such as ``0.2``.
    layer : torch.nn.Module
    output_shape : tuple of int
        For one row, without the axis of rows.
    """

    name: str
    layer: nn.Module
    output_shape: tuple[int, ...]

    @property
    def n_products(self) -> int:
        """Multiplications for one row."""
        weight = getattr(self.layer, "weight", None)
        if not isinstance(weight, torch.Tensor) or weight.ndim < 2:
            return 0
        # A convolution uses its weights at every place, a dense layer once.
        n_places = 1
        for length in self.output_shape[1:] if weight.ndim > 2 else ():
            n_places *= length
        return weight.numel() * n_places


def trace_layers(module: nn.Module, row: torch.Tensor) -> list[LayerShape]:
    """Run ``row``, a batch of one, through ``module`` and return its layers that hold no others."""
    found: list[LayerShape] = []
    names = {layer: name for name, layer in module.named_modules()}

    def note(layer: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            found.append(LayerShape(names[layer], layer, tuple(output.shape[1:])))

    leaves = [layer for layer in module.modules() if not any(True for _ in layer.children())]
    handles = [layer.register_forward_hook(note) for layer in leaves]
    try:
        with torch.inference_mode(), _evaluating(module):
            module(row)
    finally:
        for handle in handles:
            handle.remove()
    return found


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = {layer: layer.training for layer in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for layer, mode in modes.items():
            layer.training = mode
