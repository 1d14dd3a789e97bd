"""Where the network is in a pipeline, and what comes before it."""

import copy
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from sknets.base import BaseNetwork


def networks_inside(estimator: Any) -> dict[str, BaseNetwork]:
    """Return all networks among an estimator's parameters, by the start of their parameters' names."""
    own = {"": estimator} if isinstance(estimator, BaseNetwork) else {}
    parts = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    return own | {f"{name}__": part for name, part in parts.items() if isinstance(part, BaseNetwork)}


def last_network(estimator: Any) -> BaseNetwork | None:
    """Return the network that an estimator predicts with, through pipelines and transformed targets."""
    while estimator is not None and not isinstance(estimator, BaseNetwork):
        estimator = _next(estimator)
    return estimator


def predicts_with(estimator: Any, network: BaseNetwork) -> bool:
    """Whether it is just this network, which is being fitted, that an estimator predicts with."""
    return last_network(estimator) is network


def transform_rows(estimator: Any, X: Any) -> Any:
    """Return rows as the network of a half-fitted estimator gets them."""
    while estimator is not None and not isinstance(estimator, BaseNetwork):
        if isinstance(estimator, Pipeline):
            # Not by a pipeline's own transform: it refuses steps that learn nothing and do not say so.
            for _, step in estimator.steps[:-1]:
                X = X if step is None or isinstance(step, str) else step.transform(X)
        estimator = _next(estimator)
    return X


def replace_network(estimator: Any, predictor: Any) -> Any:
    """Return what predicts from transformed rows as ``estimator`` does from its own, by ``predictor`` for its network.

    Only what changes predictions remains around it.
    """
    if isinstance(estimator, BaseNetwork):
        return predictor
    inner = replace_network(_next(estimator), predictor)
    if not isinstance(estimator, TransformedTargetRegressor):
        return inner
    outer = copy.copy(estimator)
    outer.regressor_ = inner
    return outer


def _next(estimator: Any) -> Any:
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    if isinstance(estimator, TransformedTargetRegressor):
        return getattr(estimator, "regressor_", estimator.regressor)
    return None
