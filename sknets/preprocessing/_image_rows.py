"""Rows that hold images: checked as scikit-learn checks tables, though they may have up to four dimensions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sknets._arrays import as_array_like
from sknets._image_layout import ImageLayout, match_layout, resolve_layout
from sknets._lazy_rows import LazyRows
from sknets._sklearn_compat import validate_data


def learn_rows(estimator: Any, X: Any, image_shape: Any, **checks: Any) -> Any:
    """Return the rows of ``fit``, checked, and set what is learnt of their layout.

    Sets ``n_features_in_``, ``image_shape_``, ``_layout`` and, for a frame, ``feature_names_in_``. Lazy rows come back
    unread, and so unchecked.
    """
    X = as_array_like(X)
    is_image = _n_dimensions(X) > 2
    if isinstance(X, LazyRows):
        validate_data(estimator, X, skip_check_array=True, ensure_2d=False)
    else:
        X = validate_data(estimator, X, ensure_2d=not is_image, allow_nd=is_image, **checks)
    layout = resolve_layout(X.shape, image_shape)
    estimator._layout = layout
    estimator.image_shape_ = layout.image_shape
    # scikit-learn counts the second axis alone.
    estimator.n_features_in_ = layout.n_values
    return X


def match_rows(estimator: Any, X: Any, **checks: Any) -> tuple[NDArray[Any], ImageLayout]:
    """Return further rows, checked against those of ``fit``, and their layout, which may be another one."""
    check_is_fitted(estimator)
    X = as_array_like(X)
    if _n_dimensions(X) > 2:
        # Images have no column names to compare.
        X = check_rows(estimator, X, **checks)
    else:
        X = validate_data(estimator, X, reset=False, **checks)
    return X, match_layout(X.shape, estimator._layout)


def check_rows(estimator: Any, X: Any, **checks: Any) -> NDArray[Any]:
    """Return checked rows of two to four dimensions, whatever ``fit`` saw."""
    X = as_array_like(X)
    is_image = _n_dimensions(X) > 2
    return check_array(X, input_name="X", estimator=estimator, ensure_2d=not is_image, allow_nd=is_image, **checks)


def as_images(rows: NDArray[Any], layout: ImageLayout) -> NDArray[Any]:
    """Return a view of shape (n, n_channels, height, width)."""
    images = rows.reshape(len(rows), *layout.unfolded_shape)
    return images.transpose(0, 3, 1, 2) if layout.is_channels_last else images


def as_rows(images: NDArray[Any], layout: ImageLayout) -> NDArray[Any]:
    """Return images of shape (n, n_channels, height, width) as rows of ``layout``, a view where that is possible."""
    values = images.transpose(0, 2, 3, 1) if layout.is_channels_last else images
    return values.reshape(len(images), *layout.row_shape)


def has_flat_rows(estimator: Any) -> bool:
    """Whether the estimator's output has columns that can be named; before ``fit`` it may."""
    layout = getattr(estimator, "_layout", None)
    return layout is None or layout.ndim == 2


def _n_dimensions(X: Any) -> int:
    # A polars frame has a shape, a list has neither.
    shape = getattr(X, "shape", None)
    return np.asarray(X).ndim if shape is None else len(shape)
