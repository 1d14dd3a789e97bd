"""Training that goes on: partial_fit after partial_fit, after fit, after unpickling; warm starts."""

import copy
import itertools
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone, is_classifier

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)
from tests.contract._cases import (
    FEW_EPOCHS,
    STEPWISE,
    add_noise,
    assert_same_bits,
    draws_from_torch,
    make_rows,
    make_targets,
    name_of,
    raw_outputs,
    weights_of,
)

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

# n_iter_no_change: fit must not end before its last epoch.
ENDLESS = {"max_iter": 4, "tol": 0.0, "random_state": 0}
NETWORK = {"batch_size": 16, "n_iter_no_change": 1000, "dropout": 0.3, **ENDLESS}
PICTURES = {"batch_size": 16, "n_iter_no_change": 1000, "learning_rate": "constant", **ENDLESS}
WALKS = [
    MLPClassifier((8, 6), **NETWORK),
    MLPClassifier((8,), solver="sgd", **NETWORK),
    MLPClassifier((8,), solver="sgd", learning_rate="invscaling", **NETWORK),
    MLPClassifier((8,), solver="nadam", normalization="batch", l1=0.01, **NETWORK),
    MLPClassifier((8,), solver="adamw", **{**NETWORK, "shuffle": False}),
    MLPRegressor(hidden_layer_sizes=(8, 6), **NETWORK),
    MLPRegressor(hidden_layer_sizes=(8,), solver="rmsprop", normalization="layer", residual=True, **NETWORK),
    CNNClassifier(channels=(4, 4), hidden_layer_sizes=(8,), **{**PICTURES, "dropout": [0.0, 0.3, 0.3]}),
    CNNClassifier(normalization="group", solver="sgd", channels=(4,), hidden_layer_sizes=(), **PICTURES),
    CNNRegressor(draws_from_torch, augmentation=add_noise, **PICTURES),
    LinearRegression(solver="adam", batch_size=16, n_iter_no_change=1000, **ENDLESS),
    LinearRegression(solver="sgd", batch_size=16, n_iter_no_change=1000, **ENDLESS),
    LogisticRegression(solver="adam", batch_size=16, n_iter_no_change=1000, **ENDLESS),
    Perceptron(max_iter=4, tol=None, random_state=0),
    Perceptron(penalty="l2", max_iter=4, tol=None, random_state=0),
]


@pytest.fixture(params=WALKS, ids=lambda e: f"{type(e).__name__}-{getattr(e, 'solver', 'rule')}")
def walk(request):
    return clone(request.param)


def passes(estimator, X, y, n, **keywords):
    for _ in range(n):
        if is_classifier(estimator):
            keywords["classes"] = np.unique(y)
        estimator.partial_fit(X, y, **keywords)
    return estimator


def noisy_targets(estimator, X):
    """Targets that no boundary separates, so that no walk ends early."""
    y = make_targets(estimator, X)
    return np.where(np.arange(len(y)) % 5 == 0, 1 - y, y) if is_classifier(estimator) else y


def test_four_passes_are_a_fit_of_four_epochs(walk, X):
    y = noisy_targets(walk, X)

    fitted = clone(walk).fit(X, y)
    passed = passes(clone(walk), X, y, 4)

    assert_same_bits(fitted, passed)
    assert fitted.loss_curve_ == passed.loss_curve_
    assert fitted.t_ == passed.t_ == 240


def test_four_weighted_passes_are_a_weighted_fit_of_four_epochs(walk, X, rng):
    y = noisy_targets(walk, X)
    weights = rng.uniform(0.2, 3, len(X))

    fitted = clone(walk).fit(X, y, sample_weight=weights)

    assert_same_bits(fitted, passes(clone(walk), X, y, 4, sample_weight=weights))


@pytest.mark.parametrize(
    "walk", [e for e in WALKS if getattr(e, "learning_rate", "constant") == "constant"], ids=name_of
)
def test_partial_fit_goes_on_after_fit(walk, X):
    y = noisy_targets(walk, X)

    continued = clone(walk).fit(X, y).partial_fit(X, y)

    assert_same_bits(continued, clone(walk).set_params(max_iter=5).fit(X, y))


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))], ids=["copy", "pickle"])
def test_a_copied_model_goes_on_as_the_original_does(copier, walk, X):
    y = noisy_targets(walk, X)
    original = passes(walk, X, y, 2)

    copied = copier(original)
    passes(original, X, y, 3)
    passes(copied, X, y, 3)

    assert_same_bits(original, copied)
    assert original.loss_curve_ == copied.loss_curve_


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))], ids=["copy", "pickle"])
def test_training_a_copy_leaves_the_original_alone(copier, walk, X):
    y = noisy_targets(walk, X)
    walk.fit(X, y)
    before, curve = weights_of(walk), list(walk.loss_curve_)

    passes(copier(walk), X, y, 3)

    for a, b in zip(before, weights_of(walk), strict=True):
        np.testing.assert_array_equal(a, b)
    assert walk.loss_curve_ == curve


def test_the_history_grows_by_one_row_a_pass(walk, X):
    y = noisy_targets(walk, X)

    passes(walk, X, y, 3)

    assert len(walk.history_) == 3
    assert walk.t_ == 180


def test_passes_may_come_with_other_rows_and_other_numbers_of_rows(walk, rng):
    walk.set_params(**({"batch_size": "auto"} if hasattr(walk, "batch_size") else {}))
    X = make_rows(rng, 300)
    y = noisy_targets(walk, X)
    classes = {"classes": [0, 1]} if is_classifier(walk) else {}

    for start, end in [(0, 100), (100, 101 + (walk.get_params().get("normalization") == "batch")), (110, 300)]:
        walk.partial_fit(X[start:end], y[start:end], **classes)

    assert np.isfinite(raw_outputs(walk, X)).all()
    assert walk.predict(X).shape == (300,)


def test_passes_over_changing_rows_learn(rng):
    X = make_rows(rng, 600)
    clf = MLPClassifier((16,), learning_rate_init=0.02, batch_size=20, random_state=0)
    y = (X[:, 0] > 0).astype(int)

    for part in np.array_split(np.arange(400), 8):
        for _ in range(5):
            clf.partial_fit(X[part], y[part], classes=[0, 1])

    assert clf.score(X[400:], y[400:]) > 0.93


@pytest.mark.parametrize(
    "classifier",
    [e for e in STEPWISE if is_classifier(e)],
    ids=name_of,
)
@pytest.mark.parametrize("first", [["b"], ["a", "c"], ["a", "b", "c"]])
def test_classes_may_come_later_than_they_are_announced(first, classifier, X):
    y = np.array(["a", "b", "c"])[make_targets(classifier, X, 3)]
    is_early = np.isin(y, first)

    clf = clone(classifier).partial_fit(X[is_early], y[is_early], classes=["a", "b", "c"])
    for _ in range(60):
        clf.partial_fit(X, y)

    assert clf.classes_.tolist() == ["a", "b", "c"]
    assert clf.score(X, y) > 0.5
    assert set(clf.predict(X)) == {"a", "b", "c"}


def test_partial_fit_never_warns_that_it_has_not_converged(walk, X):
    y = noisy_targets(walk, X)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        passes(walk, X, y, 2)


def test_a_warm_start_begins_where_the_last_fit_ended(walk, X):
    y = noisy_targets(walk, X)
    walk.set_params(warm_start=True).fit(X, y)
    loss = walk.loss_

    for _ in range(10):
        walk.fit(X, y)

    if not isinstance(walk, Perceptron):
        assert walk.loss_ < loss
    assert walk.n_iter_ if np.isscalar(walk.n_iter_) else walk.n_iter_[0] <= 4


def test_without_warm_start_fit_begins_anew(walk, X):
    y = noisy_targets(walk, X)
    first = weights_of(walk.fit(X, y))

    for a, b in zip(first, weights_of(walk.fit(X, y)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_warm_start_differs_from_a_cold_one(walk, X):
    y = noisy_targets(walk, X)
    cold = clone(walk).fit(X, y)

    warm = walk.set_params(warm_start=True).fit(X, y).fit(X, y)

    assert any((a != b).any() for a, b in zip(weights_of(cold), weights_of(warm), strict=True))


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(max_iter=3, warm_start=True),
        LinearRegression(penalty="l1", alpha=0.01, max_iter=3, warm_start=True),
        MLPClassifier((6,), solver="lbfgs", max_iter=3, warm_start=True, random_state=0),
        MLPRegressor(hidden_layer_sizes=(6,), solver="lbfgs", max_iter=3, warm_start=True, random_state=0),
    ],
    ids=name_of,
)
def test_lbfgs_goes_on_from_a_warm_start(estimator, rng):
    X = make_rows(rng, n=80, n_features=30)
    y = noisy_targets(estimator, X)
    estimator = clone(estimator).fit(X, y)
    losses = [estimator.loss_]

    for _ in range(5):
        losses.append(estimator.fit(X, y).loss_)

    assert all(later <= earlier * (1 + 1e-12) for earlier, later in itertools.pairwise(losses))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("classifier", [e for e in WALKS if is_classifier(e)][:3], ids=name_of)
def test_a_warm_start_refuses_other_classes(classifier, X):
    classifier = clone(classifier).set_params(warm_start=True).fit(X, make_targets(classifier, X))

    with pytest.raises(
        ValueError, match=r"warm_start can only be used where `y` has the same classes.*\[0 1\].*\[0 1 2\]"
    ):
        classifier.fit(X, make_targets(classifier, X, 3))


def test_scikit_learns_and_our_passes_walk_the_same_way(X):
    from sklearn.neural_network import MLPClassifier as Theirs

    y = make_targets(MLPClassifier(), X, 3)
    # One batch: scikit-learn shuffles each pass from the rows' own order, we from that of the pass before.
    arguments = {"hidden_layer_sizes": (7,), "random_state": 1}
    theirs, ours = Theirs(**arguments), MLPClassifier(**arguments)

    for _ in range(5):
        theirs.partial_fit(X, y, classes=[0, 1, 2])
        ours.partial_fit(X, y, classes=[0, 1, 2])

    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-4)
