"""A callback that keeps the curves of all folds."""

from collections.abc import Sequence
from typing import Any

from sknets._sklearn_compat import RunningFold, can_reuse_listener, open_listener, send
from sknets.model_selection._fold_callback import BaseFoldCallback
from sknets.model_selection._fold_watch import CurveRow, FoldWatch
from sknets.training import TrainingPlan


class ValidationMonitor(BaseFoldCallback):
    """Score the held-out rows of each fold after every epoch, and keep the curves.

    scikit-learn's :class:`~sklearn.callback.ScoringMonitor` sees the rows that are trained on. This one sees the
    held-out fold, too, in every tool of scikit-learn that cross-validates: searches, ``cross_validate``,
    ``learning_curve``. The rows are scored with the tool's own scorer, as its last score is, and never trained on.
    Networks that are watched so can still be trained together by :func:`sknets.batched_fits`.

    :func:`epoch_curves` makes a table of what it has seen.

    Parameters
    ----------
    scoring : str, callable, list, tuple, dict or None, default=None
        As in scikit-learn's tools; None takes the tool's own.
    train_scores : bool, default=True
        Whether the rows that are trained on are scored after every epoch, too.

    See Also
    --------
    epoch_curves : The curves as a table.
    EarlyStopping : Ends training by the held-out score.

    Notes
    -----
    A fold's curve is sent when its network is trained; under ``n_jobs`` from the worker's process to the one that the
    monitor was made in. A fit outside of a cross-validation has no held-out rows and leaves no curve.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sknets import MLPClassifier
    >>> from sknets.model_selection import ValidationMonitor, epoch_curves
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), learning_rate_init=0.05, tol=1e-2, random_state=0)
    >>> network = network.set_callbacks(ValidationMonitor())
    >>> search = GridSearchCV(network, {"alpha": [1e-4, 1e-2]}, cv=3).fit(X, y)
    >>> epoch_curves(search).groupby(["candidate", "fold"]).size().shape
    (6,)
    """

    def __init__(self, *, scoring: Any = None, train_scores: bool = True) -> None:
        super().__init__(scoring)
        self.train_scores = train_scores
        self.log: list[tuple[Any, ...]] = []
        self._listener = open_listener(self.log.append, owner=self)

    def watch(self, network: Any, plan: TrainingPlan) -> FoldWatch | None:
        """Look at a network that is about to be trained in a fold."""
        found = self._score_fold(network, plan, self.train_scores)
        if found is None:
            return None
        fold, rows = found
        return FoldWatch(*rows, after_all=lambda curve: self._send(network, fold, curve))

    def _send(self, network: Any, fold: RunningFold, curve: Sequence[CurveRow]) -> None:
        # Fitted estimators that a tool returns have their own curve with them.
        network._fold_curve = list(curve)
        if fold.callback_ctx is not None:
            send(self._listener, (*_place(fold), list(curve)))

    def __getstate__(self) -> dict[str, Any]:
        # The list grows while other threads pickle.
        return {**self.__dict__, "log": list(self.log)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if not can_reuse_listener(self._listener):
            self._listener = open_listener(self.log.append, owner=self)


def _place(fold: RunningFold) -> tuple[Any, tuple[int, ...], tuple[int, int], int]:
    """Return the run of a search, the round in it, the candidate among those of the round, and the fold."""
    task, ids = fold.callback_ctx.parent, []
    while task is not None:
        ids.append(task.task_id)
        task = task.parent
    candidate, n_candidates = fold.candidate_progress or (0, 1)
    index, _ = fold.split_progress or (0, 1)
    return fold.callback_ctx.root_uuid, tuple(reversed(ids)), (candidate, n_candidates), index
