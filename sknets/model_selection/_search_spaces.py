"""What is worth trying, estimator by estimator."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from sknets.base import BaseNetwork
from sknets.linear_model import LinearRegression, LogisticRegression, Perceptron
from sknets.model_selection._networks_inside import networks_inside
from sknets.neural_network import MLPClassifier, MLPRegressor
from sknets.vision import CNNClassifier, CNNRegressor, TransferClassifier

Space = dict[str, BaseDistribution]

_WIDTHS = (32, 64, 128, 256)
_BATCH_SIZES = (32, 64, 128, 256, 512)

# Batches that an epoch should have at least.
_MIN_BATCHES = 4


def suggest_space(estimator: Any, X: Any, y: Any = None) -> Space:
    """Return distributions that are worth searching, for every network in an estimator.

    Parameters
    ----------
    estimator : estimator
        A network of sknets, or a pipeline or another estimator with some in it.
    X : array-like of shape (n_samples, ...)
        The rows that will be searched on; their number says which batches and widths make sense.
    y : array-like of shape (n_samples,), default=None
        Their targets; rare classes make class weights worth trying.

    Returns
    -------
    space : dict of str to optuna.distributions.BaseDistribution
        By the parameters' names, ready for ``OptunaSearchCV(estimator, space)``; print it, change it, leave out what
        should stay as it is. Each distribution contains the value that the estimator has now, with which a search
        begins.

    Raises
    ------
    ValueError
        If there is no network in the estimator.

    See Also
    --------
    OptunaSearchCV : Takes this space where none is given.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknets import LogisticRegression
    >>> from sknets.model_selection import suggest_space
    >>> X, y = load_iris(return_X_y=True)
    >>> for name, values in suggest_space(make_pipeline(StandardScaler(), LogisticRegression()), X, y).items():
    ...     print(name, values)
    logisticregression__C FloatDistribution(high=10000.0, log=True, low=0.0001, step=None)
    logisticregression__l1_ratio FloatDistribution(high=1.0, log=False, low=0.0, step=None)
    """
    networks = networks_inside(estimator)
    if not networks:
        raise ValueError(
            f"suggest_space knows networks of sknets only; got {type(estimator).__name__} without one. Give "
            "param_distributions of your own."
        )
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    with warnings.catch_warnings():
        # That tuples cannot be stored: a search stores their names.
        warnings.filterwarnings("ignore", message="Choices for a categorical distribution")
        return {
            prefix + name: distribution
            for prefix, network in networks.items()
            for name, distribution in _space_of(network, int(n_rows), y).items()
        }


def _space_of(network: BaseNetwork, n_rows: int, y: Any) -> Space:
    for kind, suggest in _BY_KIND:
        if isinstance(network, kind):
            return suggest(network, n_rows) | _class_weights(network, y)
    raise ValueError(
        f"suggest_space has no suggestions for {type(network).__name__}. Give param_distributions of your own."
    )


def _perceptron_layers(network: Any, n_rows: int) -> Space:
    widths = [width for width in _WIDTHS if width <= max(n_rows // 4, _WIDTHS[0])]
    sizes = [(width,) * depth for depth in (1, 2, 3) for width in widths]
    return {
        "hidden_layer_sizes": _choices(sizes, network.hidden_layer_sizes),
        "activation": _choices(["relu", "tanh", "silu"], network.activation),
        "normalization": _choices([None, "batch", "layer"], network.normalization),
        "dropout": _range(0.0, 0.5, network.dropout),
        "solver": _choices(["adam", "adamw", "sgd"], network.solver),
        "learning_rate_init": _scale(1e-4, 1e-1, network.learning_rate_init),
        "learning_rate": _choices(["constant", "cosine", "onecycle"], network.learning_rate),
        "batch_size": _batch_sizes(network, n_rows),
        "alpha": _scale(1e-6, 1.0, network.alpha),
        "l1": _choices([0.0, 1e-4, 1e-3, 1e-2], network.l1),
    }


def _convolutions(network: Any, n_rows: int) -> Space:
    space: Space = {
        "dropout": _choices(["auto", 0.1, 0.3, 0.5], network.dropout),
        "augmentation": _choices([None, "light"], network.augmentation),
        "solver": _choices(["adam", "adamw", "sgd"], network.solver),
        "learning_rate_init": _scale(3e-4, 3e-2, network.learning_rate_init),
        "learning_rate": _choices(["constant", "cosine", "onecycle"], network.learning_rate),
        "batch_size": _batch_sizes(network, n_rows),
        "alpha": _scale(1e-6, 1e-1, network.alpha),
        "l1": _choices([0.0, 1e-4, 1e-3], network.l1),
    }
    if network.architecture != "simple":
        return space
    return {
        "channels": _choices([(16, 32), (32, 64), (64, 128), (16, 32, 64), (32, 64, 128)], network.channels),
        "kernel_size": _choices([3, 5], network.kernel_size),
        "hidden_layer_sizes": _choices([(), (64,), (128,), (256,)], network.hidden_layer_sizes),
        "activation": _choices(["relu", "silu"], network.activation),
        "normalization": _choices([None, "batch", "group"], network.normalization),
        **space,
    }


def _transfer(network: Any, n_rows: int) -> Space:
    return {
        "hidden_layer_sizes": _choices([(), (128,), (256,)], network.hidden_layer_sizes),
        "dropout": _range(0.0, 0.5, network.dropout),
        "augmentation": _choices([None, "light"], network.augmentation),
        "learning_rate_init": _scale(1e-4, 3e-2, network.learning_rate_init),
        "learning_rate": _choices(["constant", "cosine", "onecycle"], network.learning_rate),
        "batch_size": _batch_sizes(network, n_rows),
        "alpha": _scale(1e-6, 1e-1, network.alpha),
    }


def _linear(network: Any, n_rows: int) -> Space:
    return {
        "penalty": _choices([None, "l2", "l1", "elasticnet"], network.penalty),
        "alpha": _scale(1e-4, 1e2, network.alpha),
        "l1_ratio": _range(0.0, 1.0, network.l1_ratio),
    }


def _logistic(network: Any, n_rows: int) -> Space:
    return {"C": _scale(1e-4, 1e4, network.C), "l1_ratio": _range(0.0, 1.0, network.l1_ratio)}


def _perceptron_rule(network: Any, n_rows: int) -> Space:
    return {
        "penalty": _choices([None, "l2", "l1", "elasticnet"], network.penalty),
        "alpha": _scale(1e-6, 1e-2, network.alpha),
        "eta0": _scale(1e-2, 1e1, network.eta0),
    }


_BY_KIND: list[tuple[Any, Callable[[Any, int], Space]]] = [
    ((MLPClassifier, MLPRegressor), _perceptron_layers),
    ((CNNClassifier, CNNRegressor), _convolutions),
    (TransferClassifier, _transfer),
    (LinearRegression, _linear),
    (LogisticRegression, _logistic),
    (Perceptron, _perceptron_rule),
]


def _class_weights(network: Any, y: Any) -> Space:
    """Offer balanced classes where the largest is three times the smallest, or more."""
    if y is None or not hasattr(network, "class_weight") or np.ndim(y) != 1:
        return {}
    _, counts = np.unique(np.asarray(y), return_counts=True)
    if counts.max() < 3 * counts.min():
        return {}
    return {"class_weight": _choices([None, "balanced"], network.class_weight)}


def _batch_sizes(network: Any, n_rows: int) -> BaseDistribution:
    sizes = [size for size in _BATCH_SIZES if size * _MIN_BATCHES <= n_rows]
    return _choices(["auto", *sizes], network.batch_size)


def _choices(values: Iterable[Any], own: Any) -> BaseDistribution:
    """Return a choice that the estimator's own value is among."""
    values = list(values)
    own = tuple(own) if isinstance(own, list) else own
    is_there = any(type(value) is type(own) and value == own for value in values)
    return CategoricalDistribution(values if is_there else [*values, own])


def _range(low: float, high: float, own: Any) -> BaseDistribution:
    """Return a range that the estimator's own value is in."""
    if not isinstance(own, int | float):
        return _choices([low, (low + high) / 2, high], own)
    return FloatDistribution(min(low, own), max(high, own))


def _scale(low: float, high: float, own: Any) -> BaseDistribution:
    """Return a range in which each power of ten is as likely, and the estimator's own value possible."""
    if own <= 0:
        return _choices(np.geomspace(low, high, 7).tolist(), own)
    return FloatDistribution(min(low, own), max(high, own), log=True)
