"""The layers in front of a convolutional network's dense ones, for a stack of networks: both passes, written out.

The maps of all networks lie side by side as channels, (rows, k * channels, height, width), those of one pixel next to
each other in memory: one convolution with a group for each network computes all of them. ``ImageInputLayer`` makes
such maps of rows, (k, rows, n_features), and ``FlattenLayer`` makes rows of them again. Otherwise what
``_dense_layers`` says of its layers holds here, too.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from sknets.nn import BatchNormalization, ChannelDropout, ImageInput, PowerAveragePool2d, Residual
from sknets.training._activation_slopes import ACTIVATIONS
from sknets.training._dense_layers import (
    ActivationLayer,
    BatchNormalizationLayer,
    BatchRows,
    DropoutLayer,
    Places,
    ResidualLayer,
)
from sknets.training._workspace import Workspace

aten = torch.ops.aten

# The slopes at a normalization's inputs, scale and shift.
WANTED = [True, True, True]


class ImageInputLayer:
    """Rows become images, scaled by each network's own statistics."""

    def __init__(self, layers: Sequence[ImageInput]) -> None:
        self.layout = layers[0].layout
        self.means, self.scales = (
            torch.stack([getattr(layer, name).flatten() for layer in layers]) for name in ("mean", "scale")
        )  # (k, channels)
        self._images = Workspace()

    def attach(self, places: Places) -> None: ...

    def forward(self, inputs: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        images = self._unfold(inputs)
        return self._scale(images, self._images.shaped(images.shape, self.means))

    def evaluate(self, inputs: torch.Tensor) -> torch.Tensor:
        images = self._unfold(inputs)
        return self._scale(images, self.means.new_empty(images.shape))

    def compact(self, kept: Sequence[int]) -> None:
        self.means, self.scales = self.means[kept], self.scales[kept]
        self._images.clear()

    def write_back(self, network: int, layer: Any) -> None: ...

    def _unfold(self, inputs: torch.Tensor) -> torch.Tensor:
        images = inputs.unflatten(2, self.layout.unfolded_shape)
        # (rows, height, width, k, channels), without a copy
        return images.permute(1, 2, 3, 0, 4) if self.layout.is_channels_last else images.permute(1, 3, 4, 0, 2)

    def _scale(self, images: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        outputs.copy_(images).sub_(self.means).div_(self.scales)
        return outputs.flatten(3).permute(0, 3, 1, 2)


class ConvolutionLayer:
    """A convolution with a group for each network."""

    def __init__(self, layers: Sequence[nn.Conv2d]) -> None:
        self.first: Any = layers[0]
        self.needs_no_slope = False

    def attach(self, places: Places) -> None:
        weight, weight_gradient = places(self.first.weight)
        bias, bias_gradient = places(self.first.bias)
        self.n_networks = len(weight)
        self.weight, self.weight_gradient = weight.flatten(0, 1), weight_gradient.flatten(0, 1)  # (k * out, in, h, w)
        self.bias, self.bias_gradient = bias.flatten(), bias_gradient.flatten()

    def forward(self, maps: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        self.inputs = maps
        return self.evaluate(maps)

    def backward(self, slope: torch.Tensor) -> torch.Tensor | None:
        wanted = [not self.needs_no_slope, True, True]
        slope_of_inputs, weight_gradient, bias_gradient = aten.convolution_backward.default(
            slope, self.inputs, self.weight, [len(self.bias)], *self._geometry(), wanted
        )
        self.weight_gradient.copy_(weight_gradient)
        self.bias_gradient.copy_(bias_gradient)
        return slope_of_inputs

    def evaluate(self, maps: torch.Tensor) -> torch.Tensor:
        return torch.convolution(maps, self.weight, self.bias, *self._geometry())

    def compact(self, kept: Sequence[int]) -> None: ...

    def write_back(self, network: int, layer: Any) -> None: ...

    def _geometry(self) -> tuple[Any, ...]:
        first = self.first
        return first.stride, first.padding, first.dilation, False, (0, 0), self.n_networks


class PaddingLayer:
    """Zeros around maps."""

    def __init__(self, layers: Sequence[nn.ZeroPad2d]) -> None:
        self.margins: Any = layers[0].padding  # left, right, top, bottom

    def attach(self, places: Places) -> None: ...

    def forward(self, maps: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        return functional.pad(maps, self.margins)

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        return functional.pad(slope, [-margin for margin in self.margins])

    def evaluate(self, maps: torch.Tensor) -> torch.Tensor:
        return functional.pad(maps, self.margins)

    def compact(self, kept: Sequence[int]) -> None: ...

    def write_back(self, network: int, layer: Any) -> None: ...


class ChannelNormalizationLayer:
    """Batch normalization of maps; where rows have weights, each pixel is treated as a row of its own."""

    def __init__(self, layers: Sequence[BatchNormalization]) -> None:
        self.of_pixels = BatchNormalizationLayer(layers)
        self.first = layers[0]

    def attach(self, places: Places) -> None:
        self.of_pixels.attach(places)
        (scale, self.scale_gradient), (shift, self.shift_gradient) = places(self.first.weight), places(self.first.bias)
        self.scale, self.shift = scale.flatten(), shift.flatten()

    def forward(self, maps: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        self.is_weighted = rows.weights is not None
        if rows.weights is not None:
            weights = rows.weights.expand(-1, -1, maps.shape[2] * maps.shape[3]).flatten(1).unsqueeze(2)
            pixels = _as_pixels(maps, len(weights))
            return _as_maps(self.of_pixels.forward(pixels, BatchRows(weights)), maps)
        self.inputs = maps
        mean, variance = torch.zeros_like(self.scale), torch.zeros_like(self.scale)
        # With a momentum of 1 they become the batch's own, whose variance torch enlarges by n / (n - 1).
        outputs, self.means, self.inverse_spreads = torch.native_batch_norm(
            maps, self.scale, self.shift, mean, variance, True, 1.0, self.first.eps
        )
        variance.mul_(1 - maps.shape[1] / maps.numel())
        of_networks = self.of_pixels.means.shape
        self.of_pixels.follow(mean.view(of_networks), variance.view(of_networks))
        return outputs

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        if self.is_weighted:
            pixels = _as_pixels(slope, len(self.scale_gradient))
            return _as_maps(self.of_pixels.backward(pixels), slope)
        slope_of_inputs, scale_gradient, shift_gradient = aten.native_batch_norm_backward.default(
            slope,
            self.inputs,
            self.scale,
            None,
            None,
            self.means,
            self.inverse_spreads,
            True,
            self.first.eps,
            WANTED,
        )
        self.scale_gradient.view(-1).copy_(scale_gradient)
        self.shift_gradient.view(-1).copy_(shift_gradient)
        return slope_of_inputs

    def evaluate(self, maps: torch.Tensor) -> torch.Tensor:
        means, variances = self.of_pixels.means.flatten(), self.of_pixels.variances.flatten()
        return functional.batch_norm(maps, means, variances, self.scale, self.shift, eps=self.first.eps)

    def compact(self, kept: Sequence[int]) -> None:
        self.of_pixels.compact(kept)

    def write_back(self, network: int, layer: Any) -> None:
        self.of_pixels.write_back(network, layer)


class ChannelGroupNormalizationLayer:
    """Layer normalization of groups of a row's channels."""

    def __init__(self, layers: Sequence[nn.GroupNorm]) -> None:
        self.first: Any = layers[0]

    def attach(self, places: Places) -> None:
        (scale, self.scale_gradient), (shift, self.shift_gradient) = places(self.first.weight), places(self.first.bias)
        self.n_groups = len(scale) * self.first.num_groups
        self.scale, self.shift = scale.flatten(), shift.flatten()

    def forward(self, maps: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        self.inputs = maps
        outputs, self.means, self.inverse_spreads = torch.native_group_norm(
            maps, self.scale, self.shift, *self._sizes(maps), self.n_groups, self.first.eps
        )
        return outputs

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        slope_of_inputs, scale_gradient, shift_gradient = aten.native_group_norm_backward.default(
            slope,
            self.inputs,
            self.means,
            self.inverse_spreads,
            self.scale,
            *self._sizes(slope),
            self.n_groups,
            WANTED,
        )
        self.scale_gradient.view(-1).copy_(scale_gradient)
        self.shift_gradient.view(-1).copy_(shift_gradient)
        return slope_of_inputs

    def evaluate(self, maps: torch.Tensor) -> torch.Tensor:
        return functional.group_norm(maps, self.n_groups, self.scale, self.shift, self.first.eps)

    def compact(self, kept: Sequence[int]) -> None: ...

    def write_back(self, network: int, layer: Any) -> None: ...

    def _sizes(self, maps: torch.Tensor) -> tuple[int, int, int]:
        return maps.shape[0], maps.shape[1], maps.shape[2] * maps.shape[3]


class MaxPoolLayer:
    """The largest number of each window."""

    def __init__(self, layers: Sequence[nn.MaxPool2d]) -> None:
        pool = layers[0]
        self.geometry = tuple(map(_pair, (pool.kernel_size, pool.stride, pool.padding, pool.dilation)))
        self.ceil_mode = pool.ceil_mode

    def attach(self, places: Places) -> None: ...

    def forward(self, maps: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        self.inputs = maps
        outputs, self.places = aten.max_pool2d_with_indices.default(maps, *self.geometry, self.ceil_mode)
        return outputs

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        return aten.max_pool2d_with_indices_backward.default(
            slope, self.inputs, *self.geometry, self.ceil_mode, self.places
        )

    def evaluate(self, maps: torch.Tensor) -> torch.Tensor:
        return aten.max_pool2d.default(maps, *self.geometry, self.ceil_mode)

    def compact(self, kept: Sequence[int]) -> None: ...

    def write_back(self, network: int, layer: Any) -> None: ...


class AveragePoolLayer:
    """The mean of each window."""

    def __init__(self, layers: Sequence[nn.AvgPool2d | PowerAveragePool2d]) -> None:
        pool = layers[0]
        self.window, self.ceil_mode = _pair(pool.kernel_size), pool.ceil_mode

    def attach(self, places: Places) -> None: ...

    def forward(self, maps: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        self.inputs = maps
        return self.evaluate(maps)

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        return aten.avg_pool2d_backward.default(
            slope, self.inputs, self.window, self.window, (0, 0), self.ceil_mode, False, None
        )

    def evaluate(self, maps: torch.Tensor) -> torch.Tensor:
        return functional.avg_pool2d(maps, self.window, ceil_mode=self.ceil_mode, count_include_pad=False)

    def compact(self, kept: Sequence[int]) -> None: ...

    def write_back(self, network: int, layer: Any) -> None: ...


class PowerAveragePoolLayer:
    """The square root of the sum of squares in each window; see ``sknets.nn.PowerAveragePool2d``."""

    def __init__(self, layers: Sequence[PowerAveragePool2d]) -> None:
        self.first = layers[0]
        self.mean = AveragePoolLayer(layers)
        self.n_pixels = self.mean.window[0] * self.mean.window[1]

    def attach(self, places: Places) -> None: ...

    def forward(self, maps: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        self.inputs = maps
        self.outputs = self._root(self.mean.forward(maps.square(), rows))
        return self.outputs

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        of_squares = self.mean.backward(slope / self.outputs)
        return of_squares.mul_(self.inputs).mul_(self.n_pixels)

    def evaluate(self, maps: torch.Tensor) -> torch.Tensor:
        return self._root(self.mean.evaluate(maps.square()))

    def compact(self, kept: Sequence[int]) -> None: ...

    def write_back(self, network: int, layer: Any) -> None: ...

    def _root(self, squares: torch.Tensor) -> torch.Tensor:
        return (squares * self.n_pixels + self.first.epsilon).sqrt()


class ChannelDropoutLayer:
    """Dropout of whole channels; each network's mask comes from the generator of its own layer."""

    def __init__(self, layers: Sequence[ChannelDropout]) -> None:
        self.of_units = DropoutLayer(layers)
        self.n_networks = len(layers)
        self._masks = Workspace()

    def attach(self, places: Places) -> None: ...

    def forward(self, maps: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        n_rows, n_channels = maps.shape[:2]
        mask = self._masks.shaped((self.n_networks, n_rows, n_channels // self.n_networks), maps)
        self.of_units.draw(mask, rows)
        self.mask = mask.transpose(0, 1).flatten(1).view(n_rows, n_channels, 1, 1)
        return maps * self.mask

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        return slope.mul_(self.mask)

    def evaluate(self, maps: torch.Tensor) -> torch.Tensor:
        return maps

    def compact(self, kept: Sequence[int]) -> None:
        self.of_units.compact(kept)
        self.n_networks = len(kept)
        self._masks.clear()

    def write_back(self, network: int, layer: Any) -> None: ...


class FlattenLayer:
    """Maps become rows of numbers again, each network's its own."""

    def __init__(self, layers: Sequence[nn.Flatten]) -> None:
        self.n_networks = len(layers)
        self._rows, self._slopes = Workspace(), Workspace()

    def attach(self, places: Places) -> None: ...

    def forward(self, maps: torch.Tensor, rows: BatchRows) -> torch.Tensor:
        images = self._images_of(maps)
        self.shape = images.shape
        return self._rows.shaped(images.shape, images).copy_(images).flatten(2)

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        images = slope.view(self.shape).permute(1, 3, 4, 0, 2)  # (rows, height, width, k, channels)
        return self._slopes.shaped(images.shape, images).copy_(images).flatten(3).permute(0, 3, 1, 2)

    def evaluate(self, maps: torch.Tensor) -> torch.Tensor:
        return self._images_of(maps).flatten(2)

    def compact(self, kept: Sequence[int]) -> None:
        self.n_networks = len(kept)
        self._rows.clear()
        self._slopes.clear()

    def write_back(self, network: int, layer: Any) -> None: ...

    def _images_of(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.unflatten(1, (self.n_networks, -1)).transpose(0, 1)  # (k, rows, channels, height, width)


#: Of maps: what may stand in front of ``nn.Flatten``, itself included.
MAP_LAYERS: dict[type[nn.Module], Callable[[Any], Any]] = {
    ImageInput: ImageInputLayer,
    nn.ZeroPad2d: PaddingLayer,
    nn.Conv2d: ConvolutionLayer,
    BatchNormalization: ChannelNormalizationLayer,
    nn.GroupNorm: ChannelGroupNormalizationLayer,
    nn.MaxPool2d: MaxPoolLayer,
    nn.AvgPool2d: AveragePoolLayer,
    PowerAveragePool2d: PowerAveragePoolLayer,
    ChannelDropout: ChannelDropoutLayer,
    nn.Flatten: FlattenLayer,
    Residual: lambda blocks: ResidualLayer(blocks, MAP_LAYERS),
    **dict.fromkeys(ACTIVATIONS, ActivationLayer),
}


def _as_pixels(maps: torch.Tensor, n_networks: int) -> torch.Tensor:
    """Return maps as (k, rows * height * width, channels), without a copy where they are laid out as usual."""
    pixels = maps.permute(0, 2, 3, 1).unflatten(3, (n_networks, -1))
    return pixels.permute(3, 0, 1, 2, 4).flatten(1, 3)


def _as_maps(pixels: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Return pixels in the shape of ``maps``."""
    rows, _, height, width = maps.shape
    images = pixels.unflatten(1, (rows, height, width)).permute(1, 2, 3, 0, 4)
    return images.flatten(3).permute(0, 3, 1, 2)


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
