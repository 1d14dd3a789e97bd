"""From the layouts in which users hold pictures to arrays that can be drawn."""

import numpy as np
from scipy import sparse

from sknets._arrays import as_array_like
from sknets._image_layout import resolve_layout
from sknets._lazy_rows import LazyRows

# What is drawn: grey, colour, colour with transparency.
DRAWABLE_CHANNELS = (1, 3, 4)


def take_pictures(X, places, image_shape=None):
    """Return rows of X as pictures to draw.

    Parameters
    ----------
    X : array-like, in any layout that an estimator for pictures takes
    places : ndarray of int
    image_shape : tuple of int or None
        What flat rows are pictures of.

    Returns
    -------
    pictures : ndarray of shape (n, height, width) or (n, height, width, 3 or 4)
        Grey ones as they came; colour ones as bytes, or between 0 and 1.
    """
    rows = _take_rows(X, places)
    return as_pictures(rows, resolve_layout(rows.shape, image_shape))


def as_pictures(rows, layout):
    """Return rows of a known layout as pictures to draw."""
    pictures = np.asarray(rows).reshape(len(rows), *layout.unfolded_shape)
    if not layout.is_channels_last:
        pictures = pictures.transpose(0, 2, 3, 1)
    if layout.n_channels not in DRAWABLE_CHANNELS:
        # The second of two is transparency; of more than four nobody knows which are colours.
        pictures = pictures[..., :1]
    return pictures[..., 0] if pictures.shape[-1] == 1 else _as_colours(pictures)


def count_rows(X):
    """Return the number of rows of X."""
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _take_rows(X, places):
    X = as_array_like(X)
    if isinstance(X, LazyRows):
        return np.asarray(X.take(places))
    if hasattr(X, "iloc"):
        X = X.iloc[places].to_numpy()
    else:
        X = (X if hasattr(X, "shape") else np.asarray(X))[places]
    X = X.toarray() if sparse.issparse(X) else np.asarray(X)
    # A column of pictures.
    return np.stack(list(X)) if X.dtype == object and X.ndim == 1 else X


def _as_colours(pictures):
    """Return colours as bytes, or as numbers between 0 and 1."""
    if pictures.dtype == np.uint8:
        return pictures
    low, high = float(pictures.min()), float(pictures.max())
    if pictures.dtype.kind in "iu" and low >= 0 and high <= 255:
        return pictures.astype(np.uint8)
    pictures = pictures.astype(float)
    if low >= 0 and high <= 1:
        return pictures
    return (pictures - low) / (high - low or 1)
