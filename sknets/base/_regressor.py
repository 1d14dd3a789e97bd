"""What all regressors share: targets of one or several columns."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from sknets.base._estimator import BaseNetwork


class BaseNetworkRegressor(RegressorMixin, BaseNetwork):
    """A network whose outputs are numbers."""

    def _learn_targets(self, y: np.ndarray, classes: Any, is_fresh: bool, dtype: np.dtype) -> np.ndarray:
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if is_fresh:
            self.n_outputs_ = n_outputs
            self._is_single_column = y.ndim == 1
        return self._encode_targets(y, dtype)

    def _encode_targets(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        targets = y.reshape(len(y), -1).astype(dtype)
        if targets.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y must have {self.n_outputs_} columns, as in the first call; got {targets.shape[1]}. "
                "Fit a new estimator for another number of outputs."
            )
        self._check_targets(targets)
        return targets

    def _check_targets(self, targets: np.ndarray) -> None:
        """Refuse targets that the loss is not defined for; nothing by default."""

    def _weigh(self, y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray | None:
        return sample_weight

    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        return None

    def _predictions(self, outputs: np.ndarray) -> np.ndarray:
        return outputs[:, 0] if self._is_single_column else outputs
