import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sknets import Perceptron
from sknets.training import Penalty, Rows, SparseRows
from sknets.training._perceptron_rule import BLOCK_ROWS, DistinctRows
from tests.training._fitting import CPU

N_ROWS = 50


def rows_by_hand(X, signs, n_passes, *, eta=1.0, weights=None, order=None, fit_intercept=True, l1=0.0, l2=0.0):
    """Rosenblatt's rule in the plainest words: for each row, for each column, if wrong, add the row."""
    n_columns = signs.shape[1]
    W, b = np.zeros((n_columns, X.shape[1])), np.zeros(n_columns)
    weights = np.ones(len(X)) if weights is None else weights
    for _ in range(n_passes):
        for i in range(len(X)) if order is None else next(order):
            for k in range(n_columns):
                if signs[i, k] * (W[k] @ X[i] + b[k]) <= 0:
                    W[k] += eta * weights[i] * signs[i, k] * X[i]
                    b[k] += eta * weights[i] * signs[i, k] * fit_intercept
                W[k] *= max(0.0, 1 - eta * l2)
                W[k] = np.sign(W[k]) * np.maximum(np.abs(W[k]) - eta * l1, 0)
    return W, b


def signs_of(y, n_classes):
    return (2.0 * y - 1.0)[:, None] if n_classes == 2 else 2.0 * np.eye(n_classes)[y] - 1.0


def fit(X, y, *args, **parameters):
    parameters = {"shuffle": False, "tol": None, "max_iter": 4} | parameters
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        return Perceptron(**parameters).fit(X, y, *args)


@pytest.fixture
def X(rng):
    # Quarters add up without rounding, so that the order of sums does not matter.
    return rng.integers(-8, 9, (N_ROWS, 3)) / 4 + np.arange(N_ROWS)[:, None] * [0, 0, 0.25]


@pytest.fixture
def y(rng):
    return rng.integers(0, 3, N_ROWS)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("eta", [1.0, 0.5])
@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
def test_the_rule_is_a_plain_loop_over_rows(X, y, n_classes, fit_intercept, eta, as_matrix):
    y = y % n_classes

    clf = fit(as_matrix(X), y, eta0=eta, fit_intercept=fit_intercept)

    W, b = rows_by_hand(X, signs_of(y, n_classes), 4, eta=eta, fit_intercept=fit_intercept)
    np.testing.assert_array_equal(clf.coef_, W)
    np.testing.assert_array_equal(clf.intercept_, b)


def test_rows_that_fill_several_blocks_are_one_sequence(rng):
    X = rng.integers(-40, 41, (2 * BLOCK_ROWS + 20, 3)) / 4 + 0.25
    X, first = np.unique(X, axis=0, return_index=True)
    X = X[np.argsort(first)]
    y = rng.integers(0, 2, len(X))
    assert len(X) > 2 * BLOCK_ROWS

    clf = fit(X, y, max_iter=2)

    W, b = rows_by_hand(X, signs_of(y, 2), 2)
    np.testing.assert_array_equal(clf.coef_, W)
    np.testing.assert_array_equal(clf.intercept_, b)


def test_weights_scale_the_steps(X, y, rng):
    weights = rng.integers(1, 5, N_ROWS).astype(float)

    clf = fit(X, y % 2, weights)

    W, b = rows_by_hand(X, signs_of(y % 2, 2), 4, weights=weights)
    np.testing.assert_allclose(clf.coef_, W, rtol=1e-12)
    np.testing.assert_allclose(clf.intercept_, b, rtol=1e-12)


@pytest.mark.parametrize(("penalty", "l1", "l2"), [("l1", 0.01, 0.0), ("l2", 0.0, 0.01), ("elasticnet", 0.003, 0.007)])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_penalty_shrinks_the_weights_after_every_row(X, y, penalty, l1, l2, n_classes):
    y = y % n_classes

    clf = fit(X, y, penalty=penalty, alpha=0.01, l1_ratio=0.3)

    W, b = rows_by_hand(X, signs_of(y, n_classes), 4, l1=l1, l2=l2)
    np.testing.assert_allclose(clf.coef_, W, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(clf.intercept_, b, rtol=1e-8)


def test_a_pass_without_mistakes_ends_training(X):
    y = (X @ [1.0, -2.0, 0.3] > 0.6).astype(int)

    clf = Perceptron(max_iter=2000, tol=None).fit(X, y)

    assert clf.score(X, y) == 1.0
    assert clf.n_iter_ < 2000
    assert clf.loss_ == 0.0
    # The pass before made one.
    assert clf.loss_curve_[-2] >= 0.0


@pytest.mark.parametrize(
    ("truth", "is_separable"), [([0, 0, 0, 1], True), ([0, 1, 1, 1], True), ([1, 1, 0, 0], True), ([0, 1, 1, 0], False)]
)
def test_it_learns_what_a_line_separates_and_nothing_else(truth, is_separable):
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])

    clf = Perceptron().fit(X, truth)

    assert (clf.score(X, truth) == 1.0) == is_separable


def test_a_repeated_row_is_a_row_of_twice_the_weight(X, y, rng):
    counts = rng.integers(1, 4, N_ROWS)
    parameters = {"shuffle": True, "random_state": 0}

    weighted = fit(X, y, counts.astype(float), **parameters)
    repeated = fit(np.repeat(X, counts, axis=0), np.repeat(y, counts), **parameters)

    np.testing.assert_allclose(repeated.coef_, weighted.coef_, rtol=1e-10)


def test_shuffled_training_does_not_depend_on_the_order_of_the_rows(X, y, rng):
    places = rng.permutation(N_ROWS)
    parameters = {"shuffle": True, "random_state": 0}

    np.testing.assert_array_equal(fit(X, y, **parameters).coef_, fit(X[places], y[places], **parameters).coef_)


def test_another_seed_takes_the_rows_in_another_order(X, y):
    one, other = (fit(X, y, shuffle=True, random_state=seed, max_iter=1) for seed in (0, 1))

    assert not np.array_equal(one.coef_, other.coef_)


def test_the_loss_is_the_mean_distance_on_the_wrong_side(X, y):
    X, y = X[:3], np.array([1, 0, 1])

    clf = fit(X, y, max_iter=1)

    signs, W, b, expected = signs_of(y, 2)[:, 0], np.zeros(3), 0.0, 0.0
    for row, sign in zip(X, signs, strict=True):
        margin = sign * (W @ row + b)
        if margin <= 0:
            expected -= margin / 3
            W, b = W + sign * row, b + sign
    assert clf.loss_ == pytest.approx(expected, rel=1e-12)


# -------------------------------------------------------------------------------------------- distinct rows


def distinct(inputs, targets, weights=None, mean_weight=1.0, keep_order=True):
    rows = Rows(
        SparseRows(inputs, torch.float64, CPU) if sparse.issparse(inputs) else torch.from_numpy(inputs),
        torch.from_numpy(targets),
        None if weights is None else torch.from_numpy(weights),
    )
    n_outputs = 1 if targets.ndim == 2 else int(targets.max()) + 1
    return DistinctRows(rows, n_outputs, mean_weight, keep_order)


TWINS = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [1.0, 2.0], [2.0, 1.0]])


@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
def test_equal_rows_of_one_class_are_merged_and_those_of_two_are_not(as_matrix):
    targets = np.array([[1.0], [0.0], [1.0], [0.0], [1.0]])

    rows = distinct(as_matrix(TWINS), targets, weights=np.array([0.5, 1.0, 2.0, 1.0, 0.5]), mean_weight=3.0)

    assert rows.block(np.arange(len(rows)), has_bias=False).tolist() == [[1, 2], [3, 4], [1, 2], [2, 1]]
    assert rows.signs[:, 0].tolist() == [1, -1, -1, 1]
    assert rows.weights.tolist() == [7.5, 3.0, 3.0, 1.5]


def test_sparse_and_dense_rows_come_in_the_same_order(X, y):
    X = X * (np.abs(X) > 0.5)

    dense = distinct(X, y, keep_order=False)
    sparsely = distinct(sparse.csr_matrix(X), y, keep_order=False)

    np.testing.assert_array_equal(dense.inputs, sparsely.inputs.toarray())
    np.testing.assert_array_equal(dense.signs, sparsely.signs)


def test_negative_zero_is_zero():
    rows = distinct(np.array([[0.0, 1.0], [-0.0, 1.0]]), np.array([[1.0], [1.0]]))

    assert len(rows) == 1


def test_columns_of_a_row_do_not_change_places():
    rows = distinct(np.array([[1.0, 2.0], [2.0, 1.0], [0.0, 3.0], [3.0, 0.0]]), np.ones((4, 1)))

    assert len(rows) == 4


def test_a_bias_is_a_column_of_ones():
    block = distinct(TWINS, np.arange(5)).block(np.array([1, 4]), has_bias=True)

    assert block.tolist() == [[3, 4, 1], [2, 1, 1]]


def test_a_penalty_of_zero_takes_the_plain_path(X, y):
    assert not Penalty(divisor=1.0)
    np.testing.assert_array_equal(fit(X, y, penalty="l2", alpha=0.0).coef_, fit(X, y).coef_)
