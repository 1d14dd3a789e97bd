"""Initial weights by name, drawn in float64 on the CPU so that every dtype and device starts alike."""

import math
from collections.abc import Callable
from types import MethodType

import numpy as np
import torch
from torch import nn

#: Layers whose weights are drawn; a filter of a convolution is a small dense layer.
Weighted = nn.Linear | nn.Conv2d

Initialiser = Callable[[Weighted, np.random.RandomState], None]


def initialise(module: nn.Module, initialiser: str, rng: np.random.RandomState) -> nn.Module:
    """Give every dense and convolutional layer of ``module``, from input to output, weights drawn from ``rng``.

    ``module`` must be on the CPU; what is drawn is rounded to its dtype. Other layers get the start that torch gives
    them (scales of one, shifts of zero), which draws nothing.
    """
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, Weighted):
                INITIALISERS[initialiser](layer, rng)
            elif layer is not module and isinstance(reset := getattr(layer, "reset_parameters", None), MethodType):
                reset()
    return module


def _glorot(factor: float) -> Initialiser:
    """Uniform weights after Glorot and Bengio, biases included, in the order in which scikit-learn draws them.

    X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
    """

    def draw(layer: Weighted, rng: np.random.RandomState) -> None:
        weight = layer.weight
        n_outputs, n_weights = weight.shape[0], weight.numel() // weight.shape[0]
        # Of a convolution each output is read at every place of the next layer's filters, as many as its own.
        n_places = n_weights // weight.shape[1]
        bound = math.sqrt(factor / (n_weights + n_outputs * n_places))
        drawn = rng.uniform(-bound, bound, (n_weights, n_outputs)).T
        weight.copy_(torch.from_numpy(drawn).reshape(weight.shape))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(rng.uniform(-bound, bound, n_outputs)))

    return draw


def _he(layer: Weighted, rng: np.random.RandomState) -> None:
    """Normal weights that keep the spread of what passes through rectified layers, and biases of zero.

    K. He, X. Zhang, S. Ren, J. Sun, Delving Deep into Rectifiers, ICCV 2015, arXiv:1502.01852.
    """
    spread = np.sqrt(2.0 / layer.weight[0].numel())
    layer.weight.copy_(torch.from_numpy(rng.normal(0.0, spread, layer.weight.shape)))
    if layer.bias is not None:
        layer.bias.zero_()


def _zeros(layer: Weighted, rng: np.random.RandomState) -> None:
    layer.weight.zero_()
    if layer.bias is not None:
        layer.bias.zero_()


INITIALISERS: dict[str, Initialiser] = {
    "glorot": _glorot(6.0),
    # The logistic function's slope at zero is a quarter of tanh's.
    "glorot_logistic": _glorot(2.0),
    "he": _he,
    "zeros": _zeros,
}
