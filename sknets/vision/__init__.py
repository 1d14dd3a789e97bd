"""Estimators that look at pictures."""

from sknets.vision._cnn_classifier import CNNClassifier
from sknets.vision._cnn_regressor import CNNRegressor

__all__ = ["CNNClassifier", "CNNRegressor"]
