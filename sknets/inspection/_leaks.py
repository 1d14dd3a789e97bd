"""Signs that held-out rows are not as new as they should be: a column that tells the answer, rows that repeat."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

# A single column explains all but 3 % of what a constant leaves open. Of the tables that sknets is measured on none has
# such a column that is not a copy of the target; the best of iris explains 94 %.
TELLING_SHARE = 0.97

# In a table of few coarse columns some rows are equal by chance.
REPEATED_SHARE = 0.05

MAX_COLUMNS = 100
MAX_ROWS = 2_000
# Fewer would let a tree remember single rows.
ROWS_PER_LEAF = 5
N_FOLDS = 3


@dataclass(frozen=True)
class TellingColumn:
    """A column that predicts the targets by itself."""

    name: str
    score: float
    share: float


def find_telling_column(estimator: Any, X: Any, y: Any, rng: np.random.RandomState) -> TellingColumn | None:
    """Return the column from which a small tree predicts nearly everything; None where there is none.

    Only tables of at most ``MAX_COLUMNS`` columns and a single target are looked at.
    """
    frame = _as_frame(X)
    targets = np.asarray(y)
    if frame is None or frame.shape[1] > MAX_COLUMNS or targets.ndim != 1:
        return None
    rows = rng.permutation(len(frame))[:MAX_ROWS]
    frame, targets = frame.iloc[rows], targets[rows]
    if is_classifier(estimator):
        tree: Any = DecisionTreeClassifier(min_samples_leaf=ROWS_PER_LEAF, random_state=0)
        chance = float(np.unique(targets, return_counts=True)[1].max() / len(targets))
    else:
        tree, chance = DecisionTreeRegressor(min_samples_leaf=ROWS_PER_LEAF, random_state=0), 0.0
    scores = {name: _score_column(tree, frame[name], targets) for name in frame.columns}
    name = max(scores, key=scores.__getitem__)
    share = (scores[name] - chance) / (1 - chance) if chance < 1 else 0.0
    return TellingColumn(str(name), scores[name], share) if share >= TELLING_SHARE else None


def measure_repeated_share(X: Any, splits: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the share of held-out rows that equal a training row of their fold; 0 where none can be compared."""
    frame = _as_frame(X)
    if frame is None:
        return 0.0
    hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return float(np.mean([np.isin(hashes[test], hashes[train]).mean() for train, test in splits]))


def _as_frame(X: Any) -> pd.DataFrame | None:
    """Return rows as a table, pictures flat; None for what is sparse, on disk or on another device."""
    if isinstance(X, pd.DataFrame):
        return X if X.columns.is_unique else None
    if isinstance(X, np.memmap) or not (isinstance(X, list | np.ndarray) or hasattr(X, "columns")):
        return None
    rows = np.asarray(X)
    names = list(X.columns) if hasattr(X, "columns") else None
    return pd.DataFrame(rows.reshape(len(rows), -1), columns=names) if rows.ndim > 1 else None


def _score_column(tree: Any, column: pd.Series, targets: np.ndarray) -> float:
    # A tree sees no more of numbers than their order.
    ranks = pd.factorize(column, sort=pd.api.types.is_numeric_dtype(column))[0].reshape(-1, 1)
    if len(np.unique(ranks)) < 2:
        return -np.inf
    with warnings.catch_warnings():
        # Classes of fewer rows than folds: the estimator's own fit is what should speak of them.
        warnings.simplefilter("ignore", UserWarning)
        return float(np.mean(cross_val_score(tree, ranks, targets, cv=N_FOLDS, error_score=np.nan)))
