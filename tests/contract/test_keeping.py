"""Copies, files, parameters and what an estimator looks like."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, Perceptron
from tests.contract._cases import FEW_EPOCHS, ONE_EACH, STEPWISE, assert_same_bits, make_targets, name_of, raw_outputs

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

EVERY = [*ONE_EACH, *STEPWISE, MLPClassifier((4,), solver="lbfgs", max_iter=4, random_state=0)]


def through_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


COPIERS = {
    "pickle": lambda e: pickle.loads(pickle.dumps(e)),
    "pickle protocol 2": lambda e: pickle.loads(pickle.dumps(e, protocol=2)),
    "joblib": through_joblib,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.fixture(params=EVERY, ids=name_of)
def estimator(request):
    return clone(request.param)


@pytest.mark.parametrize("name", COPIERS)
def test_a_copy_predicts_and_shows_what_the_original_does(name, estimator, X):
    y = make_targets(estimator, X)
    estimator.fit(X, y)

    copied = COPIERS[name](estimator)

    np.testing.assert_array_equal(raw_outputs(copied, X), raw_outputs(estimator, X))
    assert copied.get_params() == estimator.get_params()
    assert copied.history_ == estimator.history_
    assert vars(copied).keys() == vars(estimator).keys()
    if is_classifier(estimator):
        np.testing.assert_array_equal(copied.classes_, estimator.classes_)


@pytest.mark.parametrize("name", COPIERS)
def test_an_unfitted_copy_can_be_fitted(name, estimator, X):
    y = make_targets(estimator, X)

    assert_same_bits(COPIERS[name](estimator).fit(X, y), estimator.fit(X, y))


def test_a_pickle_does_not_carry_the_training_rows(estimator, rng):
    X = rng.normal(size=(3000, 30))
    estimator.fit(X, make_targets(estimator, X))

    assert len(pickle.dumps(estimator)) < X.nbytes / 3


def test_clone_is_unfitted_and_equal(estimator, X):
    estimator.fit(X, make_targets(estimator, X))

    fresh = clone(estimator)

    assert fresh.get_params() == estimator.get_params()
    assert not hasattr(fresh, "net_")
    assert not hasattr(fresh, "n_features_in_")


def test_fit_does_not_touch_the_parameters(estimator, X):
    before = dict(estimator.get_params())

    estimator.fit(X, make_targets(estimator, X))

    after = estimator.get_params()
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)


def test_the_constructor_only_stores_its_arguments(estimator):
    assert vars(estimator).keys() == estimator.get_params().keys()


def test_set_params_returns_the_estimator(estimator):
    assert estimator.set_params(max_iter=7) is estimator
    assert estimator.max_iter == 7


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_returns_the_estimator(method, X):
    for stepwise in map(clone, STEPWISE):
        classes = {"classes": [0, 1]} if is_classifier(stepwise) and method == "partial_fit" else {}
        assert getattr(stepwise, method)(X, make_targets(stepwise, X), **classes) is stepwise


def test_the_text_shows_what_differs_from_the_defaults():
    assert repr(MLPClassifier((5,), alpha=0.1)) == "MLPClassifier(alpha=0.1, hidden_layer_sizes=(5,))"
    assert repr(LinearRegression()) == "LinearRegression()"
    assert repr(Perceptron(eta0=2.0)) == "Perceptron(eta0=2.0)"


def test_notebooks_show_a_card(estimator, X):
    pipeline = make_pipeline(StandardScaler(), estimator)

    before = estimator_html_repr(pipeline)
    after = estimator_html_repr(pipeline.fit(X, make_targets(estimator, X)))

    assert type(estimator).__name__ in before
    assert "Not fitted" in before
    assert "<span>Fitted</span>" in after


def test_scikit_learn_knows_which_are_classifiers_and_which_regressors():
    kinds = {type(e).__name__: (is_classifier(e), is_regressor(e), is_classifier(make_pipeline(e))) for e in ONE_EACH}

    assert kinds == {
        "LinearRegression": (False, True, False),
        "LogisticRegression": (True, False, True),
        "Perceptron": (True, False, True),
        "MLPClassifier": (True, False, True),
        "MLPRegressor": (False, True, False),
        "CNNClassifier": (True, False, True),
        "CNNRegressor": (False, True, False),
    }


@pytest.mark.parametrize("classifier", [LogisticRegression(), Perceptron()], ids=name_of)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_coefficients_predict_as_dense_ones(n_classes, classifier, X):
    clf = clone(classifier).fit(X, make_targets(classifier, X, n_classes))
    expected = clf.decision_function(X)

    np.testing.assert_allclose(clf.sparsify().decision_function(X), expected, rtol=1e-9)
    np.testing.assert_allclose(clf.densify().decision_function(X), expected, rtol=1e-9)


@pytest.mark.parametrize("estimator", [MLPClassifier((4,)), MLPRegressor()], ids=name_of)
def test_network_coefficients_are_the_modules_own_numbers(estimator, X):
    estimator = clone(estimator).set_params(max_iter=2).fit(X, make_targets(estimator, X))

    layers = [layer for layer in estimator.module_.modules() if isinstance(layer, torch.nn.Linear)]
    for coef, intercept, layer in zip(estimator.coefs_, estimator.intercepts_, layers, strict=True):
        np.testing.assert_array_equal(coef, layer.weight.detach().numpy().T)
        np.testing.assert_array_equal(intercept, layer.bias.detach().numpy())


def test_parameters_that_are_classes_are_kept(X):
    clf = MLPClassifier((4,), activation=torch.nn.GELU, solver=torch.optim.RAdam, max_iter=3, random_state=0)
    y = make_targets(clf, X)

    copied = pickle.loads(pickle.dumps(clf.fit(X, y)))

    assert copied.solver is torch.optim.RAdam
    assert_same_bits(copied.partial_fit(X, y), clf.partial_fit(X, y))
