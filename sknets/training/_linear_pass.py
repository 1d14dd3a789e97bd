"""A single linear layer on all rows, past its own slow product and without making sparse rows dense."""

import numpy as np
import torch
from torch import nn

from sknets.training._row_sources import SparseRows


class LinearPass:
    """A single linear layer, forward and backward, by two matrix products whose long side is the number of rows.

    Few outputs make the layer's usual product slow; kept transposed it takes three quarters of the time. Sparse rows
    are never made dense.
    """

    def __init__(self, layer: nn.Linear) -> None:
        self.weight = layer.weight
        self.bias = layer.bias

    @classmethod
    def of(cls, module: nn.Module) -> "LinearPass | None":
        """Return the pass for a module that is one linear layer, else None."""
        layers = list(module.children())
        return cls(layers[0]) if len(layers) == 1 and isinstance(layers[0], nn.Linear) else None

    def forward(self, inputs: torch.Tensor | SparseRows, rows: slice) -> torch.Tensor:
        """Return outputs of shape (n, n_outputs) that gradients can be taken of."""
        weight = self.weight.detach()
        if isinstance(inputs, SparseRows):
            product = torch.from_numpy(inputs.matrix[rows] @ weight.T.cpu().double().numpy()).to(weight)
            outputs = product if self.bias is None else product + self.bias.detach()
        else:
            transposed = weight @ inputs[rows].T  # (n_outputs, n)
            outputs = (transposed if self.bias is None else transposed + self.bias.detach()[:, None]).T
        return outputs.requires_grad_()

    def backward(self, inputs: torch.Tensor | SparseRows, rows: slice, slope: torch.Tensor) -> None:
        """Add the parameters' gradients, given the loss's gradient ``slope`` of shape (n, n_outputs)."""
        if isinstance(inputs, SparseRows):
            product = inputs.matrix[rows].T @ slope.cpu().double().numpy()
            gradient = torch.from_numpy(np.ascontiguousarray(product.T)).to(self.weight)
        else:
            gradient = slope.T @ inputs[rows]
        self.weight.grad = gradient if self.weight.grad is None else self.weight.grad.add_(gradient)
        if self.bias is not None:
            total = slope.sum(dim=0)
            self.bias.grad = total if self.bias.grad is None else self.bias.grad.add_(total)
