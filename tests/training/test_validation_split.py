import numpy as np
import pytest
from scipy import sparse
from sklearn.model_selection import train_test_split

from sknets import MLPClassifier, MLPRegressor
from sknets.training import split_off_validation


def split(n_rows=20, fraction=0.25, strata=None, seed=0):
    rows = np.arange(n_rows)
    return split_off_validation([rows[:, None], rows, None], fraction, strata, np.random.RandomState(seed))


def test_every_row_is_on_one_side_and_arrays_stay_aligned():
    (X_train, y_train, _), (X_val, y_val, _) = split()

    assert sorted([*y_train, *y_val]) == list(range(20))
    np.testing.assert_array_equal(X_train[:, 0], y_train)
    np.testing.assert_array_equal(X_val[:, 0], y_val)


def test_what_is_not_there_stays_so():
    train, validation = split()

    assert train[2] is validation[2] is None


@pytest.mark.parametrize(("n_rows", "fraction"), [(20, 0.25), (70, 0.1), (33, 0.2)])
@pytest.mark.parametrize("is_stratified", [False, True])
def test_the_split_is_scikit_learns(n_rows, fraction, is_stratified):
    strata = (np.arange(n_rows) % 3 == 0)[:, None] if is_stratified else None

    (_, train, _), (_, validation, _) = split(n_rows, fraction, strata, seed=3)

    expected = train_test_split(
        np.arange(n_rows), test_size=fraction, stratify=strata, random_state=np.random.RandomState(3)
    )
    np.testing.assert_array_equal(train, expected[0])
    np.testing.assert_array_equal(validation, expected[1])


@pytest.mark.parametrize(
    ("n_rows", "fraction", "n_held_out"), [(20, 0.0, 2), (20, 0.01, 2), (20, 0.25, 5), (21, 0.25, 6), (3, 0.1, 2)]
)
def test_at_least_two_rows_are_held_out_and_fractions_are_rounded_up(n_rows, fraction, n_held_out):
    _, (_, validation, _) = split(n_rows, fraction)

    assert len(validation) == n_held_out


@pytest.mark.parametrize(("n_rows", "fraction"), [(2, 0.1), (1, 0.1), (10, 0.95)])
def test_a_split_that_leaves_nothing_to_learn_from_is_refused(n_rows, fraction):
    with pytest.raises(
        ValueError, match=r"validation set is too small. Increase 'validation_fraction'.*got n_samples = "
    ):
        split(n_rows, fraction)


def test_several_classes_keep_their_proportions_where_each_has_rows_enough():
    classes = np.repeat([0, 1, 2], [30, 15, 15])

    (_, train, _), (_, validation, _) = split(60, 0.2, classes)

    assert np.bincount(classes[validation]).tolist() == [6, 3, 3]
    assert np.bincount(classes[train]).tolist() == [24, 12, 12]


@pytest.mark.parametrize("counts", [[1, 19], [10, 9, 1], [4] * 5])
def test_several_classes_are_not_kept_in_proportion_where_one_has_too_few_rows(counts):
    classes = np.repeat(np.arange(len(counts)), counts)

    (_, train, _), (_, validation, _) = split(20, 0.1, classes)

    assert (len(train), len(validation)) == (18, 2)


def test_two_classes_of_which_one_has_a_single_row_are_scikit_learns_error(rng):
    X, y = rng.normal(size=(20, 2)), np.arange(20) == 0

    with pytest.raises(ValueError, match=r"The least populated class(es)? in y ha(s|ve) only 1 member"):
        MLPClassifier(early_stopping=True).fit(X, y)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_rows_are_split_like_dense_ones(rng, container):
    X = np.eye(20)

    (dense, *_), _ = split_off_validation([X], 0.2, None, np.random.RandomState(0))
    (sparsely, *_), _ = split_off_validation([container(X)], 0.2, None, np.random.RandomState(0))

    np.testing.assert_array_equal(sparsely.toarray(), dense)


def test_rows_that_are_given_for_validation_leave_the_others_to_training(rng):
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)

    reg = MLPRegressor(
        early_stopping=True, hidden_layer_sizes=(3,), max_iter=40, n_iter_no_change=2, tol=1.0, random_state=0
    ).fit(X, y, X_val=X[:5], y_val=y[:5])

    assert reg.t_ == 30 * reg.n_iter_
