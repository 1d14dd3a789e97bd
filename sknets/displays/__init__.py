"""Pictures, by scikit-learn's convention: a display holds numbers, its ``plot`` draws them."""

from sknets.displays._diagnosis import DiagnosisDisplay
from sknets.displays._training_curve import TrainingCurveDisplay

__all__ = ["DiagnosisDisplay", "TrainingCurveDisplay"]
