"""Multilayer perceptrons."""

from sknets.neural_network._mlp_classifier import MLPClassifier
from sknets.neural_network._mlp_regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
