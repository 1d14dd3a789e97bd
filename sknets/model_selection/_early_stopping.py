"""A callback that ends training by the score on rows that are not trained on."""

import math
from typing import Any

from sklearn.metrics import check_scoring

from sknets.model_selection._fold_callback import BaseFoldCallback, is_refit
from sknets.model_selection._fold_watch import CurveRow, FoldWatch
from sknets.model_selection._scored_rows import ScoredRows
from sknets.training import TrainingPlan


class EarlyStopping(BaseFoldCallback):
    """End training when the score on held-out rows has stopped rising.

    In a cross-validation these are the rows of the held-out fold: nothing is held out a second time, and the fold's
    score is that of the epoch at which training ended. It is therefore a little too good, as any number is that was
    chosen by the rows that it is computed on; ``early_stopping=True`` of the networks holds out rows of their own
    instead. In a fit by itself, give the rows.

    Parameters
    ----------
    scoring : str, callable or None, default=None
        As in scikit-learn's tools, for a single score. None takes the tool's own, or the estimator's ``score``.
    patience : int, default=10
        Training ends after so many epochs in a row without gain.
    min_gain : float, default=0.0
        A smaller gain counts as none.
    X_val, y_val : array-like, default=None
        Rows to score, as the network itself takes them; None for those of the held-out fold.

    See Also
    --------
    ValidationMonitor : Keeps the curves and ends nothing.
    refit_at_best_epoch : Fits all rows for as many epochs as were best.

    Notes
    -----
    The last fit of a search, on all rows, has no held-out ones; the network's own stopping rule ends it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from sknets import MLPClassifier
    >>> from sknets.model_selection import EarlyStopping
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), learning_rate_init=0.05, random_state=0)
    >>> bool(cross_val_score(network.set_callbacks(EarlyStopping(patience=20)), X, y).mean() > 0.9)
    True
    """

    def __init__(
        self, *, scoring: Any = None, patience: int = 10, min_gain: float = 0.0, X_val: Any = None, y_val: Any = None
    ) -> None:
        super().__init__(scoring)
        if patience < 1:
            raise ValueError(f"patience must be at least one epoch; got {patience}.")
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together, or neither.")
        self.patience = patience
        self.min_gain = min_gain
        self.X_val, self.y_val = X_val, y_val

    def watch(self, network: Any, plan: TrainingPlan) -> FoldWatch | None:
        """Look at a network that is about to be trained."""
        rows = self._rows(network, plan)
        return None if rows is None else FoldWatch(rows, None, after_epoch=_Patience(self.patience, self.min_gain))

    def _rows(self, network: Any, plan: TrainingPlan) -> ScoredRows | None:
        if self.X_val is not None:
            scorer = check_scoring(network, self.scoring)
            return ScoredRows(network, network, plan, self.X_val, self.y_val, scorer, {})
        found = self._score_fold(network, plan, with_training=False)
        if found is not None:
            return found[1][0]
        if is_refit(network):
            return None
        raise ValueError(
            "EarlyStopping has no rows to score: this fit is not that of a fold, and none were given. Give "
            "EarlyStopping(X_val=, y_val=), or set early_stopping=True, which holds rows out."
        )


class _Patience:
    """Counts the epochs without gain."""

    def __init__(self, patience: int, min_gain: float) -> None:
        self.n_left = self.patience = patience
        self.min_gain = min_gain
        self.best = -math.inf

    def __call__(self, row: CurveRow) -> bool:
        score = next(iter(row["valid_scores"].values()))
        self.n_left -= 1
        if score > self.best + self.min_gain:
            self.best, self.n_left = score, self.patience
        return self.n_left <= 0
