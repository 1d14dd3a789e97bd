"""Stacks of dense layers: every network of the tabular estimators, down to a single linear layer."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from sknets.nn._activations import make_activation
from sknets.nn._batch_normalization import BatchNormalization
from sknets.nn._dropout import Dropout
from sknets.nn._normalization import NORMALIZATIONS


class MLP(nn.Sequential):
    """Hidden layers (linear map, normalization, activation, dropout) and a linear output layer.

    Parameters
    ----------
    n_inputs : int
    hidden_sizes : sequence of int
        Units in each hidden layer; empty for a linear model.
    n_outputs : int
    activation : str or type of torch.nn.Module
        A key of ``ACTIVATIONS`` or a module class.
    dropout : sequence of float
        Probability of dropping a unit, one per hidden layer; empty for none.
    normalization : {"batch", "layer", "group"} or None
        Applied between the linear map and the activation.
    residual : bool
        Add a hidden layer's input to its output where both have the same width.
    bias : bool
        Whether the output layer has a bias.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_sizes: Sequence[int],
        n_outputs: int,
        *,
        activation: str | type[nn.Module] = "relu",
        dropout: Sequence[float] = (),
        normalization: str | None = None,
        residual: bool = False,
        bias: bool = True,
    ) -> None:
        layers: list[nn.Module] = []
        rates = list(dropout) or [0.0] * len(hidden_sizes)
        for (n_in, n_out), rate in zip(pairwise([n_inputs, *hidden_sizes]), rates, strict=True):
            block = _make_block(n_in, n_out, activation, rate, normalization)
            layers += [Residual(*block)] if residual and n_in == n_out else block
        super().__init__(*layers, nn.Linear([n_inputs, *hidden_sizes][-1], n_outputs, bias=bias))

    def replace_activation(self, activation: str | type[nn.Module]) -> None:
        """Put another activation behind every hidden layer; weights stay."""
        for block in (self, *(layer for layer in self if isinstance(layer, Residual))):
            for name, layer in list(block.named_children()):
                if not isinstance(layer, _NO_ACTIVATIONS):
                    setattr(block, name, make_activation(activation))


class Residual(nn.Sequential):
    """Layers in a row whose input is added to their output.

    K. He, X. Zhang, S. Ren, J. Sun, Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs + super().forward(inputs)


_NO_ACTIVATIONS = (nn.Linear, BatchNormalization, nn.LayerNorm, nn.GroupNorm, Dropout, Residual)


def _make_block(
    n_inputs: int, n_outputs: int, activation: str | type[nn.Module], dropout: float, normalization: str | None
) -> list[nn.Module]:
    block: list[nn.Module] = [nn.Linear(n_inputs, n_outputs)]
    if normalization:
        block.append(NORMALIZATIONS[normalization](n_outputs))
    block.append(make_activation(activation))
    if dropout:
        block.append(Dropout(dropout))
    return block
