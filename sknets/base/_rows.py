"""Checked rows on their way from arrays to the device."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse

from sknets._arrays import as_tensor
from sknets._lazy_rows import LazyRows
from sknets.training import Rows, RowSource, SparseRows, StoredRows


@dataclass(frozen=True)
class PreparedRows:
    """Checked X, encoded targets and positive weights (or None), still numpy arrays."""

    X: Any
    targets: np.ndarray
    weights: np.ndarray | None

    @property
    def weight_sum(self) -> float:
        """Sum of the weights; the number of rows where there are none."""
        return float(len(self.targets) if self.weights is None else self.weights.sum())

    def to_device(self, dtype: torch.dtype, device: torch.device) -> Rows:
        """Return tensors; weights are scaled to mean 1."""
        is_index = self.targets.ndim == 1
        weights = None if self.weights is None else as_tensor(self.weights / self.weights.mean(), dtype, device)
        return Rows(
            as_inputs(self.X, dtype, device),
            as_tensor(self.targets, torch.int64 if is_index else dtype, device),
            weights,
        )


def as_inputs(X: Any, dtype: torch.dtype, device: torch.device) -> torch.Tensor | RowSource:
    """Return a module's inputs: a tensor, or a source of rows that become tensors batch by batch."""
    if sparse.issparse(X):
        return SparseRows(X, dtype, device)
    if isinstance(X, LazyRows):
        return StoredRows(X, device)
    # Bytes stay bytes, an eighth of the memory; the module's first layer makes numbers of them.
    return as_tensor(X, torch.uint8 if X.dtype == np.uint8 else dtype, device)


def floating_dtype(X: Any) -> np.dtype:
    """Return X's dtype if it is float32 or float64, else float32."""
    return X.dtype if X.dtype in (np.float32, np.float64) else np.dtype(np.float32)
