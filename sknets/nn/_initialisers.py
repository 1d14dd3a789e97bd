"""Initial weights by name, drawn in float64 on the CPU so that every dtype and device starts alike."""

from collections.abc import Callable
from types import MethodType

import numpy as np
import torch
from torch import nn

Initialiser = Callable[[nn.Linear, np.random.RandomState], None]


def initialise(module: nn.Module, initialiser: str, rng: np.random.RandomState) -> nn.Module:
    """Give every dense layer of ``module``, from input to output, weights drawn from ``rng``.

    ``module`` must be on the CPU in float64. Other layers get the start that torch gives them (scales of one,
    shifts of zero), which draws nothing.
    """
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Linear):
                INITIALISERS[initialiser](layer, rng)
            elif layer is not module and isinstance(reset := getattr(layer, "reset_parameters", None), MethodType):
                reset()
    return module


def _glorot(factor: float) -> Initialiser:
    """Uniform weights after Glorot and Bengio, biases included, in the order in which scikit-learn draws them.

    X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
    """

    def draw(layer: nn.Linear, rng: np.random.RandomState) -> None:
        n_outputs, n_inputs = layer.weight.shape
        bound = np.sqrt(factor / (n_inputs + n_outputs))
        layer.weight.copy_(torch.from_numpy(rng.uniform(-bound, bound, (n_inputs, n_outputs)).T))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(rng.uniform(-bound, bound, n_outputs)))

    return draw


def _zeros(layer: nn.Linear, rng: np.random.RandomState) -> None:
    layer.weight.zero_()
    if layer.bias is not None:
        layer.bias.zero_()


INITIALISERS: dict[str, Initialiser] = {
    "glorot": _glorot(6.0),
    # The logistic function's slope at zero is a quarter of tanh's.
    "glorot_logistic": _glorot(2.0),
    "zeros": _zeros,
}
