"""Rosenblatt's rule: what it learns, what it provably cannot, and that only mistakes move the boundary."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import linear_model
from sklearn.base import clone
from sklearn.datasets import load_iris

from sknets import Perceptron

CORNERS = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
GATES = {
    "AND": [0, 0, 0, 1],
    "OR": [0, 1, 1, 1],
    "NAND": [1, 1, 1, 0],
    "NOR": [1, 0, 0, 0],
    "first input": [0, 0, 1, 1],
}
XOR = [0, 1, 1, 0]


@pytest.mark.parametrize("gate", GATES)
def test_separable_gates_are_learnt_from_every_seed(gate):
    y = GATES[gate]

    for seed in range(100):
        clf = Perceptron(random_state=seed).fit(CORNERS, y)
        assert clf.predict(CORNERS).tolist() == y, seed


def test_not_is_learnt_from_every_seed():
    for seed in range(100):
        assert Perceptron(random_state=seed).fit([[0], [1]], [1, 0]).predict([[0], [1]]).tolist() == [1, 0]


@pytest.mark.parametrize("gate", GATES)
def test_gates_are_learnt_in_any_order_of_the_rows(gate):
    y = np.array(GATES[gate])

    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        clf = Perceptron(shuffle=False).fit(CORNERS[order], y[order])
        np.testing.assert_array_equal(clf.predict(CORNERS), y)


def boundary(clf):
    return tuple(np.r_[clf.coef_[0], clf.intercept_])


def test_xor_is_never_learnt_however_many_passes():
    # One pass over rows in a fixed order maps the boundary to the next one, by a function of the boundary alone. So
    # once a boundary comes back, the passes between repeat for ever; where none of them separates, none ever will.
    clf = Perceptron(shuffle=False)
    visited = []
    while True:
        clf.partial_fit(CORNERS, XOR, classes=[0, 1])
        if boundary(clf) in visited:
            break
        visited.append(boundary(clf))
        assert len(visited) < 100
    cycle = visited[visited.index(boundary(clf)) :]

    for _ in range(3 * len(cycle)):
        assert clf.score(CORNERS, XOR) < 1
        clf.partial_fit(CORNERS, XOR)
        assert boundary(clf) in cycle


def test_a_pass_is_a_function_of_the_boundary_alone():
    # What the proof above rests on: a fresh object that is given the same boundary makes the same pass.
    first = Perceptron(shuffle=False).partial_fit(CORNERS, XOR, classes=[0, 1])
    second = Perceptron(shuffle=False).partial_fit(CORNERS[::-1], [1, 0, 0, 1], classes=[0, 1])
    for source, target in zip(first.module_.parameters(), second.module_.parameters(), strict=True):
        target.data.copy_(source.data)

    first.partial_fit(CORNERS, XOR)
    second.partial_fit(CORNERS, XOR)

    assert boundary(first) == boundary(second)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_xor_is_not_learnt_by_fit_either():
    for seed in range(20):
        clf = Perceptron(random_state=seed, max_iter=300, tol=None).fit(CORNERS, XOR)
        assert clf.score(CORNERS, XOR) <= 0.75


def plain_rule(X, y, n_passes, eta, fit_intercept=True, weights=None):
    """Rosenblatt's rule as in the textbook; y in -1, 1."""
    w, b = np.zeros(X.shape[1]), 0.0
    weights = np.ones(len(X)) if weights is None else weights
    for _ in range(n_passes):
        for row, sign, weight in zip(X, y, weights, strict=True):
            if sign * (w @ row + b) <= 0:
                w = w + eta * weight * sign * row
                b = b + eta * weight * sign * fit_intercept
    return w, b


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("eta0", [1.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [40, 600])
def test_the_boundary_is_that_of_the_textbooks_rule(n, weighted, eta0, fit_intercept, rng):
    X = rng.normal(size=(n, 3))
    y = np.where(X @ [1.0, -1.0, 0.5] + 0.5 * rng.normal(size=n) > 0, 1, -1)
    weights = rng.uniform(0.5, 2, n) if weighted else None
    w, b = plain_rule(X, y, 4, eta0, fit_intercept, weights)

    clf = Perceptron(shuffle=False, max_iter=4, tol=None, eta0=eta0, fit_intercept=fit_intercept)
    clf.fit(X, y, sample_weight=weights)

    np.testing.assert_allclose(clf.coef_[0], w, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(clf.intercept_[0], b, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_boundary_is_scikit_learns(n_classes, rng):
    X = rng.normal(size=(80, 3))
    y = rng.integers(0, n_classes, 80)
    arguments = {"shuffle": False, "max_iter": 3, "tol": None}

    ours, theirs = Perceptron(**arguments).fit(X, y), linear_model.Perceptron(**arguments).fit(X, y)

    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6)
    assert ours.coef_.shape == theirs.coef_.shape


def test_rows_on_the_right_side_do_not_move_the_boundary():
    clf = Perceptron().fit(CORNERS, GATES["AND"])
    before = boundary(clf)

    for _ in range(5):
        clf.partial_fit(CORNERS, GATES["AND"])

    assert boundary(clf) == before


def test_a_misclassified_row_moves_the_boundary_by_itself():
    clf = Perceptron(eta0=0.5).partial_fit([[2.0, -3.0]], [1], classes=[0, 1])

    np.testing.assert_array_equal(clf.coef_, [[1.0, -1.5]])
    np.testing.assert_array_equal(clf.intercept_, [0.5])


def test_training_ends_after_a_pass_without_mistakes(rng):
    X = rng.normal(size=(200, 2))
    X = X[np.abs(X.sum(axis=1)) > 0.5]

    clf = Perceptron(tol=None, max_iter=1000).fit(X, X.sum(axis=1) > 0)

    assert clf.score(X, X.sum(axis=1) > 0) == 1
    assert clf.n_iter_ < 1000
    assert clf.loss_curve_[-1] == 0


def test_the_number_of_mistakes_obeys_novikoffs_bound(rng):
    # A. B. J. Novikoff, On convergence proofs for perceptrons, 1962: at most (radius / margin) ** 2 updates.
    X = rng.normal(size=(100, 2))
    X = X[np.abs(X[:, 0]) > 0.3]
    y = X[:, 0] > 0
    bound = ((X**2).sum(axis=1).max()) / 0.3**2

    clf = Perceptron(fit_intercept=False, tol=None, shuffle=False).fit(X, y)

    # Every pass but the last has at least one mistake.
    assert clf.n_iter_ - 1 <= bound
    assert clf.score(X, y) == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sparse_rows_give_the_boundary_of_dense_ones(rng):
    X = np.where(rng.random((100, 20)) < 0.8, 0.0, rng.normal(size=(100, 20)))
    y = rng.integers(0, 3, 100)
    clf = Perceptron(max_iter=5)

    dense, thin = clone(clf).fit(X, y), clone(clf).fit(sparse.csr_array(X), y)

    np.testing.assert_allclose(thin.coef_, dense.coef_, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_several_classes_are_each_learnt_against_the_others():
    X, y = load_iris(return_X_y=True)

    clf = Perceptron(max_iter=50, tol=None, shuffle=False).fit(X, y)

    for index in range(3):
        alone = Perceptron(max_iter=50, tol=None, shuffle=False).fit(X, y == index)
        if alone.n_iter_ == 50:
            np.testing.assert_allclose(clf.coef_[index], alone.coef_[0])
    assert clf.score(X, y) > 0.6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("penalty", ["l1", "l2", "elasticnet"])
def test_a_penalty_shrinks_the_weights(penalty, rng):
    X, y = rng.normal(size=(100, 5)), rng.integers(0, 2, 100)

    plain = Perceptron(max_iter=5, tol=None).fit(X, y)
    shrunk = Perceptron(max_iter=5, tol=None, penalty=penalty, alpha=0.05).fit(X, y)

    assert np.abs(shrunk.coef_).sum() < np.abs(plain.coef_).sum()
