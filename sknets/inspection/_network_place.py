"""Where the network is in an estimator, and estimators with something else in its place."""

from dataclasses import dataclass
from typing import Any

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from sknets.base import BaseNetwork


@dataclass(frozen=True)
class NetworkPlace:
    """The network that an estimator predicts with.

    Attributes
    ----------
    network : BaseNetwork
    prefix : str
        The start of its parameters' names: "mlpclassifier__", or "" where the network stands by itself.
    """

    network: Any
    prefix: str

    @property
    def step(self) -> str:
        """Its own name as a parameter; empty where it stands by itself."""
        return self.prefix.removesuffix("__")


def locate_network(estimator: Any) -> NetworkPlace:
    """Return the network at the end of pipelines and inside of transformed targets.

    Raises
    ------
    TypeError
        If there is none.
    """
    part, prefix = estimator, ""
    while not isinstance(part, BaseNetwork):
        if isinstance(part, Pipeline):
            name, part = part.steps[-1]
        elif isinstance(part, TransformedTargetRegressor):
            name, part = "regressor", part.regressor
        else:
            raise TypeError(_say_what_is_wrong(estimator, part))
        prefix += f"{name}__"
    return NetworkPlace(part, prefix)


def replace_network(estimator: Any, predictor: Any) -> Any:
    """Return an unfitted copy that predicts with ``predictor`` where ``estimator`` does with its network."""
    step = locate_network(estimator).step
    return clone(estimator).set_params(**{step: predictor}) if step else predictor


def _say_what_is_wrong(estimator: Any, part: Any) -> str:
    found = f"the class {estimator.__name__}" if isinstance(estimator, type) else type(estimator).__name__
    if part is not estimator:
        found += f" that ends with {type(part).__name__}"
    advice = "Put a network of sknets there"
    if hasattr(part, "estimator") and hasattr(part, "refit"):
        advice = "Give the estimator that the search is about, or its best_estimator_"
    return (
        "estimator must be an estimator of sknets, or a Pipeline or TransformedTargetRegressor that ends with one; "
        f"got {found}. {advice}."
    )
