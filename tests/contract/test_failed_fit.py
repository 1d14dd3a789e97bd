"""An estimator that was fitted stays as it was when a later fit or partial_fit fails, whatever made it fail."""

import copy

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from skorch.callbacks import Callback

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, Perceptron
from tests.contract._cases import FEW_EPOCHS, STEPWISE, make_rows, make_targets, name_of, raw_outputs, weights_of

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)


def with_nan(X):
    X = X.copy()
    X[0, 0] = np.nan
    return X


# Each fails later than the one before: in the checks of X, of X and y, of y, of the weights, of the validation rows.
BAD_CALLS = {
    "NaN in other columns": (lambda X, y: ((with_nan(X[:, :3]), y), {}), "contains NaN"),
    "five dimensions": (lambda X, y: ((X[:, :, None, None, None], y), {}), "dim 5|got 5 dimensions|got rows of shape"),
    "empty": (lambda X, y: ((X[:0], y[:0]), {}), r"0 sample\(s\)"),
    "lengths": (lambda X, y: ((X[:, :2], y[:-1]), {}), "expecting 4 features|inconsistent numbers of samples"),
    "object targets": (
        lambda X, y: ((X[:, :2], np.array([object()] * len(y))), {}),
        "expecting 4 features|Unknown label type|must be a string or a real number",
    ),
    "infinite targets": (
        lambda X, y: ((X[:, :2], np.full(len(y), np.inf)), {}),
        "expecting 4 features|y contains infinity",
    ),
    "negative weights": (
        lambda X, y: ((X[:, :3], y), {"sample_weight": -np.ones(len(y))}),
        "expecting 4 features|[Nn]egative values",
    ),
    "no weight": (
        lambda X, y: ((X[:, :3], y), {"sample_weight": np.zeros(len(y))}),
        "expecting 4 features|at least one non-zero",
    ),
    "wrong number of weights": (
        lambda X, y: ((X[:, :3], y), {"sample_weight": np.ones(3)}),
        r"expecting 4 features|sample_weight.shape == \(3,\)",
    ),
}
BAD_VALIDATION = {
    "validation columns": (
        lambda X, y: ((X[:, :3], y[::-1]), {"X_val": X, "y_val": y}),
        "X has 4 features, but .* expecting 3|X has 3 features, but .* expecting 4",
    ),
    "validation NaN": (lambda X, y: ((X, y[::-1]), {"X_val": with_nan(X), "y_val": y}), "contains NaN"),
    "half a validation set": (lambda X, y: ((X[:, :3], y), {"X_val": X}), "X_val without y_val"),
}


def state_of(estimator, X):
    """Return all that a user can see: predictions, weights, and every public fitted attribute."""
    names = [name for name in dir(estimator) if name.endswith("_") and not name.startswith("_")]
    shown = {}
    for name in names:
        value = getattr(estimator, name)
        if name not in ("net_", "module_"):
            shown[name] = copy.deepcopy(value)
    return raw_outputs(estimator, X), estimator.predict(X), weights_of(estimator), shown, set(vars(estimator))


def assert_state(estimator, X, expected):
    outputs, predictions, weights, shown, names = state_of(estimator, X)

    np.testing.assert_array_equal(outputs, expected[0])
    np.testing.assert_array_equal(predictions, expected[1])
    for a, b in zip(weights, expected[2], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_equal(shown, expected[3])
    assert names == expected[4]


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("name", {**BAD_CALLS, **BAD_VALIDATION})
def test_a_failed_fit_changes_nothing(name, warm_start, stepwise, X):
    y = make_targets(stepwise, X)
    stepwise.set_params(warm_start=warm_start).fit(X, y)
    before = state_of(stepwise, X)
    spoil, message = {**BAD_CALLS, **BAD_VALIDATION}[name]
    arguments, keywords = spoil(X, y)

    with pytest.raises((ValueError, TypeError), match=message):
        stepwise.fit(*arguments, **keywords)

    assert_state(stepwise, X, before)


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_failed_fit_of_default_estimators_changes_nothing(name, estimator, X):
    y = make_targets(estimator, X)
    estimator.fit(X, y)
    before = state_of(estimator, X)
    spoil, message = BAD_CALLS[name]
    arguments, keywords = spoil(X, y)

    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(*arguments, **keywords)

    assert_state(estimator, X, before)


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_failed_partial_fit_changes_nothing(name, stepwise, X):
    y = make_targets(stepwise, X)
    stepwise.fit(X, y)
    before = state_of(stepwise, X)
    spoil, message = BAD_CALLS[name]
    arguments, keywords = spoil(X, y)

    with pytest.raises((ValueError, TypeError), match=message):
        stepwise.partial_fit(*arguments, **keywords)

    assert_state(stepwise, X, before)


@pytest.mark.parametrize("name", BAD_CALLS)
def test_training_goes_on_after_a_failed_partial_fit_as_if_it_had_not_been(name, stepwise, X):
    y = make_targets(stepwise, X)
    undisturbed = clone(stepwise).fit(X, y).partial_fit(X, y)
    stepwise.fit(X, y)
    spoil, message = BAD_CALLS[name]
    arguments, keywords = spoil(X, y)

    with pytest.raises((ValueError, TypeError), match=message):
        stepwise.partial_fit(*arguments, **keywords)
    stepwise.partial_fit(X, y)

    np.testing.assert_array_equal(raw_outputs(stepwise, X), raw_outputs(undisturbed, X))


@pytest.mark.parametrize("stepwise", [e for e in STEPWISE if is_classifier(e)], ids=name_of)
def test_a_foreign_class_changes_nothing(stepwise, X):
    stepwise = clone(stepwise)
    stepwise.fit(X, make_targets(stepwise, X))
    before = state_of(stepwise, X)

    with pytest.raises(ValueError, match="classes not in"):
        stepwise.partial_fit(X[:3], [0, 1, 2])

    assert_state(stepwise, X, before)


@pytest.mark.parametrize("classifier", [LogisticRegression(), Perceptron()], ids=name_of)
def test_a_single_class_changes_nothing(classifier, X):
    classifier = clone(classifier)
    classifier.fit(X, make_targets(classifier, X))
    before = state_of(classifier, X)

    with pytest.raises(ValueError, match="class"):
        classifier.fit(X[:, :3], np.full(len(X), "spam"))

    assert_state(classifier, X, before)


@pytest.mark.parametrize(("name", "value"), [("max_iter", -1), ("device", "cuda:99"), ("device", "warp drive")])
def test_a_bad_parameter_changes_nothing(name, value, estimator, X):
    y = make_targets(estimator, X)
    estimator.fit(X, y)
    before = state_of(estimator, X)

    estimator.set_params(**{name: value})
    with pytest.raises(ValueError, match=name):
        estimator.fit(X[:, :3], y)

    assert_state(estimator, X, before)


def test_a_failed_first_fit_leaves_an_unfitted_estimator(estimator, X):
    fresh = set(vars(estimator))

    with pytest.raises(ValueError, match="inconsistent numbers"):
        estimator.fit(X, make_targets(estimator, X)[:-1])

    assert set(vars(estimator)) == fresh


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize(
    "estimator",
    [
        MLPRegressor(hidden_layer_sizes=(8,), solver="sgd", batch_size=16, max_iter=5, random_state=0),
        LinearRegression(solver="sgd", batch_size=16, max_iter=5, random_state=0),
        MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=5, random_state=0),
    ],
    ids=lambda e: f"{type(e).__name__}-{e.solver}",
)
def test_a_fit_that_diverges_at_once_changes_nothing(estimator, warm_start, X):
    y = make_targets(estimator, X)
    estimator = clone(estimator).set_params(warm_start=warm_start).fit(X, y)
    before = state_of(estimator, X)

    with pytest.raises(ValueError, match="StandardScaler"), np.errstate(all="ignore"):
        estimator.fit(X * 1e250, y)

    assert_state(estimator, X, before)


class Breaks(Callback):
    """Raise after a number of epochs."""

    def __init__(self, at):
        self.at = at

    def on_epoch_end(self, net, **kwargs):
        if net.n_iter >= self.at:
            raise RuntimeError("the disk is full")


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_callback_that_raises_in_mid_training_changes_nothing(warm_start, stepwise, X):
    y = make_targets(stepwise, X)
    stepwise.set_params(warm_start=warm_start).fit(X, y)
    before = state_of(stepwise, X)

    stepwise.set_params(callbacks=[Breaks(at=1)])
    with pytest.raises(RuntimeError, match="disk is full"):
        stepwise.fit(X, y[::-1].copy())

    assert_state(stepwise, X, before)


def test_a_callback_that_raises_in_partial_fit_changes_nothing(stepwise, X):
    y = make_targets(stepwise, X)
    breaks = Breaks(at=10**6)
    classes = {"classes": [0, 1]} if is_classifier(stepwise) else {}
    stepwise.set_params(callbacks=[breaks]).partial_fit(X, y, **classes)
    before = state_of(stepwise, X)

    stepwise.net_.callbacks_[0][1].at = 1
    with pytest.raises(RuntimeError, match="disk is full"):
        stepwise.partial_fit(X, y[::-1].copy())

    assert_state(stepwise, X, before)


@pytest.mark.parametrize(
    "estimator",
    [MLPClassifier((4,), max_iter=3), LogisticRegression(solver="adam", max_iter=3)],
    ids=name_of,
)
def test_a_failed_fit_keeps_string_labels_and_feature_names(estimator, rng):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(make_rows(rng), columns=list("abcd"))
    y = np.where(frame["a"] > 0, "warm", "cold")
    estimator = clone(estimator).fit(frame, y)

    with pytest.raises(ValueError, match="inconsistent numbers"):
        estimator.fit(frame[["a", "b"]].rename(columns={"a": "other"}), ["x", "y", "z"])

    assert estimator.feature_names_in_.tolist() == list("abcd")
    assert estimator.classes_.tolist() == ["cold", "warm"]
    assert set(estimator.predict(frame)) <= {"cold", "warm"}
