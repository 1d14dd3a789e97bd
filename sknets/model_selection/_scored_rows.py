"""Rows of a fold, scored by a network as it is after an epoch."""

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score

from sknets._arrays import as_array_like
from sknets._sklearn_compat import PassthroughScorer
from sknets.base import Lookout
from sknets.model_selection._networks_inside import replace_network, transform_rows
from sknets.training import InMemoryNet, TrainingPlan


class ScoredRows:
    """Rows that are scored after every epoch with a tool's own scorer, and never trained on.

    Parameters
    ----------
    estimator : estimator
        In the middle of ``fit``: everything before its network is fitted.
    network : BaseNetwork
        The network in it.
    plan : TrainingPlan
    X, y : array-like
        As ``estimator`` takes them.
    scorer : callable
        Called with an estimator, X and y; returns a number or a dictionary of numbers.
    score_params : mapping
        Further arguments of the scorer.
    """

    def __init__(
        self,
        estimator: Any,
        network: Any,
        plan: TrainingPlan,
        X: Any,
        y: Any,
        scorer: Any,
        score_params: Mapping[str, Any],
    ) -> None:
        self.X = transform_rows(estimator, X)
        self.y = as_array_like(y)
        self.lookout = Lookout(network, plan, self.X)
        self._around = estimator
        self.estimator = replace_network(estimator, self.lookout.predictor)
        self.scorer = scorer
        self.score_params = score_params
        # Around it, transformed targets are not those that the network learns.
        self._rows = self.lookout.rows(self.y) if self.estimator is self.lookout.predictor else None
        self._is_accuracy = not score_params and _is_plain_accuracy(self.estimator, scorer, self.y)

    def loss(self, net: InMemoryNet, outputs: torch.Tensor) -> float:
        """Return the mean loss, without penalty; NaN where it is not defined for these targets."""
        return math.nan if self._rows is None else net.mean_loss(outputs, self._rows)

    def score(self, outputs: torch.Tensor) -> dict[str, float]:
        """Return the scores by name, a single one as "score"; NaN where the scorer fails."""
        self.lookout.see(outputs)
        return self._score(self.estimator)

    def score_finished(self, net: InMemoryNet) -> dict[str, float]:
        """Return the scores of the fitted network, to the last bit what the tool will compute."""
        return self._score(replace_network(self._around, self.lookout.finish(net)))

    def _score(self, estimator: Any) -> dict[str, float]:
        if self._is_accuracy:
            # What scikit-learn's scorer computes, to the last bit, in a tenth of the time.
            return {"score": float(np.average(np.asarray(self.y) == estimator.predict(self.X)))}
        try:
            scores = self.scorer(estimator, self.X, self.y, **self.score_params)
        except Exception:  # noqa: BLE001  # the tool scores the fitted estimator once more, and says what is wrong
            return {"score": math.nan}
        scores = scores if isinstance(scores, dict) else {"score": scores}
        return {name: float(score) if isinstance(score, Real) else math.nan for name, score in scores.items()}


def _is_plain_accuracy(estimator: Any, scorer: Any, y: Any) -> bool:
    is_accuracy = isinstance(scorer, PassthroughScorer) or (
        getattr(scorer, "_score_func", None) is accuracy_score and not scorer._kwargs
    )
    return is_accuracy and is_classifier(estimator) and np.ndim(y) == 1
