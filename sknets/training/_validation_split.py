"""Which rows are held out of training to watch the validation score."""

from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

# A score of a single row says nothing, and R2 needs two.
MIN_VALIDATION_ROWS = 2


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
    n_validation = _count_validation_rows(n_rows, fraction)
    parts = train_test_split(*present, test_size=n_validation, stratify=strata, random_state=rng)
    train, validation = iter(parts[0::2]), iter(parts[1::2])
    return (
        [None if array is None else next(train) for array in arrays],
        [None if array is None else next(validation) for array in arrays],
    )


def _count_validation_rows(n_rows: int, fraction: float) -> int:
    n_validation = max(MIN_VALIDATION_ROWS, int(np.ceil(fraction * n_rows)))
    if n_validation >= n_rows:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your dataset: early "
            f"stopping needs at least {MIN_VALIDATION_ROWS} rows to watch and one to learn from; "
            f"got n_samples = {n_rows}."
        )
    return n_validation


def _can_stratify(classes: np.ndarray, fraction: float, n_rows: int) -> bool:
    counts = np.unique(classes, return_counts=True)[1]
    n_validation = _count_validation_rows(n_rows, fraction)
    return counts.min() >= 2 and min(n_validation, n_rows - n_validation) >= len(counts)
