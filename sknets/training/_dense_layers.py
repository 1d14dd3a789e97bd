"""The layers of a stack of networks: forward and backward passes, written out.

Tensors have a leading axis for the networks: (k, rows, width). A layer keeps what its backward pass needs. What it
returns is written over in the next step, and it may write over the slope that it is given.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from sknets.nn import BatchNormalization, ChannelDropout, Dropout, Residual, draw_kept
from sknets.training._activation_slopes import ACTIVATIONS
from sknets.training._workspace import Workspace

#: Finds the values and the gradients, of shape (k, ...), of a parameter of the first network.
Places = Callable[[nn.Parameter], tuple[torch.Tensor, torch.Tensor]]


class BatchRows(NamedTuple):
    """What layers must know of a batch's rows.

    Attributes
    ----------
    weights : torch.Tensor of shape (k, rows, 1) or None
        None where all rows count alike.
    n_rows : sequence of int or None
        Rows of each network where the last ones are padding of weight zero; None where no row is.
    """

    weights: torch.Tensor | None = None
    n_rows: Sequence[int] | None = None


class DenseLayer:
    """A linear layer."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        self.first: Any = layers[0]
        self.needs_no_slope = False
        self._outputs, self._slopes = Workspace(), Workspace()

    def attach(self, places: Places) -> None:
        """Take the memory of parameters and gradients."""
        weight, self.weight_gradient = places(self.first.weight)
        self.weight, self.transposed = weight, weight.transpose(1, 2)  # (k, out, in), (k, in, out)
        self.bias: torch.Tensor | None = None
        if self.first.bias is not None:
            bias, gradient = places(self.first.bias)
            self.bias, self.bias_gradient = bias.unsqueeze(1), gradient.unsqueeze(1)

    def forward(self, inputs: torch.Tensor, rows: BatchRows, outputs: torch.Tensor | None = None) -> torch.Tensor:
        """Return ``inputs @ weight.T + bias``, written into ``outputs`` where given."""
        self.inputs = inputs
        if outputs is None:
            outputs = self._outputs.take(inputs, self.weight.shape[1])
        if self.bias is None:
            return torch.bmm(inputs, self.transposed, out=outputs)
        return torch.baddbmm(self.bias, inputs, self.transposed, out=outputs)

    def backward(self, slope: torch.Tensor) -> torch.Tensor | None:
        torch.bmm(slope.transpose(1, 2), self.inputs, out=self.weight_gradient)
        if self.bias is not None:
            torch.sum(slope, 1, keepdim=True, out=self.bias_gradient)
        return None if self.needs_no_slope else torch.bmm(slope, self.weight, out=self._slopes.like(self.inputs))

    def evaluate(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what ``forward`` would, in memory of its own."""
        outputs = torch.bmm(inputs, self.transposed)
        return outputs if self.bias is None else outputs.add_(self.bias)

    def compact(self, kept: Sequence[int]) -> None:
        """Forget the networks that have left."""
        self._outputs.clear()
        self._slopes.clear()

    def write_back(self, network: int, layer: Any) -> None:
        """Write what is no parameter into a network's own layer."""


class ActivationLayer:
    """A function of single numbers."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        self.function, self.derivative, self.is_in_place = ACTIVATIONS[type(layers[0])](layers[0])
        self._outputs = Workspace()

    def attach(self, places: Places) -> None: ...

    def forward(self, inputs: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        self.inputs = inputs
        self.outputs = self.function(inputs, None if self.is_in_place else self._outputs.like(inputs))
        return self.outputs

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        return self.derivative(slope, self.inputs, self.outputs)

    def evaluate(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.function(inputs, None)

    def compact(self, kept: Sequence[int]) -> None:
        self._outputs.clear()

    def write_back(self, network: int, layer: Any) -> None: ...


class DropoutLayer:
    """Dropout; each network's mask comes from the generator of its own layer."""

    def __init__(self, layers: Sequence[Dropout | ChannelDropout]) -> None:
        self.layers = list(layers)
        self._masks, self._outputs = Workspace(), Workspace()
        self._find_shares()

    def attach(self, places: Places) -> None: ...

    def forward(self, inputs: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        self.mask = self.draw(self._masks.like(inputs), rows)
        return torch.mul(inputs, self.mask, out=self._outputs.like(inputs))

    def draw(self, mask: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        """Write zeros into a mask of shape (k, rows, width), and for what stays what it is scaled by."""
        if rows.n_rows is not None:
            # Padding draws nothing, and what lies in fresh memory may not be a number.
            mask.zero_()
        for k, layer in enumerate(self.layers):
            own = mask[k] if rows.n_rows is None else mask[k, : rows.n_rows[k]]
            own.copy_(draw_kept(own.shape, 1 - layer.p, layer.generator, own.device))
        return mask.div_(self.shares)

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        return slope.mul_(self.mask)

    def evaluate(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs

    def compact(self, kept: Sequence[int]) -> None:
        self.layers = [self.layers[k] for k in kept]
        self._masks.clear()
        self._outputs.clear()
        self._find_shares()

    def write_back(self, network: int, layer: Any) -> None: ...

    def _find_shares(self) -> None:
        shares = [1 - layer.p for layer in self.layers]
        self.shares: Any = shares[0]
        if len(set(shares)) > 1:
            generator: Any = self.layers[0].generator
            self.shares = torch.tensor(shares, dtype=torch.float64, device=generator.device).view(-1, 1, 1)


class BatchNormalizationLayer:
    """Batch normalization with weighted rows and running statistics; see ``sknets.nn.BatchNormalization``."""

    def __init__(self, layers: Sequence[BatchNormalization]) -> None:
        self.first = layers[0]
        self.n_batches = [int(layer.num_batches_tracked) for layer in layers]
        self.means = torch.stack([layer.running_mean for layer in layers]).unsqueeze(1)  # (k, 1, width)
        self.variances = torch.stack([layer.running_var for layer in layers]).unsqueeze(1)
        self._normalized, self._outputs, self._products = Workspace(), Workspace(), Workspace()
        if len(layers) == 1:
            self._share_memory(layers[0])

    def attach(self, places: Places) -> None:
        scale, scale_gradient = places(self.first.weight)
        shift, shift_gradient = places(self.first.bias)
        self.scale, self.scale_gradient = scale.unsqueeze(1), scale_gradient.unsqueeze(1)
        self.shift, self.shift_gradient = shift.unsqueeze(1), shift_gradient.unsqueeze(1)

    def forward(self, inputs: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        weights, products = rows.weights, self._products.like(inputs)
        centred = self.normalized = self._normalized.like(inputs)
        if weights is None:
            self.shares: Any = 1 / inputs.shape[1]
            mean = inputs.mean(1, keepdim=True)
            torch.sub(inputs, mean, out=centred)
            variance = torch.square(centred, out=products).mean(1, keepdim=True)
        else:
            self.shares = weights / weights.sum(1, keepdim=True)
            mean = torch.mul(inputs, self.shares, out=products).sum(1, keepdim=True)
            torch.sub(inputs, mean, out=centred)
            variance = torch.square(centred, out=products).mul_(self.shares).sum(1, keepdim=True)
        self.follow(mean, variance)
        self.inverse_spread = torch.rsqrt(variance + self.first.eps)
        self.normalized.mul_(self.inverse_spread)
        return torch.addcmul(self.shift, self.normalized, self.scale, out=self._outputs.like(inputs))

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        products = self._products.like(slope)
        torch.sum(slope, 1, keepdim=True, out=self.shift_gradient)
        torch.sum(torch.mul(slope, self.normalized, out=products), 1, keepdim=True, out=self.scale_gradient)
        through_statistics = torch.addcmul(self.shift_gradient, self.normalized, self.scale_gradient, out=products)
        return slope.sub_(through_statistics.mul_(self.shares)).mul_(self.scale * self.inverse_spread)

    def evaluate(self, inputs: torch.Tensor) -> torch.Tensor:
        normalized = (inputs - self.means) * torch.rsqrt(self.variances + self.first.eps)
        return torch.addcmul(self.shift, normalized, self.scale)

    def compact(self, kept: Sequence[int]) -> None:
        self.n_batches = [self.n_batches[k] for k in kept]
        self.means, self.variances = self.means[kept], self.variances[kept]
        for memory in (self._normalized, self._outputs, self._products):
            memory.clear()

    def write_back(self, network: int, layer: Any) -> None:
        layer.running_mean.copy_(self.means[network, 0])
        layer.running_var.copy_(self.variances[network, 0])
        layer.num_batches_tracked.fill_(self.n_batches[network])
        layer._n_batches = self.n_batches[network]

    def follow(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Move the running statistics towards the batch's own, of shape (k, 1, width)."""
        self.n_batches = [n + 1 for n in self.n_batches]
        shares = [max(self.first.momentum, 1 / n) for n in self.n_batches]
        share: Any = shares[0]
        if len(set(shares)) > 1:
            share = torch.tensor(shares, dtype=mean.dtype, device=mean.device).view(-1, 1, 1)
        self.means.lerp_(mean, share)
        self.variances.lerp_(variance, share)

    def _share_memory(self, layer: BatchNormalization) -> None:
        layer.running_mean.data = self.means[0, 0]
        layer.running_var.data = self.variances[0, 0]


class GroupNormalizationLayer:
    """Layer normalization of each of several groups of a row's units; of a single group for ``nn.LayerNorm``."""

    def __init__(self, layers: Sequence[nn.LayerNorm | nn.GroupNorm]) -> None:
        self.first: Any = layers[0]
        self.n_groups = layers[0].num_groups if isinstance(layers[0], nn.GroupNorm) else 1

    def attach(self, places: Places) -> None:
        scale, scale_gradient = places(self.first.weight)
        shift, shift_gradient = places(self.first.bias)
        self.scale, self.scale_gradient = scale.unsqueeze(1), scale_gradient.unsqueeze(1)
        self.shift, self.shift_gradient = shift.unsqueeze(1), shift_gradient.unsqueeze(1)

    def forward(self, inputs: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        self.groups = inputs.unflatten(2, (self.n_groups, -1))  # (k, rows, groups, units)
        width = [self.groups.shape[3]]
        normalized, self.means, self.inverse_spreads = torch.native_layer_norm(
            self.groups, width, None, None, self.first.eps
        )
        self.normalized = normalized.flatten(2)
        return torch.addcmul(self.shift, self.normalized, self.scale)

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        torch.sum(slope, 1, keepdim=True, out=self.shift_gradient)
        torch.sum(slope * self.normalized, 1, keepdim=True, out=self.scale_gradient)
        slope_of_groups = (slope * self.scale).view_as(self.groups)
        width, wanted = [self.groups.shape[3]], [True, False, False]
        slopes = torch.ops.aten.native_layer_norm_backward.default(
            slope_of_groups, self.groups, width, self.means, self.inverse_spreads, None, None, wanted
        )
        return slopes[0].flatten(2)

    def evaluate(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.forward(inputs, BatchRows())

    def compact(self, kept: Sequence[int]) -> None: ...

    def write_back(self, network: int, layer: Any) -> None: ...


class ResidualLayer:
    """Layers in a row whose input is added to their output."""

    def __init__(self, blocks: Sequence[Residual], known: "Mapping[type[nn.Module], Callable[[Any], Any]]") -> None:
        self.layers = [known[type(layers[0])](layers) for layers in zip(*blocks, strict=True)]
        self._outputs, self._slopes = Workspace(), Workspace()

    def attach(self, places: Places) -> None:
        for layer in self.layers:
            layer.attach(places)

    def forward(self, inputs: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        outputs = inputs
        for layer in self.layers:
            outputs = layer.forward(outputs, rows)
        return torch.add(inputs, outputs, out=self._outputs.like(inputs))

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        # The layers write over what they are given.
        inner = self._slopes.like(slope).copy_(slope)
        for layer in reversed(self.layers):
            inner = layer.backward(inner)
        return slope.add_(inner)

    def evaluate(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = inputs
        for layer in self.layers:
            outputs = layer.evaluate(outputs)
        return inputs + outputs

    def compact(self, kept: Sequence[int]) -> None:
        self._outputs.clear()
        self._slopes.clear()
        for layer in self.layers:
            layer.compact(kept)

    def write_back(self, network: int, layer: Any) -> None:
        for own, inner in zip(self.layers, layer, strict=True):
            own.write_back(network, inner)


#: Of rows of numbers.
LAYERS: dict[type[nn.Module], Callable[[Any], Any]] = {
    nn.Linear: DenseLayer,
    Dropout: DropoutLayer,
    BatchNormalization: BatchNormalizationLayer,
    nn.LayerNorm: GroupNormalizationLayer,
    nn.GroupNorm: GroupNormalizationLayer,
    Residual: lambda blocks: ResidualLayer(blocks, LAYERS),
    **dict.fromkeys(ACTIVATIONS, ActivationLayer),
}
