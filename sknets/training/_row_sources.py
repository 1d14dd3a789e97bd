"""Rows that become tensors only when a batch asks for them."""

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch

from sknets._lazy_rows import LazyRows


class RowSource(ABC):
    """Takes the place of a tensor of inputs.

    Attributes
    ----------
    shape : tuple of int
        (n, ...)
    n_bytes : float
        What all rows together would take in memory; infinite where they must not be gathered at once.
    """

    shape: tuple[int, ...]
    n_bytes: float

    def __len__(self) -> int:
        return int(self.shape[0])

    @abstractmethod
    def __getitem__(self, rows: Any) -> torch.Tensor:
        """Return the rows at a slice or at the indices in a tensor."""

    def sample(self) -> torch.Tensor:
        """Return one row, the costliest that a module may be given."""
        return self[:1]


class SparseRows(RowSource):
    """A CSR matrix whose rows come out as dense tensors.

    Parameters
    ----------
    matrix : scipy.sparse CSR matrix or array of shape (n, n_features)
    dtype, device
        Of the tensors that come out.
    """

    def __init__(self, matrix: Any, dtype: torch.dtype, device: torch.device) -> None:
        self.matrix = matrix
        self.dtype = dtype
        self.device = device
        self.shape = matrix.shape
        self.n_bytes = math.prod(matrix.shape) * dtype.itemsize

    def __getitem__(self, rows: Any) -> torch.Tensor:
        if isinstance(rows, torch.Tensor):
            rows = rows.cpu().numpy()
        return torch.from_numpy(self.matrix[rows].toarray()).to(device=self.device, dtype=self.dtype)


class StoredRows(RowSource):
    """Rows on disk, read batch by batch; never all at once.

    Parameters
    ----------
    rows : LazyRows
    device : torch.device
        Of the tensors that come out, which have the rows' own dtype.
    """

    n_bytes = math.inf

    def __init__(self, rows: LazyRows, device: torch.device) -> None:
        self.rows = rows
        self.device = device
        self.shape = rows.shape

    def __getitem__(self, rows: Any) -> torch.Tensor:
        index = rows.cpu().numpy() if isinstance(rows, torch.Tensor) else np.arange(len(self))[rows]
        return torch.from_numpy(np.ascontiguousarray(self.rows.read(index))).to(self.device)
