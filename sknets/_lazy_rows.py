"""Rows that stay on disk until they are needed: what a batch-by-batch fit reads instead of an array in memory."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LazyRows(ABC):
    """Something with an array's shape and type whose rows are read when they are used.

    It is enough of an array for scikit-learn: ``train_test_split`` and cross-validation take rows from it without
    reading any. ``numpy.asarray`` reads them all.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @abstractmethod
    def read(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows at ``index`` as an array of shape (len(index), ...)."""

    @abstractmethod
    def take(self, index: NDArray[np.int64]) -> "LazyRows":
        """Return the rows at ``index`` without reading them."""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Return one row as an array for an integer, and lazy rows for a slice, a mask or a list of integers."""
        # scikit-learn indexes with X[rows, ...].
        rows = key[0] if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis else key
        if rows is None or isinstance(rows, tuple | bool) or (not isinstance(rows, slice) and np.ndim(rows) > 1):
            raise IndexError(
                "Rows on disk are taken by an integer, a slice, a mask or a list of integers, and only whole; got "
                f"{key!r}. numpy.asarray reads them into an array, which takes any index."
            )
        index = np.arange(len(self))[rows]
        return self.read(np.atleast_1d(index))[0] if index.ndim == 0 else self.take(index)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("Rows on disk become an array only by being read, which copies them; got copy=False.")
        rows = self.read(np.arange(len(self)))
        return rows if dtype is None else rows.astype(dtype, copy=False)


class MappedRows(LazyRows):
    """Rows of an array in a file that is mapped into memory.

    Parameters
    ----------
    array : ndarray
        A ``numpy.memmap``, or a view of one.
    index : ndarray of int or None
        The rows of ``array`` that count, in their order; None for all.
    """

    def __init__(self, array: NDArray[Any], index: NDArray[np.int64] | None = None) -> None:
        self.array = array
        self.index = index
        self.shape = (len(array) if index is None else len(index), *array.shape[1:])
        # torch takes numbers in this machine's order of bytes only.
        self.dtype = array.dtype.newbyteorder("=")

    def read(self, index: NDArray[np.int64]) -> NDArray[Any]:
        return np.array(self.array[index if self.index is None else self.index[index]], dtype=self.dtype)

    def take(self, index: NDArray[np.int64]) -> "MappedRows":
        return MappedRows(self.array, index if self.index is None else self.index[index])


def is_memory_mapped(array: Any) -> bool:
    """Whether an array's numbers lie in a mapped file."""
    while isinstance(array, np.ndarray):
        # A copy made from a memmap may keep the class, but has no map.
        if isinstance(array, np.memmap) and getattr(array, "_mmap", None) is not None:
            return True
        array = array.base
    return False
