"""The folds of some trials, run in step: what each gives, and how each trial went."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.parallel import get_active_backend

from sknets._sklearn_compat import find_running_fold
from sknets.base import BaseWatcher, watched_by
from sknets.batching import BatchedFitsBackend, step_aside
from sknets.model_selection._fold_watch import CurveRow, FoldWatch, score_fold
from sknets.model_selection._judge import Judge
from sknets.model_selection._networks_inside import predicts_with
from sknets.model_selection._trial_course import TrialCourse
from sknets.training import TrainingPlan

#: Fits and scores one fold; returns a list with scikit-learn's dictionary of scores and times in it.
FoldFunction = Callable[[], list[dict[str, Any]]]


@dataclass
class TrialRun:
    """How a trial went.

    Attributes
    ----------
    results : list of dict
        scikit-learn's dictionaries, one a fold.
    curves : list of list of dict
        One a fold; empty where no network was seen.
    averages : list of float
        The folds' average score after every epoch.
    pruned_at : int or None
    marks : dict
        What the pruner wrote on the trial.
    """

    results: list[dict[str, Any]]
    curves: list[list[CurveRow]]
    averages: list[float] = field(default_factory=list)
    pruned_at: int | None = None
    marks: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Objective:
    """Which of several scores a search maximises.

    Attributes
    ----------
    name : str or None
        Where there is no such score it is the only one, or the first.
    """

    name: str | None

    def of(self, scores: Any) -> float:
        """Pick the score out of a dictionary, or take the number."""
        if not isinstance(scores, dict):
            return float(scores)
        return float(scores[self.name] if self.name in scores else next(iter(scores.values())))


def run_trials(
    trials: Sequence[Sequence[FoldFunction]],
    judges: Sequence[Judge | None],
    objective: Objective,
    *,
    with_training: bool,
    n_running: int,
) -> list[TrialRun]:
    """Run all folds of some trials in this process, epoch by epoch in step, and return how the trials went.

    Networks that can be are trained side by side, as stacks. Those that cannot take turns after every epoch.

    Parameters
    ----------
    trials : sequence of sequences of callables
        The folds of each trial.
    judges : sequence of Judge or None
        One a trial; None never prunes.
    objective : Objective
    with_training : bool
        Whether training rows are scored, too.
    n_running : int
        How many folds may run Python at a time.
    """
    courses = [TrialCourse(len(folds), judge) for folds, judge in zip(trials, judges, strict=True)]
    watchers = [
        [_FoldWatcher(course, fold, objective, with_training) for fold in range(len(folds))]
        for course, folds in zip(courses, trials, strict=True)
    ]
    pairs = [pair for own in zip(trials, watchers, strict=True) for pair in zip(*own, strict=True)]
    with _side_by_side():
        results = iter(Parallel(n_jobs=n_running)(delayed(_run)(function, watcher) for function, watcher in pairs))
    return [
        _finish(course, judge, [next(results) for _ in own], [watcher.curve for watcher in own])
        for course, judge, own in zip(courses, judges, watchers, strict=True)
    ]


def _finish(
    course: TrialCourse, judge: Judge | None, results: list[dict[str, Any]], curves: list[list[CurveRow]]
) -> TrialRun:
    run = TrialRun(results, curves, course.averages, course.pruned_at, {} if judge is None else judge.marks)
    if run.pruned_at is not None:
        _cut(run, run.pruned_at)
    return run


def _run(function: FoldFunction, watcher: "_FoldWatcher") -> dict[str, Any]:
    try:
        with watched_by(watcher):
            (result,) = function()
        if watcher.was_interrupted:
            # The network has kept what it had learnt; as a trial it is not comparable with others.
            raise KeyboardInterrupt
        return result
    finally:
        watcher.end()


def _side_by_side() -> Any:
    backend, _ = get_active_backend()
    return parallel_config(backend=backend if isinstance(backend, BatchedFitsBackend) else BatchedFitsBackend())


class _FoldWatcher(BaseWatcher):
    """Reports a fold's epochs to its trial."""

    def __init__(self, course: TrialCourse, fold: int, objective: Objective, with_training: bool) -> None:
        self.curve: list[CurveRow] = []
        self._course = course
        self._fold = fold
        self._objective = objective
        self._with_training = with_training
        self._has_ended = False
        self._watch: FoldWatch | None = None

    def watch(self, network: Any, plan: TrainingPlan) -> FoldWatch | None:
        fold = find_running_fold()
        if fold is None or not predicts_with(fold.estimator, network):
            return None
        held_out, training = score_fold(network, plan, fold, with_training=self._with_training)
        watch = _InStep(held_out, training, self._report, lambda curve: self.end())
        watch.course, self.curve, self._watch = self._course, watch.curve, watch
        return watch

    @property
    def was_interrupted(self) -> bool:
        """Whether the user has ended the training."""
        return self._watch is not None and self._watch.was_interrupted

    def end(self) -> None:
        """Tell the trial, once, that the fold is over."""
        if not self._has_ended:
            self._has_ended = True
            self._course.end(self._fold)

    def _report(self, row: CurveRow) -> bool:
        self._course.report(self._fold, self._objective.of(row["valid_scores"]))
        return False


class _InStep(FoldWatch):
    keeps_step = True
    course: TrialCourse

    def wants_end(self) -> bool:
        step_aside(len(self.curve))
        return self.course.pruned_at is not None


def _cut(run: TrialRun, n_epochs: int) -> None:
    """Let a pruned trial end at its last epoch, also where a fold was ahead of the others."""
    for fold, curve in enumerate(run.curves):
        if len(curve) < n_epochs:
            continue
        run.curves[fold] = curve[:n_epochs]
        last = curve[n_epochs - 1]
        for part, key in (("test_scores", "valid_scores"), ("train_scores", "train_scores")):
            if part in run.results[fold] and key in last:
                whole = run.results[fold][part]
                run.results[fold][part] = dict(last[key]) if isinstance(whole, dict) else last[key]["score"]
