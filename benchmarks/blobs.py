"""Rows to train on where only their number matters."""

import numpy as np


def make_blobs(n_rows: int, n_features: int, n_classes: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return clouds that overlap: gradients that vanish would turn into slow denormal numbers."""
    rng = np.random.default_rng(0)
    centres = 3 / np.sqrt(2 * n_features) * rng.standard_normal((n_classes, n_features))
    y = rng.integers(n_classes, size=n_rows)
    return (centres[y] + rng.standard_normal((n_rows, n_features))).astype(dtype), y
