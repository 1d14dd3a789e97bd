"""Scores of the validation rows after every epoch: what the estimators' own ``score`` would give."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import r2_score

from sknets.training._plan import Rows


def accuracy(outputs: torch.Tensor, rows: Rows, link: str) -> float:
    """Return the weighted share of rows whose class, or whose labels all, are predicted right."""
    if rows.targets.ndim == 1:
        is_right = outputs.argmax(1) == rows.targets
    else:
        is_right = ((outputs > 0) == (rows.targets > 0.5)).all(1)
    if rows.weights is None:
        return int(is_right.sum()) / len(rows)
    return float((is_right * rows.weights).sum() / rows.weights.sum())


def r2(outputs: torch.Tensor, rows: Rows, link: str) -> float:
    """Return the coefficient of determination."""
    predictions = outputs.exp() if link == "exp" else outputs
    if not bool(torch.isfinite(predictions).all()):
        return float("nan")
    targets, predicted = rows.targets.cpu().numpy(), predictions.cpu().numpy()
    if len(targets) < 2:
        return float(r2_score(targets, predicted))  # NaN, with scikit-learn's warning
    weights = None if rows.weights is None else rows.weights.cpu().numpy()
    # A diverging network's predictions may be too large to square.
    with np.errstate(over="ignore"):
        return _mean_r2(targets, predicted, weights)


def _mean_r2(targets: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    """Return scikit-learn's R2 of arrays of shape (n, n_outputs), without its checks.

    They take a millisecond: twice an epoch of a small network, and several times one of a network in a stack.
    """
    factors = 1.0 if weights is None else weights[:, None]
    errors = (factors * (targets - predicted) ** 2).sum(axis=0)
    spreads = (factors * (targets - np.average(targets, axis=0, weights=weights)) ** 2).sum(axis=0)
    # An output whose targets are all equal counts as 1 where it is met exactly, else as 0.
    shares = np.divide(errors, spreads, out=(errors != 0).astype(errors.dtype), where=spreads != 0)
    return float((1 - shares).mean())


SCORES: dict[str, Callable[[torch.Tensor, Rows, str], float]] = {"accuracy": accuracy, "r2": r2}
