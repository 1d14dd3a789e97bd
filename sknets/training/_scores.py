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
    weights = None if rows.weights is None else rows.weights.cpu().numpy()
    # A diverging network's predictions may be too large to square.
    with np.errstate(over="ignore"):
        return float(r2_score(rows.targets.cpu().numpy(), predictions.cpu().numpy(), sample_weight=weights))


SCORES: dict[str, Callable[[torch.Tensor, Rows, str], float]] = {"accuracy": accuracy, "r2": r2}
