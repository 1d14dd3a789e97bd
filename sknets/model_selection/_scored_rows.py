"""Rows of a fold, scored by a network as it is after an epoch."""

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.base import RegressorMixin, is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import accuracy_score, r2_score

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
        self._plain_score = None if score_params else _find_plain_score(self.estimator, scorer, self.y)

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
        plain = None if self._plain_score is None else self._plain_score(estimator, self.X, self.y)
        if plain is not None:
            return {"score": plain}
        try:
            scores = self.scorer(estimator, self.X, self.y, **self.score_params)
        except Exception:  # noqa: BLE001  # the tool scores the fitted estimator once more, and says what is wrong
            return {"score": math.nan}
        scores = scores if isinstance(scores, dict) else {"score": scores}
        return {name: float(score) if isinstance(score, Real) else math.nan for name, score in scores.items()}


# What scikit-learn's scorers compute, to the last bit, in a tenth of the time that they take to look at what they are
# given. None leaves it to them.
_PlainScore = Callable[[Any, Any, Any], float | None]


def _find_plain_score(estimator: Any, scorer: Any, y: Any) -> _PlainScore | None:
    if np.ndim(y) != 1:
        return None
    if is_classifier(estimator):
        return _accuracy if _computes(scorer, accuracy_score) else None
    has_own_score = getattr(type(estimator), "score", None) is not RegressorMixin.score
    is_by_r2 = is_regressor(estimator) and not (has_own_score and isinstance(scorer, PassthroughScorer))
    return _r2 if is_by_r2 and _computes(scorer, r2_score) and np.asarray(y).dtype.kind in "fiu" else None


def _computes(scorer: Any, score: Callable[..., Any]) -> bool:
    is_plain = getattr(scorer, "_score_func", None) is score and not scorer._kwargs and scorer._sign == 1
    return isinstance(scorer, PassthroughScorer) or is_plain


def _accuracy(estimator: Any, X: Any, y: Any) -> float:
    return float(np.average(np.asarray(y) == estimator.predict(X)))


def _r2(estimator: Any, X: Any, y: Any) -> float | None:
    predictions = _predict_numbers(estimator, X)
    true = np.asarray(y, dtype=np.result_type(np.asarray(y), predictions, np.float32)).reshape(-1, 1)
    if predictions.shape not in (true.shape, true.shape[:1]) or len(true) < 2 or not np.isfinite(predictions).all():
        return None
    errors = ((true - predictions.reshape(-1, 1)) ** 2).sum(axis=0)
    spread = ((true - np.average(true, axis=0)) ** 2).sum(axis=0)
    return float(1 - errors[0] / spread[0]) if spread[0] != 0 and errors[0] != 0 else None


def _predict_numbers(estimator: Any, X: Any) -> np.ndarray:
    if type(estimator) is not TransformedTargetRegressor:
        return np.asarray(estimator.predict(X))
    # Its own way looks through all of its parts for what they can do, at every call.
    predictions = np.asarray(estimator.regressor_.predict(X))
    columns = predictions.reshape(-1, 1) if predictions.ndim == 1 else predictions
    return np.asarray(estimator.transformer_.inverse_transform(columns))
