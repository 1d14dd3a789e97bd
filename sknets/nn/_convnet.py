"""A convolutional network of any depth: convolutions with pooling, then dense layers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from sknets.nn._activations import make_activation
from sknets.nn._dropout import ChannelDropout, Dropout
from sknets.nn._mlp import Residual
from sknets.nn._normalization import CHANNEL_NORMALIZATIONS, NORMALIZATIONS
from sknets.nn._pooling import POOLS

Size = int | tuple[int, int]


class ConvNet(nn.Sequential):
    """Blocks (convolution, normalization, activation, pooling, channel dropout), then hidden layers, then outputs.

    Parameters
    ----------
    image_shape : (n_channels, height, width)
    n_outputs : int
    channels : sequence of int
        Filters of each convolution; empty for a multilayer perceptron.
    kernel_size, stride, pool_size : sequence of int or (int, int)
        One per convolution.
    padding : sequence of "same", "valid", int or (int, int)
        One per convolution. "same" keeps the size (divided by the stride, rounded up).
    pool : {"max", "avg", "lp"} or None
    hidden_sizes : sequence of int
        Units of each dense hidden layer.
    activation : str or type of torch.nn.Module
    channel_dropout, dropout : sequence of float
        Share of channels dropped behind each convolution, and of units behind each hidden layer (of the flattened
        features where there is none).
    normalization : {"batch", "layer", "group"} or None
    residual : bool
        Whether a convolution's input is added to its output where both have the same shape.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        n_outputs: int,
        *,
        channels: Sequence[int],
        kernel_size: Sequence[Size],
        stride: Sequence[Size],
        padding: Sequence[str | Size],
        pool: str | None,
        pool_size: Sequence[Size],
        hidden_sizes: Sequence[int],
        activation: str | type[nn.Module],
        channel_dropout: Sequence[float],
        dropout: Sequence[float],
        normalization: str | None,
        residual: bool,
    ) -> None:
        layers: list[nn.Module] = []
        shape = image_shape
        settings = zip(channels, kernel_size, stride, padding, pool_size, channel_dropout, strict=True)
        for number, (n_filters, kernel, step, margin, window, rate) in enumerate(settings, start=1):
            convolution = _make_convolution(shape[0], n_filters, kernel, step, margin)
            convolved = _convolved_shape(convolution, shape, number)
            block = [*convolution, *_follow(n_filters, normalization, CHANNEL_NORMALIZATIONS, activation)]
            layers += [Residual(*block)] if residual and convolved == shape else block
            shape = convolved
            if pool is not None:
                layers.append(POOLS[pool](window))
                shape = _pooled_shape(shape, window)
            if rate:
                layers.append(ChannelDropout(rate))
        layers.append(nn.Flatten())
        width = math.prod(shape)
        for n_units, rate in zip(hidden_sizes, dropout, strict=True) if hidden_sizes else ():
            layers += [nn.Linear(width, n_units), *_follow(n_units, normalization, NORMALIZATIONS, activation)]
            layers += [Dropout(rate)] if rate else []
            width = n_units
        if not hidden_sizes and any(dropout):
            layers.append(Dropout(dropout[0]))
        super().__init__(*layers, nn.Linear(width, n_outputs))


def _make_convolution(n_inputs: int, n_filters: int, kernel: Size, step: Size, margin: str | Size) -> list[Any]:
    if margin != "same":
        return [nn.Conv2d(n_inputs, n_filters, kernel, step, 0 if margin == "valid" else margin)]
    # torch knows "same" at stride 1 only. These margins give every side divided by the stride, rounded up.
    height, width = _pair(kernel)
    if height % 2 and width % 2:
        return [nn.Conv2d(n_inputs, n_filters, kernel, step, (height // 2, width // 2))]
    margins = ((width - 1) // 2, width // 2, (height - 1) // 2, height // 2)
    return [nn.ZeroPad2d(margins), nn.Conv2d(n_inputs, n_filters, kernel, step)]


def _convolved_shape(layers: list[Any], shape: tuple[int, int, int], number: int) -> tuple[int, int, int]:
    convolution: Any = layers[-1]
    left, right, top, bottom = layers[0].padding if len(layers) > 1 else (0, 0, 0, 0)
    sides = shape[1] + top + bottom, shape[2] + left + right
    height, width = (
        (side + 2 * margin - kernel) // step + 1
        for side, margin, kernel, step in zip(
            sides, _pair(convolution.padding), convolution.kernel_size, convolution.stride, strict=True
        )
    )
    if height < 1 or width < 1:
        raise ValueError(
            f"Convolution {number} needs pictures at least as large as its filters; kernel_size="
            f"{convolution.kernel_size} with padding={convolution.padding} meets a map of {shape[1]} x {shape[2]}. Use "
            "larger pictures, padding='same', or fewer or smaller filters and pools."
        )
    return convolution.out_channels, height, width


def _pooled_shape(shape: tuple[int, int, int], window: Size) -> tuple[int, int, int]:
    height, width = _pair(window)
    return shape[0], -(-shape[1] // height), -(-shape[2] // width)


def _follow(
    width: int,
    normalization: str | None,
    normalizations: Mapping[str, Callable[[int], nn.Module]],
    activation: str | type[nn.Module],
) -> list[nn.Module]:
    """Return what stands behind a convolution or a dense layer."""
    return [*([normalizations[normalization](width)] if normalization else []), make_activation(activation)]


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
