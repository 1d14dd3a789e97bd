from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.utils import gen_batches, shuffle
from skorch.dataset import Dataset
from torch.utils.data import Subset

from sknets import LogisticRegression, MLPClassifier
from sknets.training import SparseRows
from sknets.training import _batches as batches_module
from sknets.training._batches import BatchOrder, EpochBatches, TensorBatches
from tests.training._fitting import CPU, fit


def order_of(n_rows, batch_size=2, is_shuffled=True, seed=0):
    return BatchOrder(n_rows, batch_size, is_shuffled, np.random.RandomState(seed))


@pytest.fixture
def table(rng):
    return torch.from_numpy(rng.normal(size=(11, 3))), torch.arange(11), torch.from_numpy(rng.uniform(size=11))


@pytest.fixture
def matrix(rng):
    return sparse.random_array((9, 6), density=0.4, format="csr", rng=rng)


# -------------------------------------------------------------------------------------------- the order


@settings(deadline=None)
@given(n_rows=st.integers(1, 60), batch_size=st.integers(1, 60), merge=st.booleans(), is_shuffled=st.booleans())
def test_an_epoch_holds_every_row_once(n_rows, batch_size, merge, is_shuffled):
    batches = EpochBatches([torch.arange(n_rows)], order_of(n_rows, min(batch_size, n_rows), is_shuffled), merge)

    for _ in range(2):
        parts = [part for (part,) in batches.next_epoch()]
        assert sorted(torch.cat(parts).tolist()) == list(range(n_rows))
        assert [len(part) for part in parts] == batches.sizes


def test_the_order_is_the_one_that_scikit_learn_draws():
    order, reference_rng, reference = order_of(20, seed=4), np.random.RandomState(4), np.arange(20)

    for _ in range(4):
        # scikit-learn's perceptrons shuffle the order of the epoch before.
        reference = shuffle(reference, random_state=reference_rng)
        np.testing.assert_array_equal(order.next_epoch().numpy(), reference)


def test_without_shuffling_nothing_is_drawn():
    generator = np.random.RandomState(0)

    assert BatchOrder(10, 3, False, generator).next_epoch() is None
    assert generator.randint(1000) == np.random.RandomState(0).randint(1000)


def test_a_single_batch_keeps_the_rows_as_they_are():
    assert order_of(10, 10).next_epoch() is None


@pytest.mark.parametrize(("n_rows", "batch_size"), [(10, 3), (9, 3), (10, 10), (1, 1), (201, 200), (7, 1)])
def test_edges_are_scikit_learns_batches(n_rows, batch_size):
    expected = list(gen_batches(n_rows, batch_size))

    edges = order_of(n_rows, batch_size).edges()

    assert [slice(start, end) for start, end in pairwise(edges)] == expected


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "sizes"),
    [(10, 3, [3, 3, 4]), (11, 3, [3, 3, 3, 2]), (9, 3, [3, 3, 3]), (1, 1, [1]), (4, 3, [4]), (3, 3, [3])],
)
def test_a_last_single_row_joins_the_batch_before_it(n_rows, batch_size, sizes):
    edges = order_of(n_rows, batch_size).edges(merge_last_single=True)

    assert np.diff(edges).tolist() == sizes


def test_batch_normalization_never_sees_a_single_row(rng):
    X, y = rng.normal(size=(21, 3)), np.arange(21) % 2

    clf = fit(MLPClassifier((4,), normalization="batch", batch_size=10, max_iter=2, random_state=0), X, y)

    assert np.isfinite(clf.loss_curve_).all()
    # Two batches an epoch instead of three.
    assert int(clf.module_[1].num_batches_tracked) == 4


# -------------------------------------------------------------------------------------------- gathering


@pytest.mark.parametrize("is_shuffled", [True, False])
def test_gathering_once_and_gathering_per_batch_give_the_same_batches(table, matrix, monkeypatch, is_shuffled):
    def epochs():
        sparsely = SparseRows(sparse.vstack([matrix, matrix[:2]], format="csr"), torch.float64, CPU)
        batches = EpochBatches([*table, None, sparsely], order_of(11, 4, is_shuffled))
        # Copies: the rows of the next epoch are gathered into the same memory.
        return [
            [None if part is None else part.clone() for part in batch]
            for _ in range(3)
            for batch in batches.next_epoch()
        ]

    once = epochs()
    monkeypatch.setattr(batches_module, "MAX_GATHERED_BYTES", 0)
    per_batch = epochs()

    assert len(once) == len(per_batch) == 9
    for one, other in zip(once, per_batch, strict=True):
        assert one[3] is other[3] is None
        for k in (0, 1, 2, 4):
            assert torch.equal(one[k], other[k])


@pytest.mark.parametrize("max_bytes", [0, 2**26])
@pytest.mark.parametrize("is_shuffled", [True, False])
def test_batches_keep_rows_targets_and_weights_together(table, monkeypatch, max_bytes, is_shuffled):
    monkeypatch.setattr(batches_module, "MAX_GATHERED_BYTES", max_bytes)
    inputs, targets, weights = table

    for X, y, w in EpochBatches([*table], order_of(11, 4, is_shuffled)).next_epoch():
        assert torch.equal(X, inputs[y])
        assert torch.equal(w, weights[y])
        assert torch.equal(targets[y], y)


def test_the_tables_own_memory_is_not_written_to(table):
    before = [tensor.clone() for tensor in table]
    batches = EpochBatches([*table], order_of(11, 4))

    for _ in range(2):
        list(batches.next_epoch())

    assert all(torch.equal(now, then) for now, then in zip(table, before, strict=True))


def test_batches_come_in_the_order_that_scikit_learn_draws(table):
    batches, reference_rng, reference = (
        EpochBatches([*table], order_of(11, 4, seed=4)),
        np.random.RandomState(4),
        np.arange(11),
    )

    for _ in range(3):
        reference = shuffle(reference, random_state=reference_rng)
        np.testing.assert_array_equal(torch.cat([y for _, y, _ in batches.next_epoch()]).numpy(), reference)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_a_fit_does_not_depend_on_how_rows_are_gathered(rng, monkeypatch, as_sparse):
    X, y = rng.normal(size=(50, 4)), np.arange(50) % 3
    X = sparse.csr_matrix(X) if as_sparse else X

    once = fit(MLPClassifier((5,), batch_size=8, max_iter=3, random_state=0), X, y)
    monkeypatch.setattr(batches_module, "MAX_GATHERED_BYTES", 0)
    per_batch = fit(MLPClassifier((5,), batch_size=8, max_iter=3, random_state=0), X, y)

    np.testing.assert_array_equal(once.coefs_[0], per_batch.coefs_[0])


# -------------------------------------------------------------------------------------------- sparse rows


@pytest.mark.parametrize(
    "rows", [slice(None), slice(2, 5), slice(7, 20), torch.tensor([3, 0, 3]), np.array([8, 1])], ids=repr
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_sparse_rows_are_the_dense_ones(matrix, rows, dtype):
    dense = torch.from_numpy(matrix.toarray()).to(dtype)

    taken = SparseRows(matrix, dtype, CPU)[rows]

    assert taken.dtype == dtype
    assert torch.equal(taken, dense[rows])


def test_sparse_rows_know_their_shape(matrix):
    rows = SparseRows(matrix, torch.float64, CPU)

    assert rows.shape == (9, 6)
    assert len(rows) == 9


@pytest.mark.parametrize("estimator", [MLPClassifier((5,), batch_size=8, max_iter=3), LogisticRegression(solver="sgd")])
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array, sparse.coo_array])
def test_a_fit_on_sparse_rows_is_the_fit_on_dense_ones(rng, estimator, container):
    X, y = rng.normal(size=(40, 4)) * (rng.uniform(size=(40, 4)) < 0.5), np.arange(40) % 2

    dense = fit(estimator.set_params(random_state=0), X, y).loss_curve_
    sparsely = fit(estimator, container(X), y).loss_curve_

    np.testing.assert_allclose(sparsely, dense, rtol=1e-12)


# -------------------------------------------------------------------------------------------- skorch's iterator


@pytest.mark.parametrize("batch_size", [1, 4, 11, 50, -1])
def test_skorchs_iterator_gives_all_rows_in_order(table, batch_size):
    inputs, targets, _ = table

    iterator = TensorBatches(Dataset(inputs, targets), batch_size)

    batches = list(iterator)
    assert len(batches) == len(iterator)
    assert torch.equal(torch.cat([X for X, _ in batches]), inputs)
    assert torch.equal(torch.cat([y for _, y in batches]), targets)


@pytest.mark.parametrize("as_array", [np.asarray, sparse.csr_matrix])
def test_skorchs_iterator_turns_arrays_into_tensors(table, as_array):
    inputs, _, _ = table

    batches = [X for X, _ in TensorBatches(Dataset(as_array(inputs.numpy()), length=11), 4)]

    assert torch.equal(torch.cat(batches), inputs)


def test_skorchs_iterator_takes_a_subset(table):
    inputs, targets, _ = table

    ((X, y),) = TensorBatches(Subset(Dataset(inputs, targets), [5, 2, 9]), 10)

    assert y.tolist() == [5, 2, 9]
    assert torch.equal(X, inputs[[5, 2, 9]])


def test_skorchs_iterator_takes_a_dictionary_without_targets(table):
    inputs, _, _ = table

    (first, second) = TensorBatches(Dataset({"X": inputs}, length=11), 6)

    assert torch.equal(first[0]["X"], inputs[:6])
    assert second[1].tolist() == [0.0] * 5
