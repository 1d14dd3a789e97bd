"""Logistic regression against scikit-learn's optimum, and the signs of an optimum."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn import linear_model
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sknets import LogisticRegression, MLPClassifier

RELATIVE = 1e-4  # how near api.md promises the optimum to be
EXACTLY = {"tol": 1e-10, "max_iter": 5000}


@pytest.fixture
def X(rng):
    return rng.normal(size=(150, 5)) * [1, 2, 0.5, 1, 1] + [0, 1, 0, 0, -1]


def labels_for(X, n_classes, rng):
    scores = X @ rng.normal(size=(5, n_classes)) + rng.gumbel(size=(len(X), n_classes)) * 2
    return scores.argmax(axis=1)


def their_optimum(X, y, weights=None, **parameters):
    """Fit scikit-learn's model with the solver that is exact for its penalty."""
    solver = "saga" if parameters.get("l1_ratio") else "lbfgs"
    model = linear_model.LogisticRegression(solver=solver, tol=1e-10, max_iter=50_000, **parameters)
    return model.fit(X, y, sample_weight=weights)


def assert_same_optimum(ours, theirs):
    scale = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=RELATIVE, atol=RELATIVE * scale)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=RELATIVE, atol=RELATIVE * scale)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape


CASES = [
    {"C": 1.0},
    {"C": 0.01},
    {"C": 100.0},
    {"fit_intercept": False},
    {"class_weight": "balanced"},
    {"class_weight": {0: 3.0, 1: 0.5}},
    {"l1_ratio": 1.0, "C": 0.3},
    {"l1_ratio": 0.5, "C": 0.3},
    {"l1_ratio": 0.3, "C": 0.1, "fit_intercept": False},
]


@pytest.mark.parametrize("parameters", CASES, ids=str)
@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_optimum_is_scikit_learns(weighted, n_classes, parameters, X, rng):
    y = labels_for(X, n_classes, rng)
    weights = rng.uniform(0.1, 3, len(y)) if weighted else None

    ours = LogisticRegression(**EXACTLY, **parameters).fit(X, y, sample_weight=weights)

    assert_same_optimum(ours, their_optimum(X, y, weights, **parameters))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_rows_have_the_optimum_of_dense_ones(form, n_classes, X, rng):
    y = labels_for(X, n_classes, rng)
    X = np.where(np.abs(X) < 0.8, 0.0, X)

    assert_same_optimum(LogisticRegression(**EXACTLY).fit(form(X), y), their_optimum(X, y))


def test_without_a_penalty_the_gradient_vanishes(X, rng):
    y = labels_for(X, 2, rng)

    clf = LogisticRegression(C=np.inf, **EXACTLY).fit(X, y)

    residuals = expit(X @ clf.coef_[0] + clf.intercept_) - y
    np.testing.assert_allclose(residuals @ np.column_stack([X, np.ones(len(X))]) / len(X), 0, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_default_tolerance_gives_scikit_learns_default_result(n_classes, X, rng):
    y = labels_for(X, n_classes, rng)

    ours, theirs = LogisticRegression().fit(X, y), linear_model.LogisticRegression().fit(X, y)

    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-3)
    assert (ours.predict(X) == theirs.predict(X)).mean() > 0.99


def test_the_absolute_penalty_gives_scikit_learns_zeros(X, rng):
    y = labels_for(X, 3, rng)
    X = np.column_stack([X, rng.normal(size=(len(X), 6))])

    ours = LogisticRegression(l1_ratio=1.0, C=0.05, **EXACTLY).fit(X, y)

    theirs = their_optimum(X, y, l1_ratio=1.0, C=0.05)
    np.testing.assert_array_equal(ours.coef_ == 0, np.abs(theirs.coef_) < 1e-8)
    assert (ours.coef_ == 0).sum() > 5


@pytest.mark.parametrize("solver", ["newton-cg", "newton-cholesky", "sag", "saga"])
def test_scikit_learns_other_solvers_have_the_same_optimum(solver, X, rng):
    y = labels_for(X, 3, rng)

    assert_same_optimum(LogisticRegression(solver=solver, **EXACTLY).fit(X, y), their_optimum(X, y))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("solver", "rate"), [("sgd", 0.5), ("adam", 0.2), ("rmsprop", 0.1), ("adamax", 0.5), ("nadam", 0.2)]
)
def test_gradient_solvers_come_near_the_optimum(solver, rate, n_classes, X, rng):
    y = labels_for(X, n_classes, rng)
    clf = LogisticRegression(
        solver=solver, learning_rate_init=rate, learning_rate="cosine", max_iter=400, tol=0, n_iter_no_change=400
    )

    clf.fit(X, y)

    theirs = their_optimum(X, y)
    np.testing.assert_allclose(clf.coef_, theirs.coef_, atol=0.02)
    np.testing.assert_allclose(clf.predict_proba(X), theirs.predict_proba(X), atol=0.01)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_sigmoid_or_softmax_of_the_scores(n_classes, X, rng):
    clf = LogisticRegression().fit(X, labels_for(X, n_classes, rng))
    scores = clf.decision_function(X)

    if n_classes == 2:
        expected = np.column_stack([1 - expit(scores), expit(scores)])
        assert scores.shape == (150,)
    else:
        powers = np.exp(scores)
        expected = powers / powers.sum(axis=1, keepdims=True)

    np.testing.assert_allclose(clf.predict_proba(X), expected)
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(expected))
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[expected.argmax(axis=1)])


def test_extreme_scores_give_no_warning_and_no_nan(X):
    clf = LogisticRegression().fit(X, X[:, 0] > 0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probabilities = clf.predict_proba(X * 1e6)
        logarithms = clf.predict_log_proba(X * 1e6)

    assert np.isfinite(probabilities).all()
    assert not np.isnan(logarithms).any()


def test_the_loss_is_the_objective_of_the_documentation(X, rng):
    y = labels_for(X, 2, rng)

    clf = LogisticRegression(C=0.2, l1_ratio=0.4, **EXACTLY).fit(X, y)

    cross_entropy = -np.log(clf.predict_proba(X)[np.arange(150), y]).sum()
    penalty = 0.6 / (2 * 0.2) * (clf.coef_**2).sum() + 0.4 / 0.2 * np.abs(clf.coef_).sum()
    np.testing.assert_allclose(clf.loss_, (cross_entropy + penalty) / 150, rtol=1e-6)


def test_a_network_without_hidden_layers_is_the_same_model(X, rng):
    y = labels_for(X, 3, rng)

    network = MLPClassifier((), solver="lbfgs", alpha=1.0, tol=1e-9, max_iter=2000, random_state=0).fit(X, y)

    linear = LogisticRegression(C=1.0, **EXACTLY).fit(X, y)
    np.testing.assert_allclose(network.predict_proba(X), linear.predict_proba(X), atol=1e-3)


def test_the_history_has_a_row_an_iteration(X, rng):
    clf = LogisticRegression().fit(X, labels_for(X, 3, rng))

    assert len(clf.history_) == clf.n_iter_[0]
    assert clf.n_iter_.shape == (1,)
    assert all(later <= earlier for earlier, later in zip(clf.loss_curve_, clf.loss_curve_[1:], strict=False))


def test_too_few_iterations_are_warned_of(X, rng):
    with pytest.warns(ConvergenceWarning, match=r"lbfgs failed to converge after 2 iter.*max_iter=2.*StandardScaler"):
        LogisticRegression(max_iter=2).fit(X, labels_for(X, 3, rng))


@pytest.mark.parametrize("n_features", [1, 5])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_coefficients_have_scikit_learns_shapes(n_classes, n_features, X, rng):
    y = np.arange(150) % n_classes

    ours, theirs = (
        Class().fit(X[:, :n_features], y) for Class in (LogisticRegression, linear_model.LogisticRegression)
    )

    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape


def messages_of(model, X, y):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(X, y)
        except ValueError as error:
            return [str(error)]
    return [(w.category, str(w.message)) for w in caught if not issubclass(w.category, ConvergenceWarning)]


@pytest.mark.parametrize(
    "parameters",
    [
        {"penalty": "l2"},
        {"penalty": "l1"},
        {"penalty": "elasticnet", "l1_ratio": 0.5},
        {"penalty": "elasticnet", "l1_ratio": None},
        {"penalty": None},
        {"penalty": None, "C": 3.0},
        {"penalty": "l2", "l1_ratio": 0.5},
        {"l1_ratio": None},
        {"n_jobs": 2},
    ],
    ids=str,
)
def test_deprecated_parameters_warn_as_scikit_learns_do(parameters, X):
    y = X[:, 0] > 0

    ours = messages_of(LogisticRegression(solver="saga", **parameters), X, y)

    assert ours == messages_of(linear_model.LogisticRegression(solver="saga", **parameters), X, y)


@pytest.mark.filterwarnings(
    "ignore:'penalty' was deprecated", "ignore:Inconsistent values", "ignore:Setting penalty=None"
)
@pytest.mark.parametrize(
    ("penalty", "today"),
    [
        ({"penalty": None}, {"C": np.inf}),
        ({"penalty": "l2"}, {"l1_ratio": 0.0}),
        ({"penalty": "l1"}, {"l1_ratio": 1.0}),
        ({"penalty": "elasticnet", "l1_ratio": 0.3}, {"l1_ratio": 0.3}),
    ],
)
def test_a_deprecated_penalty_means_what_it_meant(penalty, today, X, rng):
    y = labels_for(X, 2, rng)
    model = LogisticRegression(**EXACTLY)

    old, new = clone(model).set_params(**penalty).fit(X, y), clone(model).set_params(**today).fit(X, y)

    np.testing.assert_allclose(old.coef_, new.coef_)


def test_warnings_point_at_the_callers_line(X):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LogisticRegression(penalty="l2", n_jobs=1).fit(X, X[:, 0] > 0)

    deprecations = [w for w in caught if issubclass(w.category, FutureWarning)]
    assert len(deprecations) == 2
    assert {w.filename for w in deprecations} == {__file__}
