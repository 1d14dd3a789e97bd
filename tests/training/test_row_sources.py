import numpy as np
import pytest
import torch
from scipy import sparse

from sknets._lazy_rows import MappedRows
from sknets.training import SparseRows, StoredRows
from tests.training._fitting import CPU

KEYS = {
    "slice": (slice(2, 7), slice(2, 7)),
    "slice from the end": (slice(-3, None), slice(-3, None)),
    "empty slice": (slice(0, 0), slice(0, 0)),
    "all": (slice(None), slice(None)),
    "indices": (torch.tensor([8, 0, 3, 3]), [8, 0, 3, 3]),
}


@pytest.fixture
def array(rng):
    return np.where(rng.random((9, 4, 5)) < 0.5, 0, rng.integers(1, 100, (9, 4, 5)))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.dtype(">f8")])
def test_stored_rows_come_out_as_tensors_in_their_own_type(dtype, key, array):
    rows, expected = KEYS[key]
    stored = StoredRows(MappedRows(array.astype(dtype)), CPU)

    tensor = stored[rows]

    assert tensor.dtype == {1: torch.uint8, 4: torch.float32, 8: torch.float64}[np.dtype(dtype).itemsize]
    np.testing.assert_array_equal(tensor.numpy(), array[expected])


@pytest.mark.parametrize("key", KEYS)
def test_sparse_rows_come_out_dense_in_the_type_asked_for(key, array):
    rows, expected = KEYS[key]
    flat = array.reshape(9, -1)

    tensor = SparseRows(sparse.csr_array(flat), torch.float32, CPU)[rows]

    assert tensor.dtype == torch.float32
    np.testing.assert_array_equal(tensor.numpy(), flat[expected])


def test_a_source_has_the_shape_of_all_its_rows(array):
    stored = StoredRows(MappedRows(array), CPU)
    dense = SparseRows(sparse.csr_array(array.reshape(9, -1)), torch.float64, CPU)

    assert stored.shape == (9, 4, 5)
    assert dense.shape == (9, 20)
    assert len(stored) == len(dense) == 9


def test_stored_rows_are_too_many_to_be_gathered_however_few_they_are(array):
    assert StoredRows(MappedRows(array), CPU).n_bytes == np.inf
    assert SparseRows(sparse.csr_array(array.reshape(9, -1)), torch.float32, CPU).n_bytes == 9 * 20 * 4


def test_what_comes_out_is_not_the_file(array):
    stored = StoredRows(MappedRows(array), CPU)

    stored[:3].zero_()

    assert stored[:3].any()
