"""Who looks on when a network is fitted: callbacks of its own, and those of a search around it."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.base import is_regressor

from sknets._arrays import as_array_like
from sknets.base._rows import as_inputs, floating_dtype
from sknets.training import LOSSES, BaseWatch, InMemoryNet, Rows, TrainingPlan

#: Watchers that a search sets for all that is fitted in one of its tasks.
_around: ContextVar[tuple["BaseWatcher", ...]] = ContextVar("watchers", default=())


class BaseWatcher(ABC):
    """Someone who wants to see every epoch of some networks.

    A callback of scikit-learn's protocol that is one, too, sees epochs by its watches, not by tasks of the protocol.
    """

    def exact_epochs(self, network: Any) -> int | None:
        """Return after how many epochs training ends, whatever the stopping rule says; None leaves it to the rule."""
        return None

    @abstractmethod
    def watch(self, network: Any, plan: TrainingPlan) -> BaseWatch | None:
        """Return what is to look at a training, which is about to begin; None to let it pass."""


@contextmanager
def watched_by(*watchers: BaseWatcher) -> Iterator[None]:
    """Have all networks seen that are fitted inside the block."""
    token = _around.set((*_around.get(), *watchers))
    try:
        yield
    finally:
        _around.reset(token)


def watchers_of(network: Any) -> list[BaseWatcher]:
    """Return all who want to see a network's fit."""
    callbacks = getattr(network, "_skl_callbacks", ())
    return [*_around.get(), *(callback for callback in callbacks if isinstance(callback, BaseWatcher))]


def watches_of(network: Any, plan: TrainingPlan) -> tuple[BaseWatch, ...]:
    """Return what is to look at a training."""
    watches = (watcher.watch(network, plan) for watcher in watchers_of(network))
    return tuple(watch for watch in watches if watch is not None)


def exact_epochs_of(network: Any) -> int | None:
    """Return the number of epochs that a watcher wants, if one does."""
    wanted = (watcher.exact_epochs(network) for watcher in watchers_of(network))
    return min((n_epochs for n_epochs in wanted if n_epochs is not None), default=None)


class Lookout:
    """Rows that a network in training is shown, and the network as it would predict them at this moment.

    Parameters
    ----------
    network : BaseNetwork
        In the middle of ``fit``: it knows its classes and features.
    plan : TrainingPlan
    X : array-like
        As the network's ``predict`` takes it.

    Attributes
    ----------
    inputs : torch.Tensor or RowSource
    predictor : BaseNetwork
        A copy whose predictions, whatever they are asked for, are those of the outputs that ``see`` was given last.
    """

    def __init__(self, network: Any, plan: TrainingPlan, X: Any) -> None:
        X = network._check_X(X)
        self.inputs = as_inputs(X, plan.recipe.precision.dtype, plan.recipe.device)
        self._network, self._like = network, plan.train.targets
        self._dtype = floating_dtype(X)
        self._outputs: Any = None
        self.predictor = copy.copy(network)
        # In the place of a method, for this copy only.
        self.predictor.__dict__[network._source_of_predictions] = lambda X: self._outputs
        self.predictor.__dict__["out_activation_"] = LOSSES[plan.recipe.loss.name].link

    def rows(self, y: Any) -> Rows | None:
        """Return the rows with their targets; None where the network knows no such target."""
        y = y if sparse.issparse(y) else np.asarray(as_array_like(y))
        y = y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y
        try:
            targets = self._network._encode_targets(y, self._dtype)
        except (TypeError, ValueError):
            return None
        return Rows(self.inputs, torch.as_tensor(targets).to(self._like.device, self._like.dtype))

    def see(self, outputs: torch.Tensor) -> Any:
        """Take the outputs for the rows and return the predictor."""
        self._outputs = outputs.cpu().numpy().astype(self._dtype, copy=False)
        if is_regressor(self._network) and self._network._source_of_predictions != "_outputs":
            # A linear regression's products have the shape of its predictions.
            self._outputs = self._network._predictions(self._outputs)
        return self.predictor

    def finish(self, net: InMemoryNet) -> Any:
        """Return the network as it will be when ``fit`` is over."""
        fitted = copy.copy(self._network)
        fitted.__dict__.update(self._network._fitted_attributes(net))
        return fitted
