"""Torch modules that the estimators are made of."""

from sknets.nn._activations import ACTIVATIONS, HardThreshold, make_activation
from sknets.nn._dropout import Dropout
from sknets.nn._initialisers import INITIALISERS, initialise
from sknets.nn._mlp import MLP, Residual
from sknets.nn._normalization import NORMALIZATIONS

__all__ = [
    "ACTIVATIONS",
    "INITIALISERS",
    "MLP",
    "NORMALIZATIONS",
    "Dropout",
    "HardThreshold",
    "Residual",
    "initialise",
    "make_activation",
]
