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
        Maps inputs, and memory for the outputs or None, to outputs.
    backward : callable
        Maps the loss's slope at the outputs, the inputs and the outputs to its slope at the inputs, which may be
        written over the slope.
    is_in_place : bool
        Whether the outputs are written over the inputs, which the derivative does not need.
    """

    function: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
    backward: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    is_in_place: bool = False


# torch's own constants of self-normalizing networks (Klambauer et al., 2017, arXiv:1706.02515).
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def _identity(layer: Any) -> Activation:
    return Activation(lambda x, out: x, lambda slope, x, y: slope, is_in_place=True)


def _relu(layer: Any) -> Activation:
    backward = aten.threshold_backward.grad_input
    return Activation(
        lambda x, out: torch.relu_(x), lambda slope, x, y: backward(slope, y, 0, grad_input=slope), is_in_place=True
    )


def _tanh(layer: Any) -> Activation:
    backward = aten.tanh_backward.grad_input
    return Activation(
        lambda x, out: torch.tanh_(x), lambda slope, x, y: backward(slope, y, grad_input=slope), is_in_place=True
    )


def _logistic(layer: Any) -> Activation:
    backward = aten.sigmoid_backward.grad_input
    return Activation(
        lambda x, out: torch.sigmoid_(x), lambda slope, x, y: backward(slope, y, grad_input=slope), is_in_place=True
    )


def _leaky_relu(layer: Any) -> Activation:
    slope_below = layer.negative_slope
    return _from_operators(
        lambda x, out: aten.leaky_relu.out(x, slope_below, out=out),
        lambda slope, x: aten.leaky_relu_backward.grad_input(slope, x, slope_below, False, grad_input=slope),
    )


def _elu(layer: Any) -> Activation:
    return _scaled_elu(layer.alpha, 1.0)


def _selu(layer: Any) -> Activation:
    return _scaled_elu(_SELU_ALPHA, _SELU_SCALE)


def _scaled_elu(alpha: float, scale: float) -> Activation:
    return _from_operators(
        lambda x, out: aten.elu.out(x, alpha, scale, 1, out=out),
        lambda slope, x: aten.elu_backward.grad_input(slope, alpha, scale, 1, False, x, grad_input=slope),
    )


def _gelu(layer: Any) -> Activation:
    kind = layer.approximate
    return _from_operators(
        lambda x, out: aten.gelu.out(x, approximate=kind, out=out),
        lambda slope, x: aten.gelu_backward.grad_input(slope, x, approximate=kind, grad_input=slope),
    )


def _silu(layer: Any) -> Activation:
    return _from_operators(
        lambda x, out: aten.silu.out(x, out=out),
        lambda slope, x: aten.silu_backward.grad_input(slope, x, grad_input=slope),
    )


def _mish(layer: Any) -> Activation:
    return _from_operators(
        lambda x, out: aten.mish.out(x, out=out), lambda slope, x: aten.mish_backward.default(slope, x)
    )


def _softplus(layer: Any) -> Activation:
    beta, threshold = layer.beta, layer.threshold
    return _from_operators(
        lambda x, out: aten.softplus.out(x, beta, threshold, out=out),
        lambda slope, x: aten.softplus_backward.grad_input(slope, x, beta, threshold, grad_input=slope),
    )


def _hardtanh(layer: Any) -> Activation:
    low, high = layer.min_val, layer.max_val
    return _from_operators(
        lambda x, out: aten.hardtanh.out(x, low, high, out=out),
        lambda slope, x: aten.hardtanh_backward.grad_input(slope, x, low, high, grad_input=slope),
    )


def _from_operators(
    function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    backward: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> Activation:
    """Return an activation whose derivative is a function of its inputs."""
    return Activation(
        lambda x, out: function(x, torch.empty_like(x) if out is None else out), lambda slope, x, y: backward(slope, x)
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
