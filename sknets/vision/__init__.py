"""Estimators that look at pictures."""

from sknets.vision._cnn_classifier import CNNClassifier
from sknets.vision._cnn_regressor import CNNRegressor
from sknets.vision._transfer_classifier import TransferClassifier

__all__ = ["CNNClassifier", "CNNRegressor", "TransferClassifier"]
