"""The estimators and data that the contract's tests share."""

import numpy as np
import torch
from sklearn.base import is_classifier
from torch import nn

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)

#: Networks that take four columns for pictures of 2 x 2 pixels.
SMALL_CNN = {"channels": (4,), "hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
STEPWISE_CNN = {**SMALL_CNN, "dropout": 0.3, "batch_size": 16, "learning_rate": "constant"}

#: Each estimator as a user first writes it, but small.
ONE_EACH = [
    LinearRegression(random_state=0),
    LogisticRegression(random_state=0),
    Perceptron(random_state=0),
    MLPClassifier((8,), max_iter=5, random_state=0),
    MLPRegressor(hidden_layer_sizes=(8,), max_iter=5, random_state=0),
    CNNClassifier(**SMALL_CNN),
    CNNRegressor(**SMALL_CNN),
]

#: Those that learn batch by batch, each with several batches an epoch.
STEPWISE = [
    LinearRegression(solver="sgd", batch_size=16, max_iter=5, random_state=0),
    LogisticRegression(solver="adam", batch_size=16, max_iter=5, random_state=0),
    Perceptron(max_iter=5, random_state=0),
    MLPClassifier((8,), dropout=0.3, batch_size=16, max_iter=5, random_state=0),
    MLPRegressor(hidden_layer_sizes=(8,), dropout=0.3, batch_size=16, max_iter=5, random_state=0),
    CNNClassifier(**STEPWISE_CNN),
    CNNRegressor(**STEPWISE_CNN),
]

CLASSIFIERS = [estimator for estimator in ONE_EACH if is_classifier(estimator)]


def looks_at_pictures(estimator):
    """Whether X may have more than two axes, and is computed with in single precision unless it is in double."""
    return isinstance(estimator, CNNClassifier | CNNRegressor)


#: For `pytestmark`: a few epochs are enough here, and scikit-learn's warning says that they are few.
FEW_EPOCHS = "ignore::sklearn.exceptions.ConvergenceWarning"


def name_of(value):
    """Name a case after its estimator's class."""
    return type(value).__name__ if hasattr(value, "fit") else None


def add_noise(images):
    """Change images by random numbers of torch's global generator, as transforms of torchvision do."""
    return images + 0.1 * torch.randn_like(images)


def draws_from_torch(image_shape, n_outputs):
    """Build a user's own network, which draws its weights and its dropout from torch's global generator."""
    return nn.Sequential(
        nn.Conv2d(image_shape[0], 4, 1),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(4 * image_shape[1] * image_shape[2], n_outputs),
    )


def make_rows(rng, n=60, n_features=4):
    return rng.normal(size=(n, n_features))


def make_targets(estimator, X, n_classes=2):
    """Return labels for a classifier and numbers for a regressor, with some noise."""
    score = X[:, 0] + 0.5 * X[:, 1] + 0.3 * np.sin(9 * X.sum(axis=1))
    if not is_classifier(estimator):
        return score
    return np.searchsorted(np.quantile(score, np.arange(1, n_classes) / n_classes), score)


def weights_of(estimator):
    """Return copies of all trained numbers."""
    return [tensor.detach().cpu().numpy().copy() for tensor in estimator.module_.state_dict().values()]


def assert_same_bits(first, second):
    for a, b in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(a, b)


def raw_outputs(estimator, X):
    """Return the numbers behind the predictions: a changed bit shows here, not in the labels."""
    return estimator.decision_function(X) if is_classifier(estimator) else estimator.predict(X)
