import numpy as np
import pytest
from scipy import sparse
from sklearn import linear_model

from sknets import LinearRegression

N_ROWS = 30


@pytest.fixture
def X(rng):
    # Columns of means and scales of their own: what an intercept and centring are for.
    return rng.normal(5, [1.0, 10.0, 0.1, 3.0], (N_ROWS, 4))


@pytest.fixture
def Y(X, rng):
    return X @ rng.normal(size=(4, 2)) + [3.0, -7.0] + 0.1 * rng.normal(size=(N_ROWS, 2))


@pytest.fixture
def weights(rng):
    return rng.uniform(0.1, 5, N_ROWS)


def with_ones(X):
    return np.hstack([X, np.ones((len(X), 1))])


def assert_same_line(ours, theirs, rtol=1e-8):
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=rtol, atol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=rtol, atol=1e-9)


@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
def test_the_line_is_numpys_least_squares(X, Y, as_matrix):
    reg = LinearRegression().fit(as_matrix(X), Y)

    solution = np.linalg.lstsq(with_ones(X), Y)[0]
    np.testing.assert_allclose(reg.coef_, solution[:-1].T, rtol=1e-8)
    np.testing.assert_allclose(reg.intercept_, solution[-1], rtol=1e-8)


@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
def test_without_intercept_the_line_is_numpys_least_squares(X, Y, as_matrix):
    reg = LinearRegression(fit_intercept=False).fit(as_matrix(X), Y[:, 0])

    np.testing.assert_allclose(reg.coef_, np.linalg.lstsq(X, Y[:, 0])[0], rtol=1e-7)
    assert reg.intercept_ == 0.0


@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weighted_rows_give_scikit_learns_line(X, Y, weights, as_matrix, fit_intercept):
    ours = LinearRegression(fit_intercept=fit_intercept).fit(as_matrix(X), Y, weights)
    theirs = linear_model.LinearRegression(fit_intercept=fit_intercept).fit(X, Y, weights)

    assert_same_line(ours, theirs, rtol=1e-7)


@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("is_weighted", [True, False])
@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e3])
def test_a_squared_penalty_gives_scikit_learns_ridge(X, Y, weights, as_matrix, fit_intercept, is_weighted, alpha):
    sample_weight = weights if is_weighted else None

    ours = LinearRegression(penalty="l2", alpha=alpha, fit_intercept=fit_intercept).fit(as_matrix(X), Y, sample_weight)

    theirs = linear_model.Ridge(alpha, fit_intercept=fit_intercept, solver="cholesky").fit(X, Y, sample_weight)
    assert_same_line(ours, theirs, rtol=1e-6)


def test_ridge_weights_solve_the_normal_equations(X, Y):
    reg = LinearRegression(penalty="l2", alpha=2.5, fit_intercept=False).fit(X, Y)

    expected = np.linalg.solve(X.T @ X + 2.5 * np.eye(4), X.T @ Y)
    np.testing.assert_allclose(reg.coef_, expected.T, rtol=1e-8)


@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_of_several_solutions_the_one_of_least_norm_is_taken(X, Y, as_matrix, fit_intercept):
    # The last column is the sum of two others, and centred, too, it is.
    X = np.hstack([X, X[:, [0]] + X[:, [1]]])

    reg = LinearRegression(fit_intercept=fit_intercept).fit(as_matrix(X), Y[:, 0])

    centred = X - X.mean(0) if fit_intercept else X
    expected = np.linalg.pinv(centred, rcond=1e-10) @ (Y[:, 0] - (Y[:, 0].mean() if fit_intercept else 0))
    np.testing.assert_allclose(reg.coef_, expected, rtol=1e-6)


@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
def test_more_columns_than_rows_are_fitted_exactly_with_least_norm(rng, as_matrix):
    X, y = rng.normal(size=(5, 12)), rng.normal(size=5)

    reg = LinearRegression().fit(as_matrix(X), y)

    np.testing.assert_allclose(reg.predict(X), y, rtol=1e-8)
    assert_same_line(reg, linear_model.LinearRegression().fit(X, y), rtol=1e-7)


def test_a_constant_column_gets_no_weight(X, Y):
    reg = LinearRegression().fit(np.hstack([X, np.full((N_ROWS, 1), 0.1)]), Y[:, 0])

    assert reg.coef_[-1] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(reg.coef_[:-1], np.linalg.lstsq(with_ones(X), Y[:, 0])[0][:-1], rtol=1e-7)


@pytest.mark.parametrize("n_rows", [7, 10, 11, 13, 49])
def test_a_column_of_ones_alone_gets_no_weight(rng, n_rows):
    y = rng.normal(size=n_rows)

    reg = LinearRegression().fit(np.ones((n_rows, 1)), y)

    assert reg.coef_.tolist() == [0.0]
    assert reg.intercept_ == pytest.approx(y.mean(), rel=1e-12)


def test_a_single_row_gives_its_own_value(X, Y):
    reg = LinearRegression().fit(X[:1], Y[:1, 0])

    np.testing.assert_allclose(reg.predict(X[:1]), Y[:1, 0])
    assert not reg.coef_.any()


def test_a_column_far_from_zero_costs_no_digits(rng):
    far = np.array([1e8, 0.0])
    X = rng.normal(size=(N_ROWS, 2)) + far
    y = (X - far) @ [2.0, -1.0]

    reg = LinearRegression().fit(X, y)

    # Near 1e8 a float64 has steps of 1.5e-8.
    np.testing.assert_allclose(reg.coef_, [2.0, -1.0], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_have_the_dtype_of_the_data(X, Y, dtype):
    reg = LinearRegression().fit(X.astype(dtype), Y.astype(dtype))

    assert reg.coef_.dtype == dtype
    assert reg.predict(X.astype(dtype)).dtype == dtype
    np.testing.assert_allclose(
        reg.coef_, linear_model.LinearRegression().fit(X, Y).coef_, rtol=1e-2 if dtype == np.float32 else 1e-8
    )


@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_loss_is_the_mean_squared_error_with_the_penalty(X, Y, weights, is_weighted):
    sample_weight = weights if is_weighted else None

    reg = LinearRegression(penalty="l2", alpha=3.0).fit(X, Y, sample_weight)

    errors = ((Y - reg.predict(X)) ** 2).sum(axis=1)
    total = weights.sum() if is_weighted else N_ROWS
    expected = np.average(errors, weights=sample_weight) + 3.0 * (reg.coef_**2).sum() / total
    assert reg.loss_ == pytest.approx(expected, rel=1e-8)


def test_one_step_is_logged(X, Y):
    reg = LinearRegression().fit(X, Y, None, X, Y)

    (row,) = reg.history_
    assert reg.n_iter_ == 1
    assert row["train_loss"] == row["valid_loss"] == pytest.approx(((Y - reg.predict(X)) ** 2).sum(1).mean())
    assert row["valid_score"] == pytest.approx(reg.score(X, Y))
