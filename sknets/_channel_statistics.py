"""Mean and spread of each channel over all pictures, block by block, so that they may be more than memory holds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sknets._image_layout import ImageLayout
from sknets._lazy_rows import LazyRows

# Numbers that are looked at together; in float64 they take eight times as many bytes.
BLOCK_VALUES = 2**22

#: Pictures that must be decoded first are costly; this many, evenly spread, give the mean to a hundredth of a spread.
MAX_LAZY_ROWS = 10_000


def channel_statistics(
    X: Any, layout: ImageLayout, weights: NDArray[Any] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each channel's mean and standard deviation over all pictures and pixels.

    Parameters
    ----------
    X : ndarray, sparse matrix or LazyRows of shape (n, ...)
        Rows as ``layout`` has them, flat or not. Of lazy rows at most ``MAX_LAZY_ROWS`` are read.
    layout : ImageLayout
    weights : ndarray of shape (n,) or None
        Not negative, with a positive one among the rows that are read.

    Returns
    -------
    mean, scale : ndarray of shape (n_channels,)
        A channel that is constant has the scale 1.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _merge_blocks(X, layout, weights)


def _merge_blocks(
    X: Any, layout: ImageLayout, weights: NDArray[Any] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows = _rows_to_read(X)
    if weights is not None:
        # A block without any weight has no mean.
        rows = rows[weights[rows] > 0]
    step = max(1, BLOCK_VALUES // layout.n_values)
    total, mean, squares = 0.0, np.zeros(layout.n_channels), np.zeros(layout.n_channels)
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        # (n, n_pixels, n_channels)
        values = _by_channel(_read(X, block), layout)
        block_weights = np.ones(len(block)) if weights is None else weights[block].astype(np.float64)
        n_pixels = layout.height * layout.width
        block_total = block_weights.sum() * n_pixels
        block_mean = np.tensordot(block_weights, values.sum(axis=1), axes=1) / block_total
        block_squares = np.tensordot(block_weights, ((values - block_mean) ** 2).sum(axis=1), axes=1)
        # T. F. Chan, G. H. Golub, R. J. LeVeque, Algorithms for Computing the Sample Variance, 1983: no cancellation.
        shift, total = block_mean - mean, total + block_total
        squares += block_squares + shift**2 * block_total * (total - block_total) / total
        mean = mean + shift * block_total / total
    scale = np.sqrt(squares / total)
    # Rounding alone gives a constant channel a spread of about this size.
    is_constant = scale <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    return mean, np.where(is_constant, 1.0, scale)


def _rows_to_read(X: Any) -> NDArray[np.int64]:
    n_rows = X.shape[0]
    if not isinstance(X, LazyRows) or n_rows <= MAX_LAZY_ROWS:
        return np.arange(n_rows)
    return np.linspace(0, n_rows - 1, MAX_LAZY_ROWS).astype(np.int64)


def _read(X: Any, rows: NDArray[np.int64]) -> NDArray[Any]:
    if isinstance(X, LazyRows):
        return X.read(rows)
    # A slice copies nothing; where rows without weight are left out there may be gaps.
    is_slice = rows[-1] - rows[0] == len(rows) - 1
    block = X[rows[0] : rows[-1] + 1] if is_slice else X[rows]
    return block.toarray() if sparse.issparse(block) else block


def _by_channel(block: NDArray[Any], layout: ImageLayout) -> NDArray[np.float64]:
    n_pixels = layout.height * layout.width
    if layout.is_channels_last:
        values = block.reshape(len(block), n_pixels, layout.n_channels)
    else:
        values = block.reshape(len(block), layout.n_channels, n_pixels).transpose(0, 2, 1)
    return values.astype(np.float64)
