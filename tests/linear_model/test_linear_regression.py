"""Linear regression against closed forms and scikit-learn's four linear models of squared error."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import linear_model
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sknets import LinearRegression
from sknets.datasets import load_thermometer

THEIRS = {
    "none": (linear_model.LinearRegression(), {"penalty": None}),
    "l2": (linear_model.Ridge(alpha=2.5), {"penalty": "l2", "alpha": 2.5}),
    "l1": (linear_model.Lasso(alpha=0.2, tol=1e-12, max_iter=100_000), {"penalty": "l1", "alpha": 0.2}),
    "elasticnet": (
        linear_model.ElasticNet(alpha=0.3, l1_ratio=0.7, tol=1e-12, max_iter=100_000),
        {"penalty": "elasticnet", "alpha": 0.3, "l1_ratio": 0.7},
    ),
    "elasticnet of l2 alone": (
        linear_model.ElasticNet(alpha=0.3, l1_ratio=1e-300, tol=1e-12, max_iter=100_000),
        {"penalty": "elasticnet", "alpha": 0.3, "l1_ratio": 0.0},
    ),
}
# scikit-learn's ElasticNet would rather be Ridge where there is no absolute penalty; its optimum is right.
pytestmark = pytest.mark.filterwarnings("ignore:(?s).*zero l1 penalization:sklearn.exceptions.ConvergenceWarning")

RELATIVE = 1e-4  # how near api.md promises the optimum to be


@pytest.fixture
def rows(rng):
    """Columns of different scale, off centre, and correlated."""
    X = rng.normal(size=(120, 6)) * [1, 1, 3, 0.5, 1, 2] + [0, 5, -2, 0, 1, 0]
    X[:, 4] += 0.7 * X[:, 0]
    y = X @ [1.0, -2.0, 0.5, 0.0, 0.0, 0.1] + 7 + rng.normal(size=120)
    return X, y


def assert_same_optimum(ours, theirs):
    scale = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=RELATIVE, atol=RELATIVE * scale * 0.1)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=RELATIVE, atol=RELATIVE)
    assert np.shape(ours.coef_) == np.shape(theirs.coef_)
    assert np.shape(ours.intercept_) == np.shape(theirs.intercept_)


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_optimum_is_scikit_learns(weighted, fit_intercept, name, rows, rng):
    X, y = rows
    weights = rng.uniform(0.1, 3, len(y)) if weighted else None
    theirs, parameters = THEIRS[name]
    theirs = clone(theirs).set_params(fit_intercept=fit_intercept).fit(X, y, sample_weight=weights)

    ours = LinearRegression(fit_intercept=fit_intercept, tol=1e-9, **parameters).fit(X, y, sample_weight=weights)

    assert_same_optimum(ours, theirs)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", THEIRS)
def test_default_tolerance_reaches_the_optimum(name, rows):
    theirs, parameters = THEIRS[name]

    assert_same_optimum(LinearRegression(**parameters).fit(*rows), clone(theirs).fit(*rows))


@pytest.mark.parametrize("name", ["none", "l2"])
def test_lbfgs_reaches_the_closed_form(name, rows):
    parameters = THEIRS[name][1]

    exact = LinearRegression(solver="exact", **parameters).fit(*rows)

    assert_same_optimum(LinearRegression(solver="lbfgs", tol=1e-9, **parameters).fit(*rows), exact)


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_rows_have_the_optimum_of_dense_ones(form, name, rows):
    X, y = rows
    X = np.where(np.abs(X) < 0.8, 0.0, X)
    theirs, parameters = THEIRS[name]

    assert_same_optimum(LinearRegression(tol=1e-9, **parameters).fit(form(X), y), clone(theirs).fit(X, y))


@pytest.mark.parametrize("name", ["none", "l2"])
@pytest.mark.parametrize("solver", ["exact", "lbfgs"])
def test_several_outputs_have_the_optimum_of_each_alone(solver, name, rows):
    X, y = rows
    Y = np.column_stack([y, X[:, 0] ** 2, -y + X[:, 3]])
    theirs, parameters = THEIRS[name]

    assert_same_optimum(LinearRegression(solver=solver, tol=1e-9, **parameters).fit(X, Y), clone(theirs).fit(X, Y))


@pytest.mark.parametrize("name", ["l1", "elasticnet"])
def test_several_outputs_under_an_absolute_penalty_have_the_optimum_of_each_alone(name, rows):
    X, y = rows
    Y = np.column_stack([y, X[:, 0] ** 2])
    theirs, parameters = THEIRS[name]

    assert_same_optimum(LinearRegression(tol=1e-9, **parameters).fit(X, Y), clone(theirs).fit(X, Y))


def test_the_absolute_penalty_gives_exact_zeros(rows):
    ours = LinearRegression(penalty="l1", alpha=0.2).fit(*rows)
    theirs = linear_model.Lasso(alpha=0.2).fit(*rows)

    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    assert (ours.coef_ == 0).any()


def test_a_huge_absolute_penalty_leaves_the_mean(rows):
    X, y = rows

    reg = LinearRegression(penalty="l1", alpha=1e4).fit(X, y)

    assert not reg.coef_.any()
    np.testing.assert_allclose(reg.intercept_, y.mean())


def test_positive_coefficients_are_scikit_learns(rows):
    X, y = rows
    theirs = linear_model.LinearRegression(positive=True).fit(X, y)

    ours = LinearRegression(positive=True, tol=1e-9).fit(X, y)

    assert (ours.coef_ >= 0).all()
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-5)


def test_the_closed_form_is_least_squares(rows):
    X, y = rows
    design = np.column_stack([X, np.ones(len(X))])
    expected = np.linalg.lstsq(design, y)[0]

    reg = LinearRegression().fit(X, y)

    np.testing.assert_allclose(np.r_[reg.coef_, reg.intercept_], expected, rtol=1e-10)
    np.testing.assert_allclose(reg.loss_, np.mean((design @ expected - y) ** 2))
    assert reg.n_iter_ == 1


def test_of_many_solutions_the_shortest_is_taken(rng):
    X, y = rng.normal(size=(10, 30)), rng.normal(size=10)
    expected = np.linalg.pinv(X) @ y

    reg = LinearRegression(fit_intercept=False).fit(X, y)

    np.testing.assert_allclose(reg.coef_, expected, rtol=1e-8)


def test_a_repeated_column_shares_its_coefficient(rows):
    X, y = rows
    alone = LinearRegression().fit(X, y)

    twice = LinearRegression().fit(np.column_stack([X, X[:, 0]]), y)

    np.testing.assert_allclose(twice.coef_[[0, 6]], alone.coef_[0] / 2, rtol=1e-6)


@pytest.mark.parametrize("alpha", [1e-6, 1.0, 1e6])
def test_ridge_has_its_normal_equations(alpha, rows):
    X, y = rows
    centred = X - X.mean(0)
    expected = np.linalg.solve(centred.T @ centred + alpha * np.eye(6), centred.T @ (y - y.mean()))

    np.testing.assert_allclose(LinearRegression(penalty="l2", alpha=alpha).fit(X, y).coef_, expected, rtol=1e-7)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_badly_scaled_columns_do_not_stop_lbfgs(scale, rows):
    X, y = rows
    X = X * [1, scale, 1, 1, scale, 1] + [0, 0, 1000, 0, 0, 0]

    ours = LinearRegression(solver="lbfgs").fit(X, y)

    np.testing.assert_allclose(
        ours.predict(X), linear_model.LinearRegression().fit(X, y).predict(X), rtol=1e-3, atol=1e-3
    )


@pytest.mark.slow
def test_the_thermometer_by_gradient_descent():
    X, y = load_thermometer(return_X_y=True)

    reg = LinearRegression(solver="sgd", learning_rate_init=1e-2, max_iter=5000, momentum=0.0)
    reg.fit(0.1 * X, y)

    np.testing.assert_allclose(reg.coef_, [5.367], rtol=0.01)
    np.testing.assert_allclose(reg.intercept_, -17.301, rtol=0.01)
    np.testing.assert_allclose(np.mean((reg.predict(0.1 * X) - y) ** 2), 2.928, rtol=0.01)
    assert all(later <= earlier for earlier, later in zip(reg.loss_curve_, reg.loss_curve_[1:], strict=False))


def test_the_thermometer_in_closed_form():
    X, y = load_thermometer(return_X_y=True)
    slope, intercept = np.polyfit(0.1 * X[:, 0], y, 1)

    reg = LinearRegression(solver="exact").fit(0.1 * X, y)

    np.testing.assert_allclose([reg.coef_[0], reg.intercept_], [slope, intercept], rtol=1e-9)
    np.testing.assert_allclose(
        [reg.coef_[0], reg.intercept_, np.mean((reg.predict(0.1 * X) - y) ** 2)], [5.367, -17.301, 2.928], rtol=0.01
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_one_step_of_descent_is_the_gradient_of_the_mean_squared_error(rows):
    X, y = rows

    reg = LinearRegression(solver="sgd", momentum=0, learning_rate_init=0.01, max_iter=1).fit(X, y)

    # From zero the residuals are y itself.
    np.testing.assert_allclose(reg.coef_, 0.01 * 2 * (X * y[:, None]).mean(0), rtol=1e-9)
    np.testing.assert_allclose(reg.intercept_, 0.01 * 2 * y.mean(), rtol=1e-9)


DESCENTS = [("sgd", 0.03, name) for name in THEIRS]
DESCENTS += [("adam", 0.05, "none"), ("adam", 0.05, "l1"), ("adamax", 0.1, "none"), ("nadam", 0.05, "none")]
DESCENTS += [("rmsprop", 0.02, "none"), ("adadelta", 20.0, "none"), ("adamw", 0.05, "none")]


@pytest.mark.parametrize(("solver", "rate", "name"), DESCENTS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_gradient_solvers_come_near_the_optimum(solver, rate, name, rng):
    X = rng.normal(size=(100, 4))
    y = X @ [2.0, -1.0, 0.0, 0.5] + 1 + 0.3 * rng.normal(size=100)
    theirs, parameters = THEIRS[name]
    theirs = clone(theirs).fit(X, y)
    reg = LinearRegression(
        solver=solver, learning_rate_init=rate, learning_rate="cosine", max_iter=400, tol=0, n_iter_no_change=400
    ).set_params(**parameters)

    reg.fit(X, y)

    # A subgradient step crosses zero back and forth, so coefficients that should be zero are only small.
    np.testing.assert_allclose(reg.coef_, theirs.coef_, atol=0.01)
    np.testing.assert_allclose(reg.intercept_, theirs.intercept_, atol=0.01)


def test_descent_fills_the_history(rows):
    X, y = rows
    reg = LinearRegression(solver="adam", learning_rate_init=0.5, tol=1e-3, random_state=0).fit(X, y)

    assert len(reg.history_) == reg.n_iter_ > 10
    assert reg.history_[-1]["train_loss"] < 0.1 * reg.history_[0]["train_loss"]
    assert {row["learning_rate"] for row in reg.history_} == {0.5}


def test_too_few_steps_are_warned_of(rows):
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\) reached"):
        LinearRegression(solver="sgd", learning_rate_init=1e-4, max_iter=3).fit(*rows)
    with pytest.warns(ConvergenceWarning, match=r"lbfgs failed to converge after 1 iteration.*max_iter=1"):
        LinearRegression(penalty="l1", max_iter=1).fit(*rows)


@pytest.mark.parametrize("n_outputs", [None, 1, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_coefficients_have_scikit_learns_shapes(fit_intercept, n_outputs, rng):
    X = rng.normal(size=(20, 4))
    y = rng.normal(size=20 if n_outputs is None else (20, n_outputs))

    ours = LinearRegression(fit_intercept=fit_intercept).fit(X, y)

    theirs = linear_model.LinearRegression(fit_intercept=fit_intercept).fit(X, y if n_outputs != 1 else y.ravel())
    assert ours.coef_.shape == theirs.coef_.shape
    assert np.shape(ours.intercept_) == np.shape(theirs.intercept_)
    assert ours.predict(X).shape == theirs.predict(X).shape
    if not fit_intercept:
        assert not np.any(ours.intercept_)


@pytest.mark.parametrize("penalty", [None, "l2", "l1"])
def test_single_precision_is_near_double_precision(penalty, rows):
    X, y = rows
    wide = LinearRegression(penalty=penalty, alpha=0.1).fit(X, y)

    narrow = LinearRegression(penalty=penalty, alpha=0.1).fit(X.astype(np.float32), y.astype(np.float32))

    assert narrow.coef_.dtype == np.float32
    np.testing.assert_allclose(narrow.coef_, wide.coef_, rtol=1e-2, atol=1e-3)


def test_reading_coefficients_agrees_with_predicting(rows):
    X, y = rows
    reg = LinearRegression(penalty="elasticnet", alpha=0.1).fit(X, y)

    np.testing.assert_allclose(reg.predict(X), X @ reg.coef_ + reg.intercept_)
    np.testing.assert_allclose(reg.score(X, y), 1 - np.sum((y - reg.predict(X)) ** 2) / np.sum((y - y.mean()) ** 2))
