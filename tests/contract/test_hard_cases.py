"""Cases in which a first version gave wrong results, or left something behind."""

import pickle
import threading
import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression as ScikitLearns
from skorch.callbacks import Freezer

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, Perceptron
from sknets._threads import single_threaded
from sknets.training import Rows
from sknets.training._perceptron_rule import DistinctRows


def fit(estimator, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*data)


@pytest.mark.parametrize("value", [0.1, 0.7, 3.3, 1e6])
def test_a_constant_column_leaves_lbfgs_with_the_predictions_of_least_squares(value, rng):
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    X[:, 1] = value

    ours = fit(LinearRegression(solver="lbfgs"), X, y)

    np.testing.assert_allclose(ours.predict(X), ScikitLearns().fit(X, y).predict(X), atol=1e-5)
    assert np.abs(ours.coef_).max() < 10


def test_adamw_decays_a_linear_model_by_its_own_objective(rng):
    X, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    models = [LogisticRegression(C=0.05, solver=s, max_iter=300, tol=0, random_state=0) for s in ("adam", "adamw")]

    coupled, decoupled = (np.abs(fit(model, X, y).coef_).sum() for model in models)

    assert decoupled == pytest.approx(coupled, rel=0.5)


def test_a_warm_start_follows_a_changed_loss(rng):
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40) * 10
    changed = fit(MLPRegressor(warm_start=True, max_iter=3, random_state=0), X, y)
    same = fit(MLPRegressor(warm_start=True, max_iter=3, random_state=0), X, y)

    fit(changed.set_params(loss="absolute_error"), X, y)
    fit(same, X, y)

    assert not np.allclose(changed.coefs_[0], same.coefs_[0])
    with pytest.raises(ValueError, match=r"same kind of predictions.*poisson"):
        changed.set_params(loss="poisson").fit(X, np.abs(y))


def test_a_warm_start_refuses_another_architecture_and_stays_fitted(rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    clf = fit(MLPClassifier((5,), warm_start=True, max_iter=3, random_state=0), X, y)
    before = clf.predict_proba(X)

    with pytest.raises(ValueError, match=r"hidden_sizes.*\(5,\).*\(9,\).*new estimator"):
        clf.set_params(hidden_layer_sizes=(9,)).fit(X, y)

    np.testing.assert_array_equal(clf.predict_proba(X), before)


class Swish(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.tensor(1.5))

    def forward(self, inputs):
        return inputs * torch.sigmoid(self.slope * inputs)


def test_the_parameters_of_a_users_activation_start_as_it_makes_them(rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2

    clf = MLPClassifier((5,), activation=Swish, max_iter=3, random_state=0).initialize(X, y)

    assert float(clf.module_[1].slope.detach()) == 1.5
    assert np.isfinite(fit(clf, X, y).predict_proba(X)).all()


@pytest.mark.parametrize("activation", ["bogus", Swish])
def test_a_fitted_network_refuses_to_predict_with_an_activation_it_cannot_take(activation, rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    clf = fit(MLPClassifier((5,), max_iter=3, random_state=0), X, y)

    with pytest.raises(ValueError, match=r"activations that have a name.*Fit a new estimator"):
        clf.set_params(activation=activation).predict(X)


def test_distinct_binary_rows_are_not_taken_for_equal():
    n_rows = 20_000
    bits = (np.arange(n_rows)[:, None] >> np.arange(15)) & 1
    rows = Rows(torch.from_numpy(bits.astype(float)), torch.zeros(n_rows, 1, dtype=torch.float64))

    assert len(DistinctRows(rows, 1, 1.0, keep_order=False)) == n_rows


def test_a_perceptron_that_overflows_says_so(rng):
    X, y = rng.normal(size=(60, 4)) * 1e300, np.arange(60) % 2

    with pytest.raises(ValueError, match=r"non-finite.*eta0"), np.errstate(all="ignore"):
        Perceptron(eta0=1e9).fit(X, y)


@pytest.mark.parametrize("weight", [np.inf, np.nan, -1.0])
def test_a_class_weight_must_be_a_finite_number(weight, rng):
    with pytest.raises(ValueError, match="class_weight must not be negative, infinite or NaN"):
        MLPClassifier(class_weight={0: weight, 1: 1.0}).fit(rng.normal(size=(20, 3)), np.arange(20) % 2)


def test_a_network_with_a_frozen_layer_can_be_pickled(rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    clf = fit(MLPClassifier((5,), max_iter=3, callbacks=[Freezer("0.*")], random_state=0), X, y)

    copied = pickle.loads(pickle.dumps(clf))

    np.testing.assert_array_equal(copied.predict_proba(X), clf.predict_proba(X))


def test_one_value_may_be_assigned_into_coefs(rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    clf = fit(MLPClassifier((5,), max_iter=3, random_state=0), X, y)

    clf.coefs_[0] = np.zeros((3, 5))

    assert len(np.unique(clf.predict_proba(X)[:, 0])) == 1


def test_a_fit_works_where_gradients_are_switched_off(rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2

    with torch.no_grad():
        clf = fit(MLPClassifier((5,), normalization="layer", max_iter=3, random_state=0), X, y)

    assert clf.n_iter_ == 3


def test_a_thread_that_leaves_early_gets_its_number_of_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    is_inside, may_leave = threading.Event(), threading.Event()

    def hold():
        with single_threaded(True):
            is_inside.set()
            may_leave.wait(5)

    with single_threaded(True):
        other = threading.Thread(target=hold)
        other.start()
        is_inside.wait(5)
    early = torch.get_num_threads()
    may_leave.set()
    other.join()

    assert early == 2
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
