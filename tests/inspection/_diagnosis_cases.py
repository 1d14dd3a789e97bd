"""Cases whose right label is known from how they are made: name, label, and rows and estimator for a seed."""

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_circles, make_friedman1, make_moons
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import LogisticRegression, MLPClassifier, MLPRegressor


def make_patches(rng, n_rows, n_classes=6, n_features=8, spread=0.45):
    """Rows around several centres for each class, as far apart as a network with some units can tell."""
    centres = rng.normal(size=(3 * n_classes, n_features))
    which = np.arange(n_rows) % len(centres)
    return centres[which] + spread * rng.normal(size=(n_rows, n_features)), which % n_classes


def too_few_units(seed):
    X, y = make_patches(np.random.default_rng(seed), 900)
    return MLPClassifier((1,), learning_rate_init=0.01, random_state=seed), X, y


def too_strong_penalty(seed):
    X, y = make_friedman1(600, noise=0.5, random_state=seed)
    return (
        _scaled(MLPRegressor(hidden_layer_sizes=(50,), alpha=100.0, learning_rate_init=0.01, random_state=seed)),
        X,
        y,
    )


def linear_model_of_rings(seed):
    X, y = make_circles(500, noise=0.1, factor=0.5, random_state=seed)
    return LogisticRegression(random_state=seed), X, y


def many_units_for_few_rows(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 40))
    y = (X[:, :4].sum(axis=1) + rng.normal(size=80) > 0).astype(int)
    return MLPClassifier((200,), learning_rate_init=0.01, random_state=seed), X, y


def noisy_labels(seed):
    rng = np.random.default_rng(seed)
    X, y = make_patches(rng, 500, n_classes=3)
    is_wrong = rng.random(len(y)) < 0.3
    y = np.where(is_wrong, rng.integers(0, 3, len(y)), y)
    return MLPClassifier((100,), learning_rate_init=0.01, random_state=seed), X, y


def memorised_noise_of_numbers(seed):
    X, y = make_friedman1(120, n_features=15, noise=3.0, random_state=seed)
    return (
        _scaled(MLPRegressor(hidden_layer_sizes=(200, 100), learning_rate_init=0.01, alpha=0.0, random_state=seed)),
        X,
        y,
    )


def too_few_epochs(seed):
    X, y = make_patches(np.random.default_rng(seed), 900)
    return make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=4, random_state=seed)), X, y


def too_low_rate(seed):
    X, y = make_friedman1(600, noise=0.5, random_state=seed)
    return (
        _scaled(MLPRegressor(hidden_layer_sizes=(50,), learning_rate_init=1e-5, max_iter=100, random_state=seed)),
        X,
        y,
    )


def too_high_rate(seed):
    X, y = make_patches(np.random.default_rng(seed), 900)
    return make_pipeline(StandardScaler(), MLPClassifier((64,), learning_rate_init=30.0, random_state=seed)), X, y


def infinite_loss(seed):
    X, y = make_friedman1(400, noise=0.5, random_state=seed)
    network = MLPRegressor(hidden_layer_sizes=(30,), solver="sgd", learning_rate_init=0.5, random_state=seed)
    return network, 100 * X, 100 * y


def leak(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 6))
    y = (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    X[:, 5] = y + 0.05 * rng.normal(size=400)
    return make_pipeline(StandardScaler(), MLPClassifier((16,), learning_rate_init=0.01, random_state=seed)), X, y


def moons(seed):
    X, y = make_moons(600, noise=0.15, random_state=seed)
    return make_pipeline(StandardScaler(), MLPClassifier((50,), learning_rate_init=0.01, random_state=seed)), X, y


def friedman(seed):
    X, y = make_friedman1(1200, noise=0.5, random_state=seed)
    return _scaled(MLPRegressor(hidden_layer_sizes=(50,), learning_rate_init=0.01, random_state=seed)), X, y


def _scaled(network):
    pipeline = make_pipeline(StandardScaler(), network)
    return TransformedTargetRegressor(pipeline, transformer=StandardScaler())


CASES = {
    "underfitting": [too_few_units, too_strong_penalty, linear_model_of_rings],
    "overfitting": [many_units_for_few_rows, noisy_labels, memorised_noise_of_numbers],
    "undertrained": [too_few_epochs, too_low_rate],
    "diverging": [too_high_rate, infinite_loss],
    "balanced": [leak, moons, friedman],
}
