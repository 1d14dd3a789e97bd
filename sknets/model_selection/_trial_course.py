"""How one trial goes: the folds' scores of each epoch, their averages, and where the pruner ends it."""

import math
import threading
from collections.abc import Callable

import numpy as np


class TrialCourse:
    """Averages the folds of a trial epoch by epoch and asks for a verdict on each average, in the epochs' order.

    Which epoch a trial is pruned at is therefore a property of its curves, whichever fold was trained first and
    however far. A fold that has ended by itself counts with its last score from there on. Folds may report from
    several threads.

    Parameters
    ----------
    n_folds : int
    judge : callable or None
        Called with the number of an epoch, from 1, and its average; returns whether the trial is to be pruned.

    Attributes
    ----------
    averages : list of float
        The average score of each epoch that all folds have reached.
    pruned_at : int or None
        The epoch that the pruner ended the trial at.
    """

    def __init__(self, n_folds: int, judge: Callable[[int, float], bool] | None) -> None:
        self.averages: list[float] = []
        self.pruned_at: int | None = None
        self._judge = judge
        self._scores: list[list[float]] = [[] for _ in range(n_folds)]
        self._has_ended = [False] * n_folds
        self._lock = threading.Lock()

    def report(self, fold: int, score: float) -> None:
        """Take the score of a fold's next epoch."""
        with self._lock:
            self._scores[fold].append(score)
            self._advance()

    def end(self, fold: int) -> None:
        """Take note that a fold reports no further epoch."""
        with self._lock:
            self._has_ended[fold] = True
            self._advance()

    def _advance(self) -> None:
        while self.pruned_at is None and self._is_next_known():
            epoch = len(self.averages) + 1
            average = float(np.mean([scores[min(epoch, len(scores)) - 1] for scores in self._scores if scores]))
            self.averages.append(average)
            if self._judge is not None and not math.isnan(average) and self._judge(epoch, average):
                self.pruned_at = epoch

    def _is_next_known(self) -> bool:
        epoch = len(self.averages) + 1
        reached = [len(scores) >= epoch for scores in self._scores]
        return any(reached) and all(
            has_come or has_ended for has_come, has_ended in zip(reached, self._has_ended, strict=True)
        )
