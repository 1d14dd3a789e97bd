"""A weight of two is a repeated row, a weight of zero a missing one; class weights are weights of rows."""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.utils.class_weight import compute_sample_weight

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
    ONE_EACH,
    SMALL_CNN,
    STEPWISE,
    assert_same_bits,
    make_targets,
    name_of,
    raw_outputs,
    weights_of,
)

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

# Where all rows are one batch, the equivalence is exact mathematics; how far rounding may carry it depends on how
# long the walk is.
FULL_BATCH = [
    *ONE_EACH,
    LinearRegression(penalty="l2"),
    LinearRegression(penalty="l1", alpha=0.05),
    LinearRegression(solver="sgd", max_iter=20),
    LogisticRegression(C=0.1, l1_ratio=0.5, max_iter=1000, tol=1e-8),
    LogisticRegression(solver="adam", max_iter=20),
    Perceptron(penalty="l2", shuffle=False),
    MLPClassifier((8,), solver="lbfgs", alpha=0.1, max_iter=10, random_state=0),
    MLPClassifier((8,), normalization="batch", max_iter=5, random_state=0),
    MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", normalization="batch", max_iter=5, random_state=0),
    CNNClassifier(**SMALL_CNN, solver="lbfgs"),
    CNNRegressor("residual", solver="sgd", alpha=1.0, l1=0.1, max_iter=2, random_state=0),
    MLPClassifier((8,), solver="sgd", alpha=1.0, l1=0.1, max_iter=5, random_state=0),
    MLPRegressor(hidden_layer_sizes=(8,), alpha=1.0, max_iter=5, random_state=0),
    MLPRegressor("poisson", hidden_layer_sizes=(8,), solver="lbfgs", max_iter=5, random_state=0),
    *[
        MLPRegressor(loss, hidden_layer_sizes=(8,), max_iter=5, random_state=0)
        for loss in ("absolute_error", "huber", "quantile")
    ],
]
FULL_BATCH_CLASSIFIERS = [estimator for estimator in FULL_BATCH + STEPWISE if is_classifier(estimator)]


def targets_of(estimator, X):
    y = make_targets(estimator, X, n_classes=3)
    return np.exp(y) if getattr(estimator, "loss", None) == "poisson" else y


@pytest.mark.parametrize("estimator", FULL_BATCH, ids=name_of)
def test_a_weight_of_two_is_a_repeated_row(estimator, X, rng):
    # Repeated they are 60 rows at most, less than anybody's batch.
    X = X[:20]
    y = targets_of(estimator, X)
    counts = rng.integers(1, 4, len(X))

    repeated = clone(estimator).fit(X.repeat(counts, axis=0), y.repeat(counts))
    weighted = clone(estimator).fit(X, y, sample_weight=counts)

    np.testing.assert_allclose(raw_outputs(weighted, X), raw_outputs(repeated, X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("estimator", [*FULL_BATCH, *STEPWISE], ids=name_of)
def test_a_weight_of_zero_is_a_missing_row(estimator, X, rng):
    y = targets_of(estimator, X)
    is_there = rng.random(len(X)) < 0.6

    without = clone(estimator).fit(X[is_there], y[is_there])
    weighted = clone(estimator).fit(X, y, sample_weight=is_there.astype(float))

    for a, b in zip(weights_of(weighted), weights_of(without), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("estimator", [*FULL_BATCH, *STEPWISE], ids=name_of)
@pytest.mark.parametrize("form", [lambda n: np.ones(n), lambda n: [1] * n, lambda n: np.ones(n, np.float32)])
def test_weights_of_one_change_nothing(form, estimator, X):
    y = targets_of(estimator, X)

    plain = clone(estimator).fit(X, y)
    weighted = clone(estimator).fit(X, y, sample_weight=form(len(X)))

    for a, b in zip(weights_of(weighted), weights_of(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_a_number_is_the_weight_of_every_row(estimator, X):
    y = targets_of(estimator, X)

    one = clone(estimator).fit(X, y, sample_weight=2.0)

    assert_same_bits(one, clone(estimator).fit(X, y, sample_weight=np.full(len(X), 2.0)))


def test_heavy_rows_are_fitted_better(rng):
    X = rng.normal(size=(200, 1))
    y = np.where(np.arange(200) < 100, 1.0, -1.0)
    weights = np.where(np.arange(200) < 100, 9.0, 1.0)

    reg = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0, random_state=0).fit(0 * X, y, weights)

    # The weighted mean of the targets: (9 - 1) / 10.
    np.testing.assert_allclose(reg.predict(0 * X), 0.8, atol=1e-4)


@pytest.mark.parametrize("classifier", FULL_BATCH_CLASSIFIERS, ids=name_of)
def test_a_dictionary_of_class_weights_is_a_weight_for_each_row(classifier, X):
    y = targets_of(classifier, X)

    by_class = clone(classifier).set_params(class_weight={0: 3.0, 1: 0.5, 2: 1.0}).fit(X, y)
    by_row = clone(classifier).fit(X, y, sample_weight=np.array([3.0, 0.5, 1.0])[y])

    assert_same_bits(by_class, by_row)


@pytest.mark.parametrize("classifier", FULL_BATCH_CLASSIFIERS, ids=name_of)
def test_a_class_that_the_dictionary_leaves_out_weighs_one(classifier, X):
    y = targets_of(classifier, X)

    by_class = clone(classifier).set_params(class_weight={1: 4.0}).fit(X, y)

    assert_same_bits(by_class, clone(classifier).fit(X, y, sample_weight=np.array([1.0, 4.0, 1.0])[y]))


@pytest.mark.parametrize("classifier", FULL_BATCH_CLASSIFIERS, ids=name_of)
def test_balanced_is_scikit_learns_balanced_weight_for_each_row(classifier, X):
    y = np.r_[0, targets_of(classifier, X)[1:] // 2]

    by_class = clone(classifier).set_params(class_weight="balanced").fit(X, y)
    by_row = clone(classifier).fit(X, y, sample_weight=compute_sample_weight("balanced", y))

    np.testing.assert_allclose(raw_outputs(by_class, X), raw_outputs(by_row, X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("classifier", FULL_BATCH_CLASSIFIERS, ids=name_of)
def test_class_weights_multiply_sample_weights(classifier, X, rng):
    y = targets_of(classifier, X)
    weights = rng.uniform(0.5, 2, len(X))

    both = clone(classifier).set_params(class_weight={0: 2.0}).fit(X, y, sample_weight=weights)

    assert_same_bits(both, clone(classifier).fit(X, y, sample_weight=weights * np.where(y == 0, 2.0, 1.0)))


@pytest.mark.parametrize("classifier", FULL_BATCH_CLASSIFIERS, ids=name_of)
def test_keys_of_class_weights_are_the_users_labels(classifier, X):
    codes = targets_of(classifier, X)
    y = np.array(["ant", "bee", "cat"])[codes]

    by_class = clone(classifier).set_params(class_weight={"ant": 3.0, "cat": 2.0}).fit(X, y)

    assert_same_bits(by_class, clone(classifier).fit(X, y, sample_weight=np.array([3.0, 1.0, 2.0])[codes]))


@pytest.mark.parametrize("classifier", [e for e in STEPWISE if is_classifier(e)], ids=name_of)
def test_class_weights_act_in_partial_fit(classifier, X):
    y = targets_of(classifier, X)
    by_class = clone(classifier).set_params(class_weight={0: 3.0, 2: 0.25})
    by_row = clone(classifier)

    for _ in range(3):
        by_class.partial_fit(X, y, classes=[0, 1, 2])
        by_row.partial_fit(X, y, classes=[0, 1, 2], sample_weight=np.array([3.0, 1.0, 0.25])[y])

    assert_same_bits(by_class, by_row)


@pytest.mark.parametrize("classifier", [e for e in STEPWISE if is_classifier(e)], ids=name_of)
def test_class_weights_in_partial_fit_may_name_a_class_that_has_not_come_yet(classifier, X):
    y = targets_of(classifier, X)
    some = y != 2

    clf = clone(classifier).set_params(class_weight={0: 3.0, 2: 2.0})
    clf.partial_fit(X[some], y[some], classes=[0, 1, 2]).partial_fit(X, y)

    assert clf.predict(X).shape == y.shape


@pytest.mark.parametrize(
    "clf", [MLPClassifier((8,), max_iter=5, random_state=0), CNNClassifier(**SMALL_CNN)], ids=name_of
)
def test_class_weights_of_several_labels_are_a_list(clf, X):
    Y = np.column_stack([X[:, 0] > 0, X[:, 1] > 1]).astype(int)
    class_weight = [{0: 1.0, 1: 5.0}, {0: 1.0, 1: 2.0}]

    by_class = clone(clf).set_params(class_weight=class_weight).fit(X, Y)

    assert_same_bits(by_class, clone(clf).fit(X, Y, sample_weight=compute_sample_weight(class_weight, Y)))


def test_balanced_weights_find_the_rare_class(rng):
    X = np.r_[rng.normal(0, 1, (190, 2)), rng.normal(1.5, 1, (10, 2))]
    y = np.r_[np.zeros(190, int), np.ones(10, int)]
    clf = MLPClassifier((8,), max_iter=100, learning_rate_init=0.01, random_state=0)

    plain, balanced = clone(clf).fit(X, y), clone(clf).set_params(class_weight="balanced").fit(X, y)

    assert balanced.predict(X[y == 1]).mean() > plain.predict(X[y == 1]).mean()


@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_weights_act_in_partial_fit(estimator, X, rng):
    y = targets_of(estimator, X)
    classes = {"classes": np.unique(y)} if is_classifier(estimator) else {}

    plain = clone(estimator).partial_fit(X, y, **classes)
    weighted = clone(estimator).partial_fit(X, y, **classes, sample_weight=rng.uniform(0.1, 5, len(X)))

    assert np.abs(raw_outputs(plain, X) - raw_outputs(weighted, X)).max() > 1e-6
