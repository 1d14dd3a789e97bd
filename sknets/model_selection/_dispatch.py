"""Which process runs which folds."""

from collections.abc import Sequence
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.parallel import ParallelBackendBase

from sknets.model_selection._fold_runs import FoldFunction, Objective, TrialRun, run_trials
from sknets.model_selection._judge import Judge
from sknets.model_selection._refit import average_over_folds


def dispatch(
    trials: Sequence[Sequence[FoldFunction]],
    judges: Sequence[Judge | None],
    objective: Objective,
    *,
    with_training: bool,
    backend: ParallelBackendBase,
    n_jobs: int | None,
    is_default: bool,
) -> list[TrialRun]:
    """Run trials by joblib's backend and return how each went.

    A trial that may be pruned needs the scores of all of its folds after every epoch, so that these stay in one
    process: there are as many processes at work as trials, at most. Its folds then share that process' threads.

    Parameters
    ----------
    trials : sequence of sequences of callables
        The folds of each trial.
    judges : sequence of Judge or None
    objective : Objective
    with_training : bool
    backend : joblib.parallel.ParallelBackendBase
        Where to run.
    n_jobs : int or None
    is_default : bool
        Whether nobody has asked for this backend; a single process is the present one then.
    """
    options: dict[str, Any] = {"objective": objective, "with_training": with_training}
    # joblib's own backends count None as one job.
    n_running = max(1, backend.effective_n_jobs(1 if n_jobs is None else n_jobs))
    parts = _divide(trials, judges, n_running)
    uses_threads = getattr(backend, "uses_threads", False)
    if uses_threads or (is_default and len(parts) == 1):
        return run_trials(trials, judges, n_running=n_running, **options)
    each = max(1, n_running // len(parts))
    with parallel_config(backend=backend, n_jobs=n_jobs):
        runs = Parallel(n_jobs=n_jobs)(
            delayed(run_trials)(
                [[trials[trial][fold] for fold in folds] for trial, folds in part.items()],
                [judges[trial] for trial in part],
                n_running=each,
                **options,
            )
            for part in parts
        )
    return _join(trials, parts, runs, objective)


def _divide(
    trials: Sequence[Sequence[FoldFunction]], judges: Sequence[Judge | None], n_parts: int
) -> list[dict[int, list[int]]]:
    """Return the folds of each trial for each part: whole trials where one may be pruned."""
    units = [(trial, list(range(len(folds)))) for trial, folds in enumerate(trials)]
    if all(judge is None for judge in judges):
        units = [(trial, [fold]) for trial, folds in units for fold in folds]
    parts: list[dict[int, list[int]]] = [{} for _ in range(min(n_parts, len(units)))]
    for index, (trial, folds) in enumerate(units):
        parts[index % len(parts)].setdefault(trial, []).extend(folds)
    return parts


def _join(
    trials: Sequence[Sequence[FoldFunction]],
    parts: list[dict[int, list[int]]],
    runs: list[list[TrialRun]],
    objective: Objective,
) -> list[TrialRun]:
    whole = [TrialRun([{}] * len(folds), [[]] * len(folds)) for folds in trials]
    for part, part_runs in zip(parts, runs, strict=True):
        for (trial, folds), run in zip(part.items(), part_runs, strict=True):
            for fold, result, curve in zip(folds, run.results, run.curves, strict=True):
                whole[trial].results[fold], whole[trial].curves[fold] = result, curve
            whole[trial].pruned_at, whole[trial].marks = run.pruned_at, run.marks
    for run in whole:
        # Anew: each process has averaged its own folds only.
        scores = [[objective.of(row["valid_scores"]) for row in curve] for curve in run.curves]
        run.averages = average_over_folds(scores)
    return whole
