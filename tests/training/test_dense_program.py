import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from sknets import LogisticRegression, MLPClassifier, MLPRegressor
from sknets.training import GRADIENT_SOLVERS
from sknets.training._dense_program import DenseProgram
from tests.training._ways import MACHINE_CODE, OPERATIONS, in_both_ways, take_way, watch_ways

VARIANTS = {
    "relu": {},
    "tanh": {"activation": "tanh"},
    "logistic": {"activation": "logistic"},
    "identity": {"activation": "identity"},
    "deep": {"hidden_layer_sizes": (7, 5, 3)},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "dropout": {"hidden_layer_sizes": (7, 5), "dropout": 0.3},
    "penalties": {"alpha": 0.5, "l1": 0.3},
    "no penalty": {"alpha": 0.0},
    "label smoothing": {"label_smoothing": 0.1},
    "class weights": {"class_weight": "balanced"},
    **{solver: {"solver": solver} for solver in GRADIENT_SOLVERS},
    "weight decay": {"solver_params": {"weight_decay": 0.3}},
    "decoupled weight decay": {"solver": "adamw", "solver_params": {"weight_decay": 0.3}},
    "plain descent": {"solver": "sgd", "momentum": 0.0},
    "early stopping": {"early_stopping": True},
    "batch normalization": {"normalization": "batch"},
    "a single last row": {"normalization": "batch", "batch_size": 59},
    "layer normalization": {"normalization": "layer"},
    "group normalization": {"normalization": "group", "hidden_layer_sizes": (32,)},
    "residual": {"hidden_layer_sizes": (6, 6), "residual": True, "dropout": 0.2, "normalization": "batch"},
}

#: Their small networks are trained by operations in any case.
NOT_COMPILED = {
    "adamax",
    "nadam",
    "adadelta",
    "rmsprop",
    "batch normalization",
    "a single last row",
    "layer normalization",
    "group normalization",
    "residual",
}


@pytest.fixture
def table(rng):
    return rng.normal(size=(60, 4)), rng.integers(0, 3, 60)


def fit(estimator, X, y, sample_weight=None, n_passes=0):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(X, y, sample_weight)
    for _ in range(n_passes):
        estimator.partial_fit(X, y)
    return estimator


def make(Network=MLPClassifier, **parameters):
    defaults = {"hidden_layer_sizes": (6,), "batch_size": 16, "max_iter": 5, "random_state": 0}
    return Network(**{**defaults, **parameters})


def without_program(monkeypatch):
    monkeypatch.setattr(DenseProgram, "can_run", staticmethod(lambda net: False))


@pytest.mark.parametrize(
    ("name", "way"),
    [
        (name, way)
        for name in VARIANTS
        for way in (OPERATIONS, MACHINE_CODE)
        if way == OPERATIONS or name not in NOT_COMPILED
    ],
)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_program_trains_as_autograd_does(name, way, is_weighted, table, rng, monkeypatch):
    X, y = table
    weights = rng.uniform(0.5, 2, len(y)) if is_weighted else None
    take_way(monkeypatch, way)
    ways = watch_ways(monkeypatch)
    by_program = fit(make(**VARIANTS[name]), X, y, weights)
    assert set(ways) == {way}

    without_program(monkeypatch)
    by_autograd = fit(make(**VARIANTS[name]), X, y, weights)

    np.testing.assert_allclose(by_program.loss_curve_, by_autograd.loss_curve_, rtol=1e-9)
    for ours, reference in zip(by_program.coefs_, by_autograd.coefs_, strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-7, atol=1e-9)
    # By the running statistics of batch normalization, too.
    np.testing.assert_allclose(by_program.predict_proba(X), by_autograd.predict_proba(X), rtol=1e-7)


@in_both_ways
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "nadam"])
def test_passes_go_on_with_the_state_of_the_optimizer(solver, way, table, monkeypatch):
    take_way(monkeypatch, way)
    by_program = fit(make(solver=solver, max_iter=2), *table, n_passes=3)

    without_program(monkeypatch)
    by_autograd = fit(make(solver=solver, max_iter=2), *table, n_passes=3)

    np.testing.assert_allclose(by_program.coefs_[0], by_autograd.coefs_[0], rtol=1e-7, atol=1e-9)


@in_both_ways
def test_regressors_and_linear_models_run_by_the_program(way, rng, monkeypatch):
    X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    take_way(monkeypatch, way)
    ways, taken, write_back = watch_ways(monkeypatch), [], DenseProgram.write_back
    monkeypatch.setattr(
        DenseProgram, "write_back", lambda self, k: taken.append(self.rule.n_steps[k]) or write_back(self, k)
    )

    fit(make(MLPRegressor, loss="huber"), X, y)
    fit(LogisticRegression(solver="adam", batch_size=10, max_iter=3, random_state=0), X, y[:, 0] > 0)

    # Five epochs of three batches, and three of four.
    assert taken == [5 * 3, 3 * 4]
    assert set(ways) == {way}


class OwnReLU(torch.nn.ReLU):
    """Of a type that the program cannot know."""


@pytest.mark.parametrize(
    "parameters",
    [
        {"activation": "gelu"},
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"normalization": "group"},
        {"residual": True, "hidden_layer_sizes": (4, 4)},
        {"solver": "rmsprop", "solver_params": {"centered": True}},
    ],
    ids=str,
)
def test_what_the_program_knows_is_trained_by_it(parameters, table):
    assert DenseProgram.can_run(fit(make(**parameters), *table).net_)


@pytest.mark.parametrize(
    "parameters",
    [
        {"activation": torch.nn.Softsign},
        {"activation": torch.nn.PReLU},
        {"activation": OwnReLU},
        {"solver": torch.optim.RAdam},
        {"solver": "adam", "solver_params": {"amsgrad": True}},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_what_the_program_does_not_know_is_trained_by_autograd(parameters, table):
    assert not DenseProgram.can_run(fit(make(**parameters), *table).net_)


def test_after_training_every_parameter_has_memory_of_its_own(table):
    module = fit(make(hidden_layer_sizes=(6, 5)), *table).module_

    for parameter in module.parameters():
        assert parameter.untyped_storage().nbytes() == parameter.numel() * parameter.element_size()
        assert parameter.grad is None
