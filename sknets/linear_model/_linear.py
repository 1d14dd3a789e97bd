"""What the linear models share: one layer that starts at zero, read as ``coef_`` and ``intercept_``."""

from typing import Any

import numpy as np
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted

from sknets.base import TabularInputs
from sknets.nn import MLP
from sknets.training import InMemoryNet, ModuleSpec

#: L-BFGS goes on until the gradient is small, not until the loss stops falling by some relative amount.
RELATIVE_LOSS_TOLERANCE = 64 * np.finfo(float).eps


class BaseLinear(TabularInputs):
    """A single linear layer. Predictions are made from ``coef_`` and ``intercept_`` themselves."""

    _source_of_predictions = "_scores"

    def _module_spec(self, n_outputs: int) -> ModuleSpec:
        arguments = {
            "n_inputs": self.n_features_in_,
            "hidden_sizes": (),
            "n_outputs": n_outputs,
            "bias": self.fit_intercept,
        }
        return ModuleSpec(MLP, arguments, "zeros")

    def _layer_arrays(self, net: InMemoryNet) -> tuple[np.ndarray, np.ndarray]:
        """Return weights of shape (n_outputs, n_features) and biases; on the CPU they are the module's memory."""
        layer = net.last_linear_layer
        weights = layer.weight.detach().cpu().numpy()
        biases = np.zeros(len(weights), weights.dtype) if layer.bias is None else layer.bias.detach().cpu().numpy()
        return weights, biases

    def _scores(self, X: Any) -> np.ndarray:
        """Return ``X @ coef_.T + intercept_`` in X's floating dtype."""
        check_is_fitted(self)
        X = self._check_X(X)
        scores = safe_sparse_dot(X, self.coef_.T, dense_output=True) + self.intercept_
        return scores.astype(X.dtype, copy=False)
