import math

import numpy as np
import pytest
import torch
from scipy.special import erf, expit
from sklearn.neural_network._base import ACTIVATIONS as SKLEARN_ACTIVATIONS

from sknets.nn import ACTIVATIONS, HardThreshold, make_activation

GRID = np.linspace(-4, 4, 33)
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

FORMULAE = {
    "identity": lambda x: x,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x)),
    "gelu": lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2))),
    "silu": lambda x: x * expit(x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "hard_threshold": lambda x: (x > 0).astype(float),
}


def test_every_activation_has_a_formula_here():
    assert set(FORMULAE) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(FORMULAE))
def test_activation_follows_its_formula(name):
    outputs = make_activation(name)(torch.from_numpy(GRID))

    np.testing.assert_allclose(outputs.numpy(), FORMULAE[name](GRID), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["identity", "logistic", "tanh", "relu"])
def test_activation_agrees_with_scikit_learns(name):
    expected = GRID[:, None].copy()
    SKLEARN_ACTIVATIONS[name](expected)

    outputs = make_activation(name)(torch.from_numpy(GRID[:, None]))

    np.testing.assert_allclose(outputs.numpy(), expected, rtol=1e-14)


@pytest.mark.parametrize("name", sorted(FORMULAE))
def test_activation_keeps_the_dtype(name):
    assert make_activation(name)(torch.zeros(3, dtype=torch.float32)).dtype == torch.float32


def test_the_threshold_itself_is_not_above_it():
    outputs = HardThreshold()(torch.tensor([-0.0, 0.0, 1e-30, -1e-30], dtype=torch.float64))

    assert outputs.tolist() == [0.0, 0.0, 1.0, 0.0]


def test_a_class_of_modules_is_taken():
    assert isinstance(make_activation(torch.nn.ReLU6), torch.nn.ReLU6)


def test_each_call_makes_a_module_of_its_own():
    assert make_activation("elu") is not make_activation("elu")
