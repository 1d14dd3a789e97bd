"""Every activation, solver, schedule, loss and layer option trains; what is checkable by arithmetic is."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sknets import MLPClassifier, MLPRegressor
from sknets.exceptions import DivergenceWarning

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ACTIVATIONS = [
    "identity", "logistic", "tanh", "relu",
    "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "hardtanh",
]  # fmt: skip
SOLVERS = ["adam", "sgd", "lbfgs", "adamw", "adamax", "adadelta", "rmsprop", "nadam"]
SCHEDULES = ["constant", "invscaling", "adaptive", "cosine", "onecycle", "step", "plateau"]
LOSSES = ["squared_error", "poisson", "absolute_error", "huber", "quantile"]
RATES = {"sgd": 0.1, "adadelta": 5.0, torch.optim.RAdam: 0.1}


@pytest.fixture
def X(rng):
    return rng.normal(size=(120, 4))


def classes_of(X):
    return np.digitize(X[:, 0] + 0.5 * X[:, 1] ** 2, [0.0, 1.0])


def numbers_of(X):
    return 1 + X[:, 0] - 0.5 * X[:, 1]


def loss_falls(estimator, X, y):
    estimator.fit(X, y)
    first, last = estimator.loss_curve_[0], estimator.loss_curve_[-1]
    assert np.isfinite(estimator.loss_curve_).all()
    return last < 0.9 * first


@pytest.mark.parametrize("activation", [*ACTIVATIONS, torch.nn.PReLU, torch.nn.Hardswish])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_every_activation_trains(solver, activation, X):
    clf = MLPClassifier((10,), activation, solver=solver, learning_rate_init=0.02, max_iter=30, random_state=0)

    assert loss_falls(clf, X, classes_of(X))
    assert clf.score(X, classes_of(X)) > 0.5


FORMULAE = {
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "mish": lambda z: z * np.tanh(np.log1p(np.exp(z))),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "hardtanh": lambda z: np.clip(z, -1, 1),
    "hard_threshold": lambda z: (z > 0).astype(float),
}


@pytest.mark.parametrize("activation", FORMULAE)
def test_an_activation_is_its_formula(activation, X):
    reg = MLPRegressor(hidden_layer_sizes=(5, 3), activation=activation, random_state=0).initialize(X, numbers_of(X))
    act, (W1, W2, W3), (b1, b2, b3) = FORMULAE[activation], reg.coefs_, reg.intercepts_

    expected = act(act(X @ W1 + b1) @ W2 + b2) @ W3 + b3

    np.testing.assert_allclose(reg.predict(X), expected[:, 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("solver", [*SOLVERS, torch.optim.RAdam, torch.optim.Adagrad, torch.optim.Rprop])
@pytest.mark.parametrize("estimator", [MLPClassifier((10,)), MLPRegressor(hidden_layer_sizes=(10,))], ids=["c", "r"])
def test_every_solver_trains(estimator, solver, X):
    y = classes_of(X) if isinstance(estimator, MLPClassifier) else numbers_of(X)
    rate = RATES.get(solver, 0.02)

    estimator = clone(estimator).set_params(solver=solver, learning_rate_init=rate, max_iter=30, random_state=0)

    assert loss_falls(estimator, X, y)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("solver", [solver for solver in SOLVERS if solver != "lbfgs"])
def test_every_schedule_trains_with_every_solver_that_has_a_rate(solver, schedule, X):
    rate = RATES.get(solver, 0.02)
    clf = MLPClassifier(
        (10,), solver=solver, learning_rate=schedule, learning_rate_init=rate, max_iter=40, random_state=0
    )

    clf.fit(X, classes_of(X))

    assert clf.loss_curve_[-1] < clf.loss_curve_[0]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "sgd"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_every_loss_trains(n_outputs, solver, loss, X):
    y = np.exp(0.5 * numbers_of(X))
    y = y if n_outputs == 1 else np.column_stack([y, 1 + X[:, 2] ** 2])
    rate = 0.01 if solver == "sgd" else 0.02
    reg = MLPRegressor(loss, (10,), solver=solver, learning_rate_init=rate, alpha=0, max_iter=60, random_state=0)

    assert loss_falls(reg, X, y)
    assert reg.predict(X).shape == y.shape


LOSS_FORMULAE = {
    "squared_error": lambda y, p: 0.5 * (y - p) ** 2,
    "poisson": lambda y, p: p - y + y * np.log(y / p),
    "absolute_error": lambda y, p: np.abs(y - p),
    "huber": lambda y, p: np.where(np.abs(y - p) < 1, 0.5 * (y - p) ** 2, np.abs(y - p) - 0.5),
    "quantile": lambda y, p: np.maximum(0.9 * (y - p), -0.1 * (y - p)),
}


@pytest.mark.parametrize("loss", LOSS_FORMULAE)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_loss_is_its_formula(weighted, loss, X, rng):
    y = np.exp(numbers_of(X))
    weights = rng.uniform(0.2, 3, len(y)) if weighted else None
    reg = MLPRegressor(loss, (5,), quantile=0.9, alpha=0, solver="lbfgs", max_iter=20, random_state=0)

    reg.fit(X, y, sample_weight=weights)

    expected = np.average(LOSS_FORMULAE[loss](y, reg.predict(X)), weights=weights)
    np.testing.assert_allclose(reg.loss_, expected, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSS_FORMULAE)
def test_the_validation_loss_is_the_formula_too(loss, X):
    y = np.exp(numbers_of(X))
    reg = MLPRegressor(loss, (5,), quantile=0.9, max_iter=3, random_state=0).fit(X, y, X_val=X, y_val=y)

    expected = LOSS_FORMULAE[loss](y, reg.predict(X)).mean()
    np.testing.assert_allclose(reg.history_[-1]["valid_loss"], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "quantile", "statistic"),
    [
        ("squared_error", 0.5, np.mean),
        ("poisson", 0.5, np.mean),
        ("absolute_error", 0.5, np.median),
        ("quantile", 0.5, np.median),
        ("quantile", 0.9, lambda y: np.quantile(y, 0.9)),
        ("quantile", 0.1, lambda y: np.quantile(y, 0.1)),
    ],
)
def test_without_information_a_loss_predicts_its_statistic(loss, quantile, statistic, rng):
    y = rng.exponential(size=301)
    X = np.zeros((301, 1))
    reg = MLPRegressor(
        loss, (), quantile=quantile, learning_rate="cosine", learning_rate_init=0.05, alpha=0, max_iter=300,
        tol=0, n_iter_no_change=300, batch_size=301, random_state=0,
    )  # fmt: skip

    np.testing.assert_allclose(reg.fit(X, y).predict(X[:1]), statistic(y), atol=0.05)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_penalties_are_those_of_the_documentation(solver, X):
    reg = MLPRegressor(
        hidden_layer_sizes=(5,), solver=solver, alpha=3.0, l1=0.7, learning_rate_init=1e-30, max_iter=1, random_state=0
    )
    y = numbers_of(X)
    first = clone(reg).initialize(X, y)
    weights = np.concatenate([coef.ravel() for coef in first.coefs_])
    expected = (
        0.5 * np.mean((y - first.predict(X)) ** 2) + (1.5 * (weights**2).sum() + 0.7 * np.abs(weights).sum()) / 120
    )

    reg.fit(X, y)

    if solver == "adam":
        np.testing.assert_allclose(reg.loss_, expected, rtol=1e-9)
    else:
        assert reg.loss_ < expected


def test_an_absolute_penalty_silences_inputs_that_say_nothing(rng):
    X = rng.normal(size=(200, 10))
    y = np.sin(X[:, 0])

    reg = MLPRegressor(hidden_layer_sizes=(10,), solver="lbfgs", alpha=0, l1=3.0, max_iter=500, random_state=0).fit(
        X, y
    )

    assert (reg.coefs_[0][1:] == 0).mean() > 0.9
    assert np.abs(reg.coefs_[0][0]).max() > 0.1


@pytest.mark.parametrize("parameter", ["alpha", "l1"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "adamw", "lbfgs"])
def test_a_penalty_makes_smaller_weights(solver, parameter, X):
    if (solver, parameter) == ("adamw", "alpha"):
        values = (0.0, 10.0)
    else:
        values = (0.0, 20.0)

    def size(value):
        clf = MLPClassifier((10,), solver=solver, learning_rate_init=0.01, max_iter=60, random_state=0)
        clf.set_params(**{"alpha": 0.0, parameter: value}).fit(X, classes_of(X))
        return sum(np.abs(coef).sum() for coef in clf.coefs_)

    assert size(values[1]) < 0.9 * size(values[0])


@pytest.mark.parametrize("normalization", ["batch", "layer", "group"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_every_normalization_trains(solver, normalization, X):
    clf = MLPClassifier(
        (12, 12), normalization=normalization, solver=solver, learning_rate_init=0.02, max_iter=30, random_state=0
    )

    assert loss_falls(clf, X, classes_of(X))


@pytest.mark.parametrize("normalization", [None, "batch", "layer", "group"])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.2, [0.1, 0.0, 0.3]])
def test_layer_options_go_together(dropout, residual, normalization, X):
    clf = MLPClassifier(
        (8, 8, 8), dropout=dropout, residual=residual, normalization=normalization,
        learning_rate_init=0.02, batch_size=30, max_iter=25, random_state=0,
    )  # fmt: skip

    assert loss_falls(clf, X, classes_of(X))


def test_batch_normalization_takes_a_last_batch_of_one_row(X):
    clf = MLPClassifier((8,), normalization="batch", batch_size=17, max_iter=3, random_state=0)

    clf.fit(X, classes_of(X))

    assert clf.t_ == 3 * 120
    assert np.isfinite(clf.predict_proba(X)).all()


def test_residual_links_add_a_layers_input_to_its_output(X):
    reg = MLPRegressor(hidden_layer_sizes=(4, 4), activation="tanh", residual=True, random_state=0)
    reg.initialize(X, numbers_of(X))
    (W1, W2, W3), (b1, b2, b3) = reg.coefs_, reg.intercepts_

    # X has four columns, so the first layer has a link, too.
    first = X + np.tanh(X @ W1 + b1)
    second = first + np.tanh(first @ W2 + b2)

    np.testing.assert_allclose(reg.predict(X), (second @ W3 + b3)[:, 0])


def test_dropout_acts_in_training_only(X):
    reg = MLPRegressor(hidden_layer_sizes=(20,), dropout=0.5, max_iter=3, random_state=0).fit(X, numbers_of(X))

    np.testing.assert_array_equal(reg.predict(X), reg.predict(X))
    act = np.maximum(X @ reg.coefs_[0] + reg.intercepts_[0], 0)
    np.testing.assert_allclose(reg.predict(X), (act @ reg.coefs_[1] + reg.intercepts_[1])[:, 0])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_label_smoothing_is_its_formula(n_classes, X):
    y = np.arange(120) % n_classes
    clf = MLPClassifier((5,), solver="lbfgs", label_smoothing=0.2, alpha=0, max_iter=10, random_state=0).fit(X, y)

    targets = np.eye(n_classes)[y] * 0.8 + 0.2 / n_classes
    expected = -(targets * clf.predict_log_proba(X)).sum(axis=1).mean()

    np.testing.assert_allclose(clf.loss_, expected, rtol=1e-6)


def test_label_smoothing_makes_the_network_less_certain(X):
    y = classes_of(X)
    sure, smooth = (
        MLPClassifier((20,), solver="lbfgs", label_smoothing=value, max_iter=200, random_state=0).fit(X, y)
        for value in (0.0, 0.3)
    )

    assert smooth.predict_proba(X).max() < sure.predict_proba(X).max()


def test_no_hidden_layer_is_a_linear_model(X):
    reg = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0, tol=1e-9, max_iter=1000).fit(X, numbers_of(X))

    assert reg.n_layers_ == 2
    np.testing.assert_allclose(reg.coefs_[0][:, 0], [1, -0.5, 0, 0], atol=1e-4)
    np.testing.assert_allclose(reg.intercepts_[0], [1], atol=1e-4)


@pytest.mark.parametrize("sizes", [(), 7, (7,), [7], np.array([7, 3]), (2, 3, 4, 5)])
def test_the_layers_have_the_widths_that_were_asked_for(sizes, X):
    clf = MLPClassifier(sizes, max_iter=1, random_state=0).fit(X, classes_of(X))

    hidden = [sizes] if isinstance(sizes, int) else list(sizes)
    widths = [4, *hidden, 3]
    assert [coef.shape for coef in clf.coefs_] == list(itertools.pairwise(widths))
    assert clf.n_layers_ == len(widths)


def test_solver_params_reach_the_optimizer(X):
    clf = MLPClassifier((4,), solver_params={"amsgrad": True, "weight_decay": 0.25}, max_iter=1, random_state=0)

    clf.fit(X, classes_of(X))

    group = clf.net_.optimizer_.param_groups[0]
    assert group["amsgrad"] is True
    assert group["weight_decay"] == 0.25


def test_a_run_that_diverges_keeps_its_last_finite_weights(X):
    reg = MLPRegressor(
        hidden_layer_sizes=(5,), solver="sgd", momentum=0.0, learning_rate_init=3.0, activation="identity",
        max_iter=200, random_state=0,
    )  # fmt: skip

    with pytest.warns(DivergenceWarning, match="Training diverged.*StandardScaler.*learning_rate_init=3"):
        reg.fit(X, numbers_of(X))

    assert all(np.isfinite(array).all() for array in reg.coefs_ + reg.intercepts_)
