"""Which rows are held out of training to watch the validation score."""

from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split


def split_off_validation(
    arrays: list[Any], fraction: float, strata: np.ndarray | None, rng: np.random.RandomState
) -> tuple[list[Any], list[Any]]:
    """Split row-aligned arrays (None stays None) into training and validation rows.

    ``strata`` of booleans (two classes) are always kept in proportion, as scikit-learn's perceptrons do; several
    classes are where each has rows enough for both parts.
    """
    present = [array for array in arrays if array is not None]
    n_rows = present[0].shape[0]
    if strata is not None and strata.dtype != bool and not _can_stratify(strata, fraction, n_rows):
        strata = None
    parts = train_test_split(*present, test_size=fraction, stratify=strata, random_state=rng)
    train, validation = iter(parts[0::2]), iter(parts[1::2])
    if parts[1].shape[0] < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your dataset: "
            f"early stopping needs at least two rows to watch; got {parts[1].shape[0]} of {n_rows}."
        )
    return (
        [None if array is None else next(train) for array in arrays],
        [None if array is None else next(validation) for array in arrays],
    )


def _can_stratify(classes: np.ndarray, fraction: float, n_rows: int) -> bool:
    counts = np.unique(classes, return_counts=True)[1]
    n_validation = int(np.ceil(fraction * n_rows))
    return counts.min() >= 2 and min(n_validation, n_rows - n_validation) >= len(counts)
