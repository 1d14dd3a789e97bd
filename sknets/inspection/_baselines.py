"""What a network is compared with: a constant, and a linear model."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.multiclass import type_of_target

from sknets.base import ImageInputs
from sknets.inspection._network_place import NetworkPlace, replace_network
from sknets.linear_model import LinearRegression, LogisticRegression, Perceptron
from sknets.neural_network import MLPClassifier


def make_constant(estimator: Any) -> Any:
    """Return what says the same for all rows."""
    return DummyClassifier(strategy="prior") if is_classifier(estimator) else DummyRegressor()


def make_linear(estimator: Any, place: NetworkPlace, y: Any) -> Any:
    """Return the estimator with a linear model in its network's place; None where there is one already."""
    if isinstance(place.network, LinearRegression | LogisticRegression | Perceptron):
        return None
    if not is_classifier(estimator):
        model: Any = LinearRegression(penalty="l2", alpha=1.0, device="cpu")
    elif type_of_target(y).startswith("multilabel"):
        model = MLPClassifier((), solver="lbfgs", device="cpu")
    else:
        model = LogisticRegression(max_iter=300, device="cpu")
    if isinstance(place.network, ImageInputs):
        model = make_pipeline(FunctionTransformer(_flatten), StandardScaler(), model)
    return replace_network(estimator, model)


def _flatten(images: Any) -> np.ndarray:
    rows = np.asarray(images, dtype=np.float32)
    return rows.reshape(len(rows), -1)  # (n, c * h * w)
