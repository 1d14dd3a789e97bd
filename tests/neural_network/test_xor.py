"""The problem that one layer cannot solve: learnt by two layers, and computed by two layers set by hand."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone

from sknets import MLPClassifier, MLPRegressor
from sknets.nn import HardThreshold

X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
XOR = np.array([0, 1, 1, 0])
BY_HAND = {"coefs_": [[[1, 1], [1, 1]], [[1], [-1]]], "intercepts_": [[-0.5, -1.5], [-0.5]]}


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "lbfgs", "activation": "tanh", "random_state": 0},
        {"solver": "adam", "activation": "tanh", "learning_rate_init": 0.1, "random_state": 0},
        {"solver": "sgd", "activation": "tanh", "learning_rate_init": 0.5, "random_state": 0},
    ],
    ids=lambda parameters: parameters["solver"],
)
def test_xor_is_learnt(parameters):
    clf = MLPClassifier((8,), max_iter=400, tol=1e-3, **parameters).fit(X, XOR)

    assert clf.predict(X).tolist() == XOR.tolist()


def test_xor_is_learnt_from_most_seeds():
    clf = MLPClassifier((8,), activation="tanh", solver="lbfgs", max_iter=300)

    learnt = [clone(clf).set_params(random_state=seed).fit(X, XOR).score(X, XOR) == 1 for seed in range(20)]

    assert np.mean(learnt) >= 0.9


def test_a_network_without_hidden_layers_does_not_learn_xor():
    for seed in range(5):
        clf = MLPClassifier((), solver="lbfgs", max_iter=300, random_state=seed).fit(X, XOR)
        assert clf.score(X, XOR) <= 0.75


def set_by_hand(clf):
    clf.coefs_, clf.intercepts_ = BY_HAND["coefs_"], BY_HAND["intercepts_"]
    return clf


@pytest.fixture
def thresholds():
    return set_by_hand(MLPClassifier((2,), activation="hard_threshold").initialize(X, XOR))


def test_thresholds_set_by_hand_compute_xor(thresholds):
    assert thresholds.predict(X).tolist() == XOR.tolist()
    np.testing.assert_array_equal(thresholds.decision_function(X), [-0.5, 0.5, 0.5, -0.5])


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda clf: pickle.loads(pickle.dumps(clf))])
def test_weights_set_by_hand_are_kept_in_copies(copier, thresholds):
    assert copier(thresholds).predict(X).tolist() == XOR.tolist()


def test_weights_are_read_back_as_they_were_set(thresholds):
    for name, values in BY_HAND.items():
        for value, expected in zip(getattr(thresholds, name), values, strict=True):
            np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_weights_of_another_shape_are_refused_and_nothing_is_written(name, thresholds):
    with pytest.raises(ValueError, match=rf"{name} must be arrays of shapes .*got \[\(3,\)\]"):
        setattr(thresholds, name, [[1.0, 2.0, 3.0]])

    assert thresholds.predict(X).tolist() == XOR.tolist()


def test_several_thresholds_deep():
    clf = MLPClassifier((2, 1), activation="hard_threshold").initialize(X, XOR)
    clf.coefs_ = [[[1, 1], [1, 1]], [[1], [-1]], [[1]]]
    clf.intercepts_ = [[-0.5, -1.5], [-0.5], [-0.5]]

    assert clf.predict(X).tolist() == XOR.tolist()


def test_an_initialized_network_has_the_first_weights_of_fit():
    first = MLPRegressor(hidden_layer_sizes=(3,), random_state=7).initialize(X, XOR)
    frozen = MLPRegressor(
        hidden_layer_sizes=(3,), solver="sgd", learning_rate_init=1e-30, alpha=0, max_iter=20, random_state=7
    ).fit(X, XOR)

    for a, b in zip(first.coefs_ + first.intercepts_, frozen.coefs_ + frozen.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-20)


def test_training_goes_on_from_an_initialized_network():
    clf = MLPClassifier((3,), random_state=7).initialize(X, XOR)
    at_once = MLPClassifier((3,), random_state=7).partial_fit(X, XOR, classes=[0, 1])

    clf.partial_fit(X, XOR)

    for a, b in zip(clf.coefs_, at_once.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_warm_start_begins_with_weights_set_by_hand():
    clf = MLPClassifier((2,), solver="lbfgs", activation="logistic", warm_start=True, max_iter=200).initialize(X, XOR)
    clf.coefs_ = [[[20, 20], [20, 20]], [[20], [-20]]]
    clf.intercepts_ = [[-10, -30], [-10]]

    clf.fit(X, XOR)

    assert clf.score(X, XOR) == 1
    assert clf.coefs_[0].min() > 5


def test_a_trained_network_takes_thresholds_and_weights_by_hand():
    clf = MLPClassifier((2,), solver="lbfgs", random_state=0).fit(X, XOR)

    clf.set_params(activation="hard_threshold")
    for name, values in BY_HAND.items():
        for array, value in zip(getattr(clf, name), values, strict=True):
            array[:] = value

    assert clf.predict(X).tolist() == XOR.tolist()
    assert isinstance(clf.module_[1], HardThreshold)
