"""Inputs that are pictures, in any of the layouts in which users hold them."""

import math
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.base import is_regressor
from sklearn.utils import check_consistent_length

from sknets._arrays import as_array_like
from sknets._channel_statistics import channel_statistics
from sknets._image_layout import ImageLayout, match_layout, resolve_layout
from sknets._lazy_rows import LazyRows, MappedRows, is_memory_mapped
from sknets._sklearn_compat import validate_data
from sknets.base._estimator import BaseNetwork
from sknets.base._rows import PreparedRows
from sknets.training import InMemoryNet


class ImageInputs(BaseNetwork):
    """A network whose X holds pictures: flat rows, or with axes for height, width and channels.

    Pictures become rows that hold their values in the order in which they came; the module's first layer unfolds them.
    """

    def _check_X(self, X: Any) -> Any:
        X = _as_array(as_array_like(X))
        if isinstance(X, LazyRows):
            return self._checked(self._match_lazy(X))
        unfolded = match_layout(X.shape, self._layout) if len(X.shape) > 2 else None
        X = validate_data(self, _flatten(X), reset=False, accept_sparse="csr", dtype="numeric")
        return self._checked(self._match(X, unfolded))

    def _check_X_y(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = _as_array(as_array_like(X)), as_array_like(y)
        checks = {"multi_output": True, "y_numeric": is_regressor(self), "accept_sparse": "csr", "dtype": "numeric"}
        if isinstance(X, LazyRows):
            X, y = self._check_lazy(X, y, reset=reset)
            return self._checked(X), y
        if not reset:
            unfolded = match_layout(X.shape, self._layout) if len(X.shape) > 2 else None
            X, y = validate_data(self, _flatten(X), y, reset=False, **checks)
            return self._checked(self._match(X, unfolded)), y
        unfolded = resolve_layout(X.shape, self.image_shape) if len(X.shape) > 2 else None
        X, y = validate_data(self, _flatten(X), y, **checks)
        self._learn_layout(unfolded or resolve_layout(X.shape, self.image_shape))
        return self._checked(_as_stored(_as_pixels(X))), y

    def _checked(self, X: Any) -> Any:
        self._check_pixels(X)
        return X

    def _check_lazy(self, X: LazyRows, y: Any, *, reset: bool) -> tuple[LazyRows, Any]:
        if not reset:
            return self._match_lazy(X), self._check_y(X, y)
        self._learn_layout(resolve_layout(X.shape, self.image_shape))
        self.n_features_in_ = self._layout.n_values
        self.__dict__.pop("feature_names_in_", None)
        return X, self._check_y(X, y)

    def _check_y(self, X: Any, y: Any) -> Any:
        y = validate_data(self, "no_validation", y, reset=False, multi_output=True, y_numeric=is_regressor(self))
        check_consistent_length(X, y)
        return y

    def _learn_layout(self, layout: ImageLayout) -> None:
        self._layout = layout
        self.image_shape_ = layout.image_shape

    def _match(self, X: Any, unfolded: ImageLayout | None) -> Any:
        """Return flat rows, which may have come unfolded, in the order of those of fit."""
        layout = unfolded or match_layout(X.shape, self._layout)
        return _as_stored(_reorder(_as_pixels(X), layout, self._layout))

    def _match_lazy(self, X: LazyRows) -> LazyRows:
        layout = match_layout(X.shape, self._layout)
        if layout.is_channels_last != self._layout.is_channels_last and layout.n_channels > 1:
            raise ValueError(
                "Rows on disk must have the layout of the rows of fit, "
                f"{self._layout.unfolded_shape}; got {layout.unfolded_shape}. Read them (numpy.asarray) first."
            )
        return X

    def _prepare_module(self, net: InMemoryNet, rows: PreparedRows, is_fresh: bool) -> None:
        module: Any = net.module_
        if is_fresh:
            mean, scale = channel_statistics(rows.X, self._layout, rows.weights)
            if not np.isfinite([mean, scale]).all():
                raise ValueError(
                    "Input X contains NaN, infinity or values too large for a mean and a spread. Replace such values, "
                    "or leave their pictures out."
                )
            module.input.set_statistics(torch.from_numpy(mean), torch.from_numpy(scale))
        self._prepare_augmentation(net)

    def _check_pixels(self, X: Any) -> None:
        """Refuse values that the network cannot read; none by default."""

    def _prepare_augmentation(self, net: InMemoryNet) -> None:
        """Tell the module how training images are changed; not at all by default."""


def _as_array(X: Any) -> Any:
    """Return lists of pictures as an array; frames, sparse matrices and lazy rows stay what they are."""
    is_column = hasattr(X, "shape") and len(X.shape) == 1 and _has_pictures(X)
    if hasattr(X, "shape") and not is_column:
        return X
    try:
        return np.stack([np.asarray(picture) for picture in X]) if is_column else np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"Pictures must all have the same height, width and channels; putting them into one array failed: {error}. "
            "Resize or convert them, or let load_image_folder do so."
        ) from error


def _has_pictures(X: Any) -> bool:
    """Whether the elements of a one-dimensional array or column are pictures themselves."""
    return len(X) > 0 and all(np.ndim(picture) >= 2 for picture in X)


def _flatten(X: Any) -> Any:
    """Return rows with one axis of values, in the order in which they stand."""
    return X if len(X.shape) <= 2 else X.reshape(len(X), math.prod(X.shape[1:]))


def _as_pixels(X: Any) -> Any:
    """Return bytes where whole numbers fit into bytes, and floating numbers else; a mapped file as it is."""
    # Numbers of another byte order are not equal to these.
    if is_memory_mapped(X) or X.dtype in (np.float32, np.float64, np.uint8):
        return X
    if X.dtype.kind == "f":
        return X.astype(np.float32 if X.dtype.itemsize <= 4 else np.float64)
    if X.dtype.kind == "b":
        return X.astype(np.uint8)
    if X.dtype.kind in "iu" and not sparse.issparse(X) and X.min() >= 0 and X.max() <= 255:
        return X.astype(np.uint8)
    return X.astype(np.float64)


def _reorder(X: Any, layout: ImageLayout, learnt: ImageLayout) -> Any:
    """Return rows whose channels stand where those of fit stood."""
    if layout.n_channels == 1 or layout.is_channels_last == learnt.is_channels_last:
        return X
    images = X.reshape(len(X), *layout.unfolded_shape)
    axes = (0, 3, 1, 2) if layout.is_channels_last else (0, 2, 3, 1)
    return images.transpose(axes).reshape(len(X), -1)


def _as_stored(X: Any) -> Any:
    """Return rows of a mapped file as rows that are read batch by batch."""
    return MappedRows(X) if is_memory_mapped(X) else X
