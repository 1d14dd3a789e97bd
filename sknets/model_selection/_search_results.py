"""What a search of Optuna's adds to ``cv_results_``."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import rankdata

from sknets.model_selection._fold_runs import TrialRun
from sknets.model_selection._refit import find_best_epoch


def add_optunas_columns(results: dict[str, Any], trials: Sequence[FrozenTrial], runs: Sequence[TrialRun]) -> None:
    """Write Optuna's columns, and how many epochs each trial took, into scikit-learn's results."""
    results["number"] = np.array([trial.number for trial in trials])
    results["state"] = np.array([trial.state.name for trial in trials])
    for name in ("datetime_start", "datetime_complete", "duration"):
        results[name] = np.array([getattr(trial, name) for trial in trials], dtype=object)
    results["n_epochs"] = np.array([max(map(len, run.curves), default=0) for run in runs])
    results["best_epoch"] = np.array([find_best_epoch(run.averages) or 0 for run in runs])


def rank_complete_trials_first(results: dict[str, Any]) -> None:
    """Rank trials that were pruned behind all that were not: their scores are those of unfinished trainings."""
    is_pruned = results["state"] == TrialState.PRUNED.name
    if is_pruned.all():
        return
    for name in [name for name in results if name.startswith("rank_test_")]:
        means = np.nan_to_num(results[name.replace("rank", "mean", 1)], nan=-np.inf)
        first = rankdata(-means[~is_pruned], method="min")
        ranks = np.empty(len(means), dtype=np.int32)
        ranks[~is_pruned] = first
        ranks[is_pruned] = rankdata(-means[is_pruned], method="min") + len(first)
        results[name] = ranks
