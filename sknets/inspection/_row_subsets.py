"""Training rows of which fewer and fewer are taken."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Split = tuple[np.ndarray, np.ndarray]

# Every second and every fourth row: the slope of the last doubling, and whether it is getting less.
STEPS = (4, 2)


def take_subsets(splits: Sequence[Split], y: Any, rng: np.random.RandomState) -> dict[int, list[Split]]:
    """Return splits with a quarter and half of the training rows, by their mean numbers.

    The smaller lie in the larger.

    Rows are drawn from along the sorted targets, so that each subset has its share of every class, or of every size.
    """
    targets = np.asarray(y)
    orders = [_shuffle_along(rng.permutation(train), targets) for train, _ in splits]
    subsets = {}
    for step in STEPS:
        own = [(order[::step], test) for order, (_, test) in zip(orders, splits, strict=True)]
        subsets[round(np.mean([len(train) for train, _ in own]))] = own
    return subsets


def _shuffle_along(rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    if targets.ndim != 1:
        return rows
    _, ranks = np.unique(targets[rows], return_inverse=True)
    return rows[np.argsort(ranks, kind="stable")]
