"""Pictures, by scikit-learn's convention: a display holds numbers, its ``plot`` draws them.

Unlike scikit-learn's own, ``from_*`` only computes: nothing is drawn before ``plot`` is called.
"""

from sknets.displays._capacity_curve import CapacityCurveDisplay
from sknets.displays._diagnosis import DiagnosisDisplay
from sknets.displays._feature_maps import FeatureMapDisplay
from sknets.displays._filters import FilterDisplay
from sknets.displays._image_grid import ImageGridDisplay
from sknets.displays._layer_statistics import LayerStatisticsDisplay
from sknets.displays._linear_weights import LinearWeightsDisplay
from sknets.displays._search import SearchDisplay
from sknets.displays._training_curve import TrainingCurveDisplay

__all__ = [
    "CapacityCurveDisplay",
    "DiagnosisDisplay",
    "FeatureMapDisplay",
    "FilterDisplay",
    "ImageGridDisplay",
    "LayerStatisticsDisplay",
    "LinearWeightsDisplay",
    "SearchDisplay",
    "TrainingCurveDisplay",
]
