import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn

from sknets._lazy_rows import MappedRows
from sknets.nn import MLP
from sknets.training import SparseRows, StoredRows
from sknets.training._work import Work, measure_work
from tests.training._fitting import CPU


@pytest.fixture
def convolutions():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 1), nn.Flatten(), nn.Linear(48, 5)
    )


def test_a_dense_network_multiplies_once_for_each_weight():
    assert measure_work(MLP(7, (50, 20), 3), torch.zeros(4, 7)) == Work(50, 7 * 50 + 50 * 20 + 20 * 3)


def test_the_row_itself_may_be_the_widest():
    assert measure_work(MLP(70, (5,), 3), torch.zeros(4, 70)).n_values == 70


def test_convolutions_multiply_at_every_place(convolutions):
    work = measure_work(convolutions, torch.zeros(4, 3, 6, 8))

    assert work == Work(8 * 6 * 8, 8 * 27 * 48 + 4 * 8 * 12 + 48 * 5)


def test_rows_on_disk_are_measured_by_one_row(convolutions):
    class Counted(MappedRows):
        n_read = 0

        def read(self, index):
            Counted.n_read += len(index)
            return super().read(index)

    work = measure_work(convolutions, StoredRows(Counted(np.zeros((50, 3, 6, 8), np.float32)), CPU))

    assert work.n_values == 8 * 6 * 8
    assert Counted.n_read == 1


def test_sparse_rows_are_measured_as_dense_ones():
    rows = SparseRows(sparse.csr_array(np.zeros((9, 30))), torch.float32, CPU)

    assert measure_work(MLP(30, (5,), 3), rows) == Work(30, 30 * 5 + 5 * 3)


def test_no_rows_need_no_pass(convolutions):
    assert measure_work(convolutions, torch.zeros(0, 3, 6, 8)).n_values >= 3 * 6 * 8
