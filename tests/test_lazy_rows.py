import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, cross_validate, train_test_split
from sklearn.utils import _safe_indexing

from sknets._lazy_rows import LazyRows, MappedRows, is_memory_mapped


class CountedRows(MappedRows):
    """Rows of an array that count how many of them were read."""

    n_read = 0

    def read(self, index):
        CountedRows.n_read += len(index)
        return super().read(index)

    def take(self, index):
        return CountedRows(self.array, index if self.index is None else self.index[index])


@pytest.fixture
def array(rng):
    return rng.normal(size=(10, 3, 2))


@pytest.fixture
def rows(array):
    CountedRows.n_read = 0
    return CountedRows(array)


@pytest.fixture
def mapped(array, tmp_path):
    np.save(tmp_path / "rows.npy", array)
    return np.load(tmp_path / "rows.npy", mmap_mode="r")


KEYS = [
    slice(2, 7),
    slice(None, None, -3),
    slice(5, 5),
    [3, 1, 1],
    np.array([-1, 0]),
    np.arange(10) % 2 == 0,
    np.int64(4),
    3,
    -1,
    (np.array([3, 4]), Ellipsis),
    Ellipsis,
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_a_key_picks_the_rows_that_it_picks_from_an_array(array, rows, key):
    np.testing.assert_array_equal(np.asarray(rows[key]), array[key], strict=True)


@pytest.mark.parametrize("key", KEYS[:6], ids=str)
def test_rows_are_picked_from_picked_rows(array, rows, key):
    index = np.array([9, 1, 8, 2, 7, 3, 6, 4, 5, 0])

    np.testing.assert_array_equal(np.asarray(rows[index][key]), array[index][key])


@pytest.mark.parametrize("key", [slice(2, 7), [3, 1], np.arange(10) % 2 == 0], ids=str)
def test_several_rows_are_picked_without_being_read(rows, key):
    picked = rows[key]

    assert isinstance(picked, LazyRows)
    assert CountedRows.n_read == 0


def test_one_row_is_read_as_an_array(array, rows):
    assert isinstance(rows[3], np.ndarray)
    assert rows[3].shape == (3, 2)
    assert CountedRows.n_read == 2


@pytest.mark.parametrize("key", [10, -11, [0, 10], np.ones(9, dtype=bool), "a"], ids=str)
def test_rows_that_are_not_there_are_an_index_error(rows, key):
    with pytest.raises(IndexError, match=r"out of bounds|boolean index|valid indices"):
        rows[key]


def test_shape_and_type_are_those_of_the_array(array, rows):
    assert (rows.shape, rows.ndim, rows.dtype, len(rows)) == (array.shape, 3, array.dtype, 10)
    assert (rows[:4].shape, len(rows[:4])) == ((4, 3, 2), 4)


def test_they_can_be_walked_through(array, rows):
    np.testing.assert_array_equal(list(rows), array)


def test_as_an_array_they_are_read_in_whole(array, rows):
    np.testing.assert_array_equal(np.asarray(rows), array, strict=True)
    np.testing.assert_array_equal(np.asarray(rows, dtype=np.float32), array.astype(np.float32), strict=True)
    assert np.array(rows, copy=True).base is not array


def test_they_never_become_an_array_without_a_copy(rows):
    with pytest.raises(ValueError, match="only by being read, which copies them; got copy=False"):
        np.array(rows, copy=False)


def test_what_is_read_is_a_copy(array):
    before = array.copy()

    read = MappedRows(array).read(np.arange(10))
    read[:] = 0

    np.testing.assert_array_equal(array, before)


def test_scikit_learn_splits_them_without_reading(array, rows):
    train, test = train_test_split(rows, random_state=0)

    expected = train_test_split(array, random_state=0)
    assert CountedRows.n_read == 0
    np.testing.assert_array_equal(np.asarray(train), expected[0])
    np.testing.assert_array_equal(np.asarray(test), expected[1])


def test_scikit_learn_cross_validates_on_them(array, rows):
    class Mean(BaseEstimator):
        def fit(self, X, y):
            self.seen = type(X)
            return self

        def score(self, X, y):
            return float(self.seen is CountedRows) + np.asarray(X).mean()

    scores = cross_validate(Mean(), rows, np.arange(10), cv=KFold(5))["test_score"]

    np.testing.assert_allclose(scores, 1 + array.reshape(5, -1).mean(axis=1))


def test_scikit_learn_picks_rows_by_a_mask(array, rows):
    mask = np.arange(10) > 6

    np.testing.assert_array_equal(np.asarray(_safe_indexing(rows, mask)), array[mask])


def test_rows_of_a_mapped_file_are_read(array, mapped):
    np.testing.assert_array_equal(np.asarray(MappedRows(mapped)[::2]), array[::2])
    assert not is_memory_mapped(MappedRows(mapped).read(np.arange(3)))


def test_views_of_a_mapped_file_are_mapped(mapped):
    assert is_memory_mapped(mapped)
    assert is_memory_mapped(mapped[2:5])
    assert is_memory_mapped(np.asarray(mapped).reshape(10, -1).T)


@pytest.mark.parametrize("copied", [np.array, lambda mapped: mapped[[0, 1]], lambda mapped: mapped + 1, np.copy])
def test_copies_of_a_mapped_file_are_not(mapped, copied):
    assert not is_memory_mapped(copied(mapped))


@pytest.mark.parametrize("other", [np.zeros(3), [1, 2], None, "rows"], ids=str)
def test_what_is_in_memory_is_not_mapped(other):
    assert not is_memory_mapped(other)


@pytest.mark.parametrize(
    "key", [(..., 0), (..., slice(None, None, -1)), (slice(None), 0), None, True, np.zeros((2, 2), int)]
)
def test_an_index_into_single_rows_is_refused(key):
    rows = MappedRows(np.zeros((3, 4, 4), dtype=np.uint8))

    with pytest.raises(IndexError, match=r"(?s)only whole.*numpy\.asarray reads them"):
        rows[key]
