"""Activations below autograd: a forward function, and torch's own backward operator for it.

A new one is one line in ACTIVATIONS. Only exact types are looked up: a subclass may compute something else.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

aten = torch.ops.aten


class Activation(NamedTuple):
    """A function of one tensor and its derivative.

    Attributes
    ----------
    function : callable
        Maps inputs to outputs; may write the outputs over the inputs where the derivative does not need these.
    backward : callable
        Maps the loss's slope at the outputs, the inputs and the outputs to its slope at the inputs.
    """

    function: Callable[[torch.Tensor], torch.Tensor]
    backward: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


# torch's own constants of self-normalizing networks (Klambauer et al., 2017, arXiv:1706.02515).
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def _identity(layer: Any) -> Activation:
    return Activation(lambda x: x, lambda slope, x, y: slope)


def _relu(layer: Any) -> Activation:
    return Activation(torch.relu_, lambda slope, x, y: aten.threshold_backward.default(slope, y, 0))


def _tanh(layer: Any) -> Activation:
    return Activation(torch.tanh_, lambda slope, x, y: aten.tanh_backward.default(slope, y))


def _logistic(layer: Any) -> Activation:
    return Activation(torch.sigmoid_, lambda slope, x, y: aten.sigmoid_backward.default(slope, y))


def _leaky_relu(layer: Any) -> Activation:
    slope_below = layer.negative_slope
    return Activation(
        lambda x: aten.leaky_relu.default(x, slope_below),
        lambda slope, x, y: aten.leaky_relu_backward.default(slope, x, slope_below, False),
    )


def _elu(layer: Any) -> Activation:
    return _scaled_elu(layer.alpha, 1.0)


def _selu(layer: Any) -> Activation:
    return _scaled_elu(_SELU_ALPHA, _SELU_SCALE)


def _scaled_elu(alpha: float, scale: float) -> Activation:
    return Activation(
        lambda x: aten.elu.default(x, alpha, scale, 1),
        lambda slope, x, y: aten.elu_backward.default(slope, alpha, scale, 1, False, x),
    )


def _gelu(layer: Any) -> Activation:
    kind = layer.approximate
    return Activation(
        lambda x: aten.gelu.default(x, approximate=kind),
        lambda slope, x, y: aten.gelu_backward.default(slope, x, approximate=kind),
    )


def _silu(layer: Any) -> Activation:
    return Activation(aten.silu.default, lambda slope, x, y: aten.silu_backward.default(slope, x))


def _mish(layer: Any) -> Activation:
    return Activation(aten.mish.default, lambda slope, x, y: aten.mish_backward.default(slope, x))


def _softplus(layer: Any) -> Activation:
    beta, threshold = layer.beta, layer.threshold
    return Activation(
        lambda x: aten.softplus.default(x, beta, threshold),
        lambda slope, x, y: aten.softplus_backward.default(slope, x, beta, threshold),
    )


def _hardtanh(layer: Any) -> Activation:
    low, high = layer.min_val, layer.max_val
    return Activation(
        lambda x: aten.hardtanh.default(x, low, high),
        lambda slope, x, y: aten.hardtanh_backward.default(slope, x, low, high),
    )


#: Of each type of layer, what makes the pair from a layer's settings.
ACTIVATIONS: dict[type[nn.Module], Callable[[Any], Activation]] = {
    nn.Identity: _identity,
    nn.Sigmoid: _logistic,
    nn.Tanh: _tanh,
    nn.ReLU: _relu,
    nn.LeakyReLU: _leaky_relu,
    nn.ELU: _elu,
    nn.SELU: _selu,
    nn.GELU: _gelu,
    nn.SiLU: _silu,
    nn.Mish: _mish,
    nn.Softplus: _softplus,
    nn.Hardtanh: _hardtanh,
}
