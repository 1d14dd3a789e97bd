"""Many variants of an estimator, fitted and scored on the same folds at once."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.model_selection import cross_validate

from sknets.batching import batched_fits
from sknets.exceptions import DivergenceError
from sknets.inspection._network_place import locate_network
from sknets.model_selection import ValidationMonitor, epoch_curves

Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Variant:
    """Something to fit on every fold.

    Attributes
    ----------
    estimator : estimator
    y : array-like
        The targets, which need not be the true ones.
    splits : sequence of (training rows, held-out rows)
    is_watched : bool
        Whether every epoch is scored.
    must_work : bool
        Whether an error is the caller's, and no result.
    """

    estimator: Any
    y: Any
    splits: Sequence[Split]
    is_watched: bool = False
    must_work: bool = False


@dataclass(frozen=True)
class FoldScores:
    """Scores of a variant on all folds.

    Attributes
    ----------
    train, valid : ndarray of shape (n_folds,)
        NaN where there is none.
    has_diverged : ndarray of bool of shape (n_folds,)
        Whether the loss became infinite or NaN.
    n_epochs : ndarray of shape (n_folds,)
        NaN for what has no epochs.
    first_loss, train_loss : ndarray of shape (n_folds,)
        Training loss of the first epoch and of the last, penalty included; NaN for what has no epochs.
    error : str
        What went wrong, if something did.
    curves : pandas.DataFrame or None
        As :func:`sknets.model_selection.epoch_curves` gives them, without ``candidate``.
    """

    train: np.ndarray
    valid: np.ndarray
    has_diverged: np.ndarray
    n_epochs: np.ndarray
    first_loss: np.ndarray
    train_loss: np.ndarray
    error: str = ""
    curves: pd.DataFrame | None = None


def fit_variants(
    variants: Mapping[str, Variant], X: Any, scoring: Any, seeds: Sequence[int]
) -> tuple[dict[str, FoldScores], int]:
    """Fit all on all folds, their networks trained together; return scores, and how many networks there were.

    All networks of a fold have the seed of that fold.
    """
    tasks = [
        delayed(_fit_fold)(variant, X, scoring, fold, seed)
        for variant in variants.values()
        for fold, seed in enumerate(seeds)
    ]
    with warnings.catch_warnings(), batched_fits() as report:
        # Dozens of trainings, of which many are meant to end too early or to go wrong. What the user's own says about
        # itself, it says when it is fitted.
        warnings.simplefilter("ignore")
        outcomes = iter(Parallel()(tasks))
    return {name: _collect([next(outcomes) for _ in seeds]) for name in variants}, report.n_fits


def _fit_fold(variant: Variant, X: Any, scoring: Any, fold: int, seed: int) -> dict[str, Any]:
    estimator = clone(variant.estimator)
    _prepare_network(estimator, seed, scoring if variant.is_watched else None, variant.is_watched)
    try:
        results = cross_validate(
            estimator,
            X,
            variant.y,
            cv=[variant.splits[fold]],
            scoring=_FiniteScorer(scoring),
            return_train_score=True,
            return_estimator=True,
            error_score="raise",
        )
    except DivergenceError:
        return {"has_diverged": True}
    except Exception as error:  # noqa: BLE001  # what cannot be fitted has no score, and the others have theirs
        if variant.must_work:
            # Where a parameter is wrong, cross_validate repeats the estimator's words and says that it were its own.
            cause = error.__cause__
            raise (cause if isinstance(cause, type(error)) else error) from None
        return {"error": f"{type(error).__name__}: {error}"}
    history = _history(results["estimator"][0])
    return {
        "train": float(results["train_score"][0]),
        "valid": float(results["test_score"][0]),
        "has_diverged": _has_diverged(history),
        "n_epochs": len(history) if history else math.nan,
        "first_loss": history[0].get("train_loss", math.nan) if history else math.nan,
        "train_loss": history[-1].get("train_loss", math.nan) if history else math.nan,
        "curve": epoch_curves(results).assign(fold=fold) if variant.is_watched and history else None,
    }


def _prepare_network(estimator: Any, seed: int, scoring: Any, is_watched: bool) -> None:
    prefix = _seed_prefix(estimator)
    if prefix is not None:
        estimator.set_params(**{f"{prefix}random_state": seed})
    if is_watched:
        network = locate_network(estimator).network
        others = getattr(network, "_skl_callbacks", ())
        network.set_callbacks(*others, ValidationMonitor(scoring=scoring))


def _seed_prefix(estimator: Any) -> str | None:
    """Return the start of the name of the seed's parameter, be it a network's, an ensemble's or a baseline's."""
    part, prefix = estimator, ""
    while not hasattr(part, "random_state"):
        if hasattr(part, "steps"):
            name, part = part.steps[-1]
        elif hasattr(part, "regressor"):
            name, part = "regressor", part.regressor
        else:
            return None
        prefix += f"{name}__"
    return prefix


class _FiniteScorer:
    """A scorer that has no score for a network whose loss was not finite, where others raise an error.

    The last finite weights of such a network may be so large that its predictions are not finite.
    """

    def __init__(self, scorer: Any) -> None:
        self.scorer = scorer

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        try:
            return float(self.scorer(estimator, X, y))
        except ValueError:
            if _has_diverged(_history(estimator)):
                return math.nan
            raise


def _history(estimator: Any) -> list[dict[str, Any]]:
    part = estimator
    while part is not None and not hasattr(part, "history_"):
        part = part.steps[-1][1] if hasattr(part, "steps") else getattr(part, "regressor_", None)
    return [] if part is None else part.history_


def _has_diverged(history: Sequence[Mapping[str, Any]]) -> bool:
    return any(not math.isfinite(row.get("train_loss", 0.0)) for row in history)


def _collect(folds: Sequence[Mapping[str, Any]]) -> FoldScores:
    def column(name: str) -> np.ndarray:
        return np.array([fold.get(name, math.nan) for fold in folds], dtype=float)

    curves = [fold["curve"] for fold in folds if fold.get("curve") is not None]
    return FoldScores(
        train=column("train"),
        valid=column("valid"),
        has_diverged=np.array([fold.get("has_diverged", False) for fold in folds]),
        n_epochs=column("n_epochs"),
        first_loss=column("first_loss"),
        train_loss=column("train_loss"),
        error=next((fold["error"] for fold in folds if "error" in fold), ""),
        curves=pd.concat(curves, ignore_index=True).drop(columns="candidate") if curves else None,
    )
