"""Networks without a hidden layer."""

from sknets.linear_model._linear_regression import LinearRegression
from sknets.linear_model._logistic_regression import LogisticRegression
from sknets.linear_model._perceptron import Perceptron

__all__ = ["LinearRegression", "LogisticRegression", "Perceptron"]
