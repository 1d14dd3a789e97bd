"""The network that an estimator predicts with, be it in a pipeline or the best of a search."""

from typing import Any

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from sknets.base import BaseNetwork, ImageInputs
from sknets.training import RowSource


def find_network(estimator: Any, needed_by: str) -> Any:
    """Return the network that is an estimator, or in it, and has a module."""
    if isinstance(estimator, Pipeline):
        return find_network(estimator.steps[-1][1], needed_by)
    if hasattr(estimator, "best_estimator_"):
        return find_network(estimator.best_estimator_, needed_by)
    name = type(estimator).__name__
    if hasattr(estimator, "refit") and hasattr(estimator, "estimator"):
        raise NotFittedError(
            f"{needed_by} needs the best_estimator_ of a search; this {name} has none. Call fit first, with refit=True."
        )
    if not isinstance(estimator, BaseNetwork):
        found = f"the class {estimator.__name__}" if isinstance(estimator, type) else f"an object of type {name}"
        also = ", or a torch.nn.Module" if needed_by == "summary" else ""
        together = ", or a module together with input_shape" if needed_by == "summary" else ""
        raise TypeError(
            f"estimator must be an estimator of sknets, a Pipeline or search that ends with one{also}; "
            f"got {found}. Give a fitted network{together}."
        )
    if not hasattr(estimator, "net_"):
        advice = "fit, or initialize to build it without training" if hasattr(estimator, "initialize") else "fit"
        raise NotFittedError(f"{needed_by} needs a network; this {name} has none yet. Call {advice}.")
    return estimator


def find_image_network(estimator: Any, needed_by: str) -> Any:
    """Return the network, which must be one that looks at pictures."""
    network = find_network(estimator, needed_by)
    if not isinstance(network, ImageInputs):
        raise TypeError(
            f"{needed_by} needs a network that looks at pictures, such as CNNClassifier; got a "
            f"{type(network).__name__}, which has no convolutions. LinearWeightsDisplay draws the weights of other "
            "networks."
        )
    return network


def transform_rows(estimator: Any, X: Any) -> Any:
    """Return rows as the last step of a fitted pipeline gets them."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(estimator, Pipeline):
        return X
    # Not by the pipeline's own transform: it refuses steps that learn nothing and do not say so.
    for _, step in estimator.steps[:-1]:
        X = X if step is None or isinstance(step, str) else step.transform(X)
    return transform_rows(estimator.steps[-1][1], X)


def one_row(row: Any) -> Any:
    """Return a single row as rows of one, a row of a frame with its columns' names."""
    if hasattr(row, "to_frame"):
        return row.to_frame().T.infer_objects()
    return row[None] if isinstance(row, torch.Tensor) else np.asarray(row)[None]


def as_batch(inputs: torch.Tensor | RowSource) -> torch.Tensor:
    """Return inputs as a tensor."""
    return inputs[:] if isinstance(inputs, RowSource) else inputs
