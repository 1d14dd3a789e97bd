"""Stacks of dense layers: every network of the tabular estimators, down to a single linear layer."""

from collections.abc import Sequence

import torch
from torch import nn

from sknets.nn._activations import make_activation
from sknets.nn._dropout import Dropout
from sknets.nn._normalization import NORMALIZATIONS


class MLP(nn.Module):
    """Dense blocks and a linear output layer.

    Parameters
    ----------
    n_inputs : int
    hidden_sizes : sequence of int
        Units in each hidden layer; empty for a linear model.
    n_outputs : int
    activation : str or type of torch.nn.Module
        A key of ``ACTIVATIONS`` or a module class.
    dropout : sequence of float
        Probability of dropping a unit, one per hidden layer.
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
        super().__init__()
        widths = [n_inputs, *hidden_sizes]
        rates = list(dropout) or [0.0] * len(hidden_sizes)
        self.hidden = nn.Sequential(
            *(
                DenseBlock(n_in, n_out, activation, rate, normalization, residual)
                for n_in, n_out, rate in zip(widths, widths[1:], rates, strict=False)
            )
        )
        self.output = nn.Linear(widths[-1], n_outputs, bias=bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        for block in self.hidden:
            inputs = block(inputs)
        return self.output(inputs)

    @property
    def linear_layers(self) -> list[nn.Linear]:
        """The dense layers from the input to the output."""
        return [*(block.linear for block in self.hidden), self.output]


class DenseBlock(nn.Module):
    """Linear map, then normalization, activation and dropout where asked for, then the residual link."""

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        activation: str | type[nn.Module],
        dropout: float,
        normalization: str | None,
        residual: bool,
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, n_outputs)
        self.normalization = NORMALIZATIONS[normalization](n_outputs) if normalization else None
        self.activation = make_activation(activation)
        self.dropout = Dropout(dropout) if dropout else None
        self.residual = residual and n_inputs == n_outputs

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.linear(inputs)
        if self.normalization is not None:
            outputs = self.normalization(outputs)
        outputs = self.activation(outputs)
        if self.dropout is not None:
            outputs = self.dropout(outputs)
        return outputs + inputs if self.residual else outputs
