"""Inputs that are tables: rows of numbers, dense or sparse."""

from typing import Any

import numpy as np
from sklearn.base import is_regressor

from sknets._arrays import as_array_like
from sknets._sklearn_compat import validate_data
from sknets.base._estimator import BaseNetwork


class TabularInputs(BaseNetwork):
    """A network whose X has the shape (n_samples, n_features)."""

    def _check_X(self, X: Any) -> Any:
        return validate_data(self, as_array_like(X), reset=False, accept_sparse="csr", dtype=[np.float64, np.float32])

    def _check_X_y(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        return validate_data(
            self,
            as_array_like(X),
            as_array_like(y),
            reset=reset,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=is_regressor(self),
            dtype=[np.float64, np.float32],
        )

    def _prepare_module(self, net: Any, rows: Any, is_fresh: bool) -> None:
        """Nothing of the module depends on the rows' values."""
