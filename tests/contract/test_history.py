"""The log of the epochs, and the fitted attributes that scikit-learn's perceptrons have."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, Perceptron
from tests.contract._cases import FEW_EPOCHS, ONE_EACH, STEPWISE, make_rows, make_targets, name_of

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

EVERY = [
    *ONE_EACH,
    *STEPWISE,
    MLPClassifier((8,), solver="lbfgs", max_iter=8, random_state=0),
    LinearRegression(penalty="l1"),
    LinearRegression(solver="lbfgs"),
]


@pytest.fixture(params=EVERY, ids=name_of)
def estimator(request):
    return clone(request.param)


def test_there_is_one_row_an_epoch(estimator, X):
    estimator.fit(X, make_targets(estimator, X))

    assert isinstance(estimator.history_, list)
    assert len(estimator.history_) == len(estimator.loss_curve_) == np.ravel(estimator.n_iter_)[0] >= 1


def test_pandas_shows_the_history_as_a_table(estimator, X):
    y = make_targets(estimator, X)
    estimator.fit(X, y, X_val=X[:9], y_val=y[:9])

    table = pd.DataFrame(estimator.history_)

    assert len(table) == len(estimator.history_)
    assert {"train_loss", "valid_loss", "valid_score", "seconds"} <= set(table.columns)
    numbers = table[["train_loss", "valid_loss", "valid_score", "seconds"]]
    assert np.isfinite(numbers.to_numpy(dtype=float)).all()
    assert (table["seconds"] >= 0).all()
    np.testing.assert_array_equal(table["train_loss"], estimator.loss_curve_)


@pytest.mark.parametrize("stepwise", STEPWISE, ids=name_of)
def test_gradient_solvers_log_their_learning_rate(stepwise, X):
    stepwise = clone(stepwise).fit(X, make_targets(stepwise, X))

    expected = 1.0 if isinstance(stepwise, Perceptron) else stepwise.learning_rate_init
    assert {row["learning_rate"] for row in stepwise.history_} == {expected}


def test_the_history_is_of_plain_numbers(estimator, X):
    y = make_targets(estimator, X)
    estimator.fit(X, y, X_val=X[:9], y_val=y[:9])

    for row in estimator.history_:
        assert type(row) is dict
        assert {type(value) for value in row.values()} <= {int, float, bool}, row


def test_changing_the_shown_history_does_not_change_the_model(estimator, X):
    estimator.fit(X, make_targets(estimator, X))
    n_rows = len(estimator.history_)

    estimator.history_[0]["train_loss"] = "changed"
    estimator.history_.clear()

    assert len(estimator.history_) == n_rows
    assert estimator.loss_curve_[0] != "changed"


def test_a_new_fit_starts_a_new_history(estimator, X):
    y = make_targets(estimator, X)
    first = estimator.fit(X, y).loss_curve_

    assert estimator.fit(X, y).loss_curve_ == first


def test_the_loss_is_the_last_of_the_curve(estimator, X):
    estimator.fit(X, make_targets(estimator, X))

    assert estimator.loss_ == estimator.loss_curve_[-1]
    assert estimator.best_loss_ == min(estimator.loss_curve_)
    assert isinstance(estimator.loss_, float)


def test_the_module_and_its_device_are_shown(estimator, X):
    estimator.set_params(device="cpu").fit(X, make_targets(estimator, X))

    assert isinstance(estimator.module_, torch.nn.Module)
    assert estimator.device_ == torch.device("cpu")
    assert not estimator.module_.training
    assert estimator.net_.module_ is estimator.module_


def test_nothing_fitted_is_there_before_fit(estimator):
    for name in ("history_", "loss_curve_", "coef_", "coefs_", "module_", "n_iter_", "classes_", "net_"):
        assert not hasattr(estimator, name), name


THEIRS = [
    (TheirClassifier, MLPClassifier, {"solver": "adam"}, 3),
    (TheirClassifier, MLPClassifier, {"solver": "adam"}, 2),
    (TheirClassifier, MLPClassifier, {"solver": "sgd", "early_stopping": True}, 2),
    (TheirClassifier, MLPClassifier, {"solver": "lbfgs"}, 3),
    (TheirRegressor, MLPRegressor, {"solver": "adam"}, None),
    (TheirRegressor, MLPRegressor, {"solver": "adam", "early_stopping": True}, None),
    (TheirRegressor, MLPRegressor, {"solver": "lbfgs", "loss": "poisson"}, None),
]


@pytest.mark.parametrize(("their_class", "our_class", "parameters", "n_classes"), THEIRS)
def test_every_fitted_attribute_of_scikit_learns_perceptrons_is_there(
    their_class, our_class, parameters, n_classes, rng
):
    X = pd.DataFrame(make_rows(rng), columns=list("abcd"))
    y = np.exp(X["a"]).to_numpy() if n_classes is None else np.arange(60) % n_classes
    arguments = {"hidden_layer_sizes": (5, 4), "max_iter": 7, "random_state": 0, **parameters}

    theirs, ours = their_class(**arguments).fit(X, y), our_class(**arguments).fit(X, y)

    public = [name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")]
    assert len(public) >= 10
    for name in public:
        if name == "loss_curve_" and parameters["solver"] == "lbfgs":
            continue
        expected, value = getattr(theirs, name), getattr(ours, name)
        if isinstance(expected, list):
            assert isinstance(value, list), name
            assert [np.shape(item) for item in value] == [np.shape(item) for item in expected], name
            assert [np.asarray(item).dtype for item in value] == [np.asarray(item).dtype for item in expected], name
        elif isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(value, expected, name)
        elif isinstance(expected, (bool, int, str, type(None))):
            assert value == expected, name
        else:
            np.testing.assert_allclose(value, expected, rtol=1e-4, err_msg=name)
            assert isinstance(value, float), name


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("batch_size", [16, "auto"])
def test_the_same_seed_walks_scikit_learns_way(batch_size, solver, rng):
    X = make_rows(rng)
    y = np.arange(60) % 3
    arguments = {
        "hidden_layer_sizes": (7,),
        "solver": solver,
        "batch_size": batch_size,
        "max_iter": 6,
        "random_state": 3,
    }

    theirs, ours = TheirClassifier(**arguments).fit(X, y), MLPClassifier(**arguments).fit(X, y)

    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-7)
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
        # torch adds epsilon to Adam's denominator after correcting its bias, scikit-learn before.
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_linear_models_log_their_descent_too(X):
    reg = LinearRegression(solver="sgd", max_iter=30, random_state=0).fit(X, X[:, 0])
    clf = LogisticRegression(solver="adam", max_iter=30, random_state=0).fit(X, X[:, 0] > 0)

    for estimator in (reg, clf):
        assert len(estimator.history_) > 5
        assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]
