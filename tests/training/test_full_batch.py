import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import nnls
from sklearn import linear_model, neural_network
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
from sknets.exceptions import DivergenceError
from sknets.training import _net as net_module
from tests.training._fitting import dense_layers

N_ROWS = 60


@pytest.fixture
def X(rng):
    return rng.normal(size=(N_ROWS, 5))


@pytest.fixture
def y(X, rng):
    return X @ [3.0, -2.0, 0.0, 0.01, 1.0] + 4 + 0.3 * rng.normal(size=N_ROWS)


@pytest.fixture
def labels(X, rng):
    return np.argmax(X @ rng.normal(size=(5, 3)) + rng.normal(size=(N_ROWS, 3)), axis=1)


def assert_same_line(ours, theirs, rtol):
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=rtol, atol=rtol)


# -------------------------------------------------------------------------------------------- perceptrons


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_classifier_walks_where_scikit_learns_walks(X, labels, activation, alpha):
    parameters = {
        "hidden_layer_sizes": (4,),
        "solver": "lbfgs",
        "activation": activation,
        "alpha": alpha,
        "random_state": 0,
        "max_iter": 15,
    }

    ours = MLPClassifier(**parameters).fit(X, labels)

    theirs = neural_network.MLPClassifier(**parameters).fit(X, labels)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
    assert ours.n_iter_ == theirs.n_iter_
    for our_coef, their_coef in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(our_coef, their_coef, rtol=1e-6, atol=1e-6)


def test_a_regressor_walks_where_scikit_learns_walks(X, y):
    parameters = {"hidden_layer_sizes": (4,), "solver": "lbfgs", "activation": "tanh", "random_state": 0, "alpha": 1.0}

    ours = MLPRegressor(**parameters, max_iter=1000).fit(X, y)

    theirs = neural_network.MLPRegressor(**parameters, max_iter=1000).fit(X, y)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-3, atol=1e-3)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_weights_of_the_rows_act_as_in_scikit_learn(X, labels, rng):
    weights = rng.uniform(0.1, 3, N_ROWS)
    parameters = {
        "hidden_layer_sizes": (4,),
        "solver": "lbfgs",
        "activation": "tanh",
        "random_state": 0,
        "max_iter": 15,
    }

    ours = MLPClassifier(alpha=0.5, **parameters).fit(X, labels, weights)

    theirs = neural_network.MLPClassifier(alpha=0.5, **parameters).fit(X, labels, weights)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_rows_may_be_taken_in_parts(X, labels, monkeypatch):
    parameters = {"hidden_layer_sizes": (4,), "solver": "lbfgs", "random_state": 0, "max_iter": 10}
    at_once = MLPClassifier(**parameters).fit(X, labels)

    monkeypatch.setattr(net_module, "MAX_PASS_ELEMENTS", 5 * 7)
    in_parts = MLPClassifier(**parameters).fit(X, labels)

    np.testing.assert_allclose(in_parts.coefs_[0], at_once.coefs_[0], rtol=1e-8)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_batch_normalization_takes_its_statistics_over_all_rows(X, labels, monkeypatch):
    parameters = {"solver": "lbfgs", "normalization": "batch", "random_state": 0, "max_iter": 5}
    at_once = MLPClassifier((4,), **parameters).fit(X, labels)

    monkeypatch.setattr(net_module, "MAX_PASS_ELEMENTS", 5 * 7)
    in_parts = MLPClassifier((4,), **parameters).fit(X, labels)

    np.testing.assert_allclose(in_parts.coefs_[0], at_once.coefs_[0], rtol=1e-10)


# -------------------------------------------------------------------------------------------- linear models


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_regression_reaches_scikit_learns_optimum(X, labels, rng, n_classes, as_matrix, is_weighted):
    target = labels % n_classes
    weights = rng.uniform(0.1, 3, N_ROWS) if is_weighted else None

    ours = LogisticRegression(tol=1e-8, C=0.7, max_iter=1000).fit(as_matrix(X), target, weights)

    theirs = linear_model.LogisticRegression(solver="newton-cg", tol=1e-10, C=0.7).fit(X, target, weights)
    assert_same_line(ours, theirs, rtol=1e-4)


@pytest.mark.parametrize("alpha", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_an_absolute_penalty_gives_scikit_learns_lasso(X, y, alpha, fit_intercept):
    ours = LinearRegression(penalty="l1", alpha=alpha, fit_intercept=fit_intercept).fit(X, y)

    theirs = linear_model.Lasso(alpha, fit_intercept=fit_intercept, tol=1e-12, max_iter=100_000).fit(X, y)
    assert_same_line(ours, theirs, rtol=1e-4)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


@pytest.mark.parametrize("l1_ratio", [0.1, 0.5, 0.9])
def test_both_penalties_give_scikit_learns_elastic_net(X, y, l1_ratio):
    ours = LinearRegression(penalty="elasticnet", alpha=0.3, l1_ratio=l1_ratio).fit(X, y)

    theirs = linear_model.ElasticNet(0.3, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000).fit(X, y)
    assert_same_line(ours, theirs, rtol=1e-4)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


def test_weighted_rows_give_scikit_learns_elastic_net(X, y, rng):
    weights = rng.uniform(0.1, 3, N_ROWS)

    ours = LinearRegression(penalty="elasticnet", alpha=0.3).fit(X, y, weights)

    theirs = linear_model.ElasticNet(0.3, tol=1e-12, max_iter=100_000).fit(X, y, weights)
    assert_same_line(ours, theirs, rtol=1e-4)


def test_a_penalty_beyond_all_correlations_leaves_only_the_mean(X, y):
    limit = np.abs((X - X.mean(0)).T @ (y - y.mean())).max() / N_ROWS

    reg = LinearRegression(penalty="l1", alpha=1.01 * limit).fit(X, y)

    assert not reg.coef_.any()
    assert reg.intercept_ == pytest.approx(y.mean(), rel=1e-6)


@pytest.mark.parametrize("C", [0.05, 1.0])
def test_logistic_regression_has_scikit_learns_zeros(X, labels, C):
    ours = LogisticRegression(l1_ratio=1.0, C=C, tol=1e-8, max_iter=5000).fit(X, labels)

    theirs = linear_model.LogisticRegression(l1_ratio=1.0, C=C, solver="saga", tol=1e-9, max_iter=100_000)
    theirs.fit(X, labels)
    # The intercepts of several classes are known up to a constant.
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


@pytest.mark.parametrize("penalty", [None, "l2"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
def test_badly_scaled_columns_are_solved(X, y, penalty, fit_intercept, as_matrix):
    X = X * [1e-3, 1e-1, 1.0, 1e2, 1e3] + [0.0, 1.0, -5.0, 100.0, 1000.0]
    parameters = {"penalty": penalty, "alpha": 0.1, "fit_intercept": fit_intercept}

    walked = LinearRegression(solver="lbfgs", **parameters).fit(as_matrix(X), y)

    exact = LinearRegression(solver="exact", **parameters).fit(X, y)
    np.testing.assert_allclose(walked.predict(X), exact.predict(X), rtol=1e-3, atol=1e-2)
    assert walked.loss_ == pytest.approx(exact.loss_, rel=1e-4)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weights_that_may_not_be_negative_are_scipys(X, y, fit_intercept):
    ours = LinearRegression(positive=True, fit_intercept=fit_intercept, tol=1e-9).fit(X, y)

    if fit_intercept:
        expected = nnls(X - X.mean(0), y - y.mean())[0]
        assert ours.intercept_ == pytest.approx(y.mean() - X.mean(0) @ expected, rel=1e-5)
    else:
        expected = nnls(X, y)[0]
    np.testing.assert_allclose(ours.coef_, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ours.coef_ == 0, expected == 0)


def test_weights_that_may_not_be_negative_under_a_penalty_are_scikit_learns(X, y):
    ours = LinearRegression(positive=True, penalty="l1", alpha=0.1).fit(X, y)

    theirs = linear_model.Lasso(0.1, positive=True, tol=1e-12).fit(X, y)
    assert_same_line(ours, theirs, rtol=1e-4)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


def test_several_outputs_are_each_solved(X, y, rng):
    Y = np.column_stack([y, rng.normal(size=N_ROWS)])

    ours = LinearRegression(solver="lbfgs", tol=1e-9).fit(X, Y)

    assert_same_line(ours, linear_model.LinearRegression().fit(X, Y), rtol=1e-5)


# -------------------------------------------------------------------------------------------- what is told on the way


def test_the_log_falls_to_the_final_loss_and_has_a_row_per_iteration(X, labels):
    clf = LogisticRegression().fit(X, labels, None, X, labels)

    losses = [row["train_loss"] for row in clf.history_]
    assert len(losses) == clf.n_iter_[0]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(clf.loss_, rel=1e-12)
    assert clf.history_[-1]["valid_score"] == pytest.approx(clf.score(X, labels))


def test_the_iterations_end_where_max_iter_says_so_and_warn(X, labels):
    with pytest.warns(
        ConvergenceWarning, match=r"lbfgs failed to converge after 3 iteration\(s\).*Increase max_iter=3"
    ):
        clf = LogisticRegression(max_iter=3, tol=1e-12).fit(X, labels)

    assert clf.n_iter_[0] == len(clf.history_) == 3


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_the_evaluations_end_where_scikit_learns_end(X, labels):
    parameters = {"hidden_layer_sizes": (4,), "solver": "lbfgs", "max_fun": 8, "tol": 1e-12, "random_state": 0}

    ours = MLPClassifier(**parameters).fit(X, labels)

    theirs = neural_network.MLPClassifier(**parameters).fit(X, labels)
    assert ours.n_iter_ == theirs.n_iter_ < 10
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-8)


class Recorder(Callback):
    def __init__(self, seen, last=None):
        self.seen, self.last = seen, last

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(dense_layers(net.module_)[0].weight.detach().clone())
        if len(self.seen) == self.last:
            raise KeyboardInterrupt


def test_callbacks_see_the_weights_of_their_iteration(X, labels):
    seen = []

    clf = LogisticRegression(callbacks=[Recorder(seen)]).fit(X, labels)

    assert len(seen) == clf.n_iter_[0]
    assert not np.allclose(seen[0], seen[-1])
    np.testing.assert_allclose(seen[-1].numpy(), clf.coef_, rtol=1e-12)


@pytest.mark.filterwarnings("error")
def test_a_callback_may_end_the_walk_without_a_warning(X, labels):
    seen = []

    clf = LogisticRegression(callbacks=[Recorder(seen, last=3)]).fit(X, labels)

    assert clf.n_iter_[0] == len(clf.history_) == 3
    np.testing.assert_allclose(clf.coef_, seen[-1].numpy(), rtol=1e-12)


def test_an_interruption_keeps_the_last_iterate(X, labels):
    class Interruption(Callback):
        n = 0

        def on_epoch_begin(self, net, **kwargs):
            self.n += 1
            if self.n == 4:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        clf = LogisticRegression(callbacks=[Interruption()]).fit(X, labels)

    with pytest.warns(ConvergenceWarning, match="failed to converge"):
        shorter = LogisticRegression(max_iter=3).fit(X, labels)
    assert len(clf.history_) == 3
    np.testing.assert_allclose(clf.coef_, shorter.coef_, rtol=1e-10)


def test_a_loss_out_of_range_is_an_error_with_a_remedy(X, y):
    with pytest.raises(
        DivergenceError, match=r"non-finite.*L-BFGS ended with loss (inf|nan): scale X \(StandardScaler\)"
    ):
        MLPRegressor(solver="lbfgs", random_state=0).fit(X * 1e200, y)
