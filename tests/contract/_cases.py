"""The estimators and data that the contract's tests share."""

import numpy as np
from sklearn.base import is_classifier

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, Perceptron

#: Each estimator as a user first writes it, but small.
FIVE = [
    LinearRegression(random_state=0),
    LogisticRegression(random_state=0),
    Perceptron(random_state=0),
    MLPClassifier((8,), max_iter=5, random_state=0),
    MLPRegressor(hidden_layer_sizes=(8,), max_iter=5, random_state=0),
]

#: Those that learn batch by batch, each with several batches an epoch.
STEPWISE = [
    LinearRegression(solver="sgd", batch_size=16, max_iter=5, random_state=0),
    LogisticRegression(solver="adam", batch_size=16, max_iter=5, random_state=0),
    Perceptron(max_iter=5, random_state=0),
    MLPClassifier((8,), dropout=0.3, batch_size=16, max_iter=5, random_state=0),
    MLPRegressor(hidden_layer_sizes=(8,), dropout=0.3, batch_size=16, max_iter=5, random_state=0),
]

CLASSIFIERS = [estimator for estimator in FIVE if is_classifier(estimator)]

#: For `pytestmark`: a few epochs are enough here, and scikit-learn's warning says that they are few.
FEW_EPOCHS = "ignore::sklearn.exceptions.ConvergenceWarning"


def name_of(value):
    """Name a case after its estimator's class."""
    return type(value).__name__ if hasattr(value, "fit") else None


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
