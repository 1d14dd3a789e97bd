"""Sample weights and class weights, merged into one positive weight per row."""

from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from sknets._sklearn_compat import check_sample_weight


def check_weights(sample_weight: Any, X: Any) -> np.ndarray | None:
    """Return ``sample_weight`` as float64, or None."""
    if sample_weight is None:
        return None
    return check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True, copy=True)


def apply_class_weight(
    class_weight: Any, classes: np.ndarray, y: np.ndarray, weights: np.ndarray | None
) -> np.ndarray | None:
    """Multiply each row's weight by that of its class; ``y`` holds labels or an indicator."""
    if class_weight is None:
        return weights
    tables = (
        [class_weight] if isinstance(class_weight, dict) else class_weight if isinstance(class_weight, list) else []
    )
    for table in tables:
        if not all(np.isfinite(weight) and weight >= 0 for weight in table.values()):
            raise ValueError(
                f"class_weight must not be negative, infinite or NaN; got {class_weight}. Use 0 to leave a class out."
            )
    weights = np.ones(y.shape[0]) if weights is None else weights
    if y.ndim == 2:
        return weights * compute_sample_weight(class_weight, y)
    # A class whose rows all weigh nothing is not there: "balanced" must not share out weight to it.
    is_present = weights > 0
    present = np.unique(y[is_present])
    if isinstance(class_weight, dict):
        per_class = compute_class_weight(class_weight, classes=classes, y=y)[np.searchsorted(classes, present)]
    else:
        per_class = compute_class_weight(
            class_weight, classes=present, y=y[is_present], sample_weight=weights[is_present]
        )
    result = np.zeros_like(weights)
    result[is_present] = weights[is_present] * per_class[np.searchsorted(present, y[is_present])]
    return result


def drop_weightless(arrays: list[Any], weights: np.ndarray | None) -> tuple[list[Any], np.ndarray | None]:
    """Take rows of weight zero out of row-aligned arrays: they must act as if they were not there."""
    if weights is None or weights.all():
        return arrays, weights
    keep = np.flatnonzero(weights)
    if not len(keep):
        raise ValueError(
            "At least one row must have a positive weight; sample_weight times class_weight is zero for all "
            f"{len(weights)} rows. Give a class that occurs in y a positive weight."
        )
    return [array[keep] for array in arrays], weights[keep]
