"""What the layers with weights give when rows go through a network, behind their activations."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sknets.nn import HardThreshold

#: Layers that a block begins with.
WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd)

# They stand among torch's activations, but their outputs depend on more than the one number at their place.
_NO_ACTIVATIONS = (nn.MultiheadAttention, nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Softmax2d, nn.GLU)


@dataclass
class Block:
    """A layer with weights, and the activation behind it.

    Attributes
    ----------
    name : str
        The layer's place in the module.
    layer : torch.nn.Module
    output : torch.Tensor of shape (n, ...)
        Behind the activation; the layer's own where there is none.
    activation : torch.nn.Module or None
        The first that ran before the next layer with weights.
    before : torch.Tensor or None
        What the activation was given.
    """

    name: str
    layer: nn.Module
    output: torch.Tensor
    activation: nn.Module | None = None
    before: torch.Tensor | None = None


@contextmanager
def noting_blocks(module: nn.Module, activation: Any = None) -> Iterator[list[Block]]:
    """Yield a list that is filled when ``module`` is called inside the block; of a layer the first call counts.

    ``activation`` is a user's own class of activations, if there is one.
    """
    notes = _Notes()
    own = (activation,) if isinstance(activation, type) else ()
    with ExitStack() as stack:
        for name, layer in module.named_modules():
            if isinstance(layer, WEIGHTED):
                notes.names[layer] = name
                stack.callback(layer.register_forward_hook(notes.begin).remove)
            elif is_activation(layer, own):
                stack.callback(layer.register_forward_pre_hook(notes.keep).remove)
                stack.callback(layer.register_forward_hook(notes.complete).remove)
        yield notes.blocks


def is_activation(layer: nn.Module, own: tuple[type, ...] = ()) -> bool:
    """Whether a layer changes each number by itself."""
    is_torchs = type(layer).__module__ == "torch.nn.modules.activation" and not isinstance(layer, _NO_ACTIVATIONS)
    return is_torchs or isinstance(layer, (HardThreshold, *own))


class _Notes:
    """The hooks, and what they have seen."""

    def __init__(self) -> None:
        self.names: dict[nn.Module, str] = {}
        self.blocks: list[Block] = []
        self._open: Block | None = None
        self._input: torch.Tensor | None = None

    def begin(self, layer: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        self._open = None
        name = self.names[layer]
        if all(block.name != name for block in self.blocks):
            self._open = Block(name, layer, output.detach())
            self.blocks.append(self._open)

    def keep(self, layer: nn.Module, inputs: Any) -> None:
        # A copy, because an activation may write over what it is given.
        self._input = inputs[0].detach().clone() if self._open is not None else None

    def complete(self, layer: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        block, self._open = self._open, None
        if block is not None and self._input is not None and output.shape == self._input.shape:
            block.output, block.activation, block.before = output.detach(), layer, self._input
