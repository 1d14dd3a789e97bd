"""Estimators that look at pictures."""

from sknets._lazy import lazy_doors
from sknets.vision._cnn_classifier import CNNClassifier
from sknets.vision._cnn_regressor import CNNRegressor
from sknets.vision._transfer_classifier import TransferClassifier

# torchvision takes as long to load as torch, and few need it.
__getattr__, __dir__ = lazy_doors(__name__, {"transforms": "sknets._torchvision"})

__all__ = ["CNNClassifier", "CNNRegressor", "TransferClassifier", "transforms"]
