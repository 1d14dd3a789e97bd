"""Suggestions for every estimator: plain distributions that contain what the estimator has."""

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression as OtherLogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
    TransferClassifier,
)
from sknets.model_selection import suggest_space
from sknets.model_selection._space import Space

X = np.zeros((500, 9))
y = np.arange(500) % 2

ESTIMATORS = [
    LinearRegression(),
    LogisticRegression(),
    Perceptron(),
    MLPClassifier(),
    MLPClassifier([17, 3], alpha=0, dropout=[0.1, 0.2], batch_size=77, learning_rate_init=5, activation="mish", l1=7.0),
    MLPRegressor(),
    CNNClassifier(),
    CNNRegressor(architecture="lenet5"),
    TransferClassifier(),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_distributions_contain_what_the_estimator_has_and_what_it_takes(estimator):
    pipeline = make_pipeline(StandardScaler(), estimator)

    space = suggest_space(pipeline, X, y)

    assert space
    assert set(space) <= set(pipeline.get_params())
    assert all(isinstance(distribution, BaseDistribution) for distribution in space.values())
    start = Space(space, pipeline).start()
    assert set(start) == set(space)
    for name, distribution in space.items():
        values = (
            distribution.choices
            if isinstance(distribution, CategoricalDistribution)
            else (distribution.low, distribution.high)
        )
        for value in values:
            clone(pipeline).set_params(**{name: value})[-1]._validate_params()


def test_batches_and_widths_follow_the_number_of_rows():
    few, many = (suggest_space(MLPClassifier(), np.zeros((n, 3)), None) for n in (100, 10_000))

    assert few["batch_size"].choices == ("auto",)
    assert many["batch_size"].choices == ("auto", 32, 64, 128, 256, 512)
    assert max(max(sizes) for sizes in few["hidden_layer_sizes"].choices) == 100  # the estimator's own
    assert max(max(sizes) for sizes in many["hidden_layer_sizes"].choices) == 256


def test_rare_classes_make_class_weights_worth_trying():
    assert "class_weight" not in suggest_space(MLPClassifier(), X, y)
    assert "class_weight" in suggest_space(MLPClassifier(), X, np.arange(500) % 10 == 0)


def test_without_a_network_there_are_no_suggestions():
    with pytest.raises(ValueError, match="param_distributions of your own"):
        suggest_space(OtherLogisticRegression(), X, y)
