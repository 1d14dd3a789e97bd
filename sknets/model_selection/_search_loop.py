"""The loop of a search: propose trials, have their folds run, tell Optuna, until there are as many as asked for."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from joblib.parallel import ParallelBackendBase
from optuna.trial import FrozenTrial, Trial, TrialState

from sknets.model_selection._dispatch import dispatch
from sknets.model_selection._fold_runs import FoldFunction, Objective, TrialRun
from sknets.model_selection._heartbeats import Heartbeats, fail_stale_trials, has_heartbeats
from sknets.model_selection._judge import Judge
from sknets.model_selection._records import ERROR, RECORD, is_recorded, pack, unpack
from sknets.model_selection._sampler_seeds import seed_sampler
from sknets.model_selection._space import Space
from sknets.model_selection._study import quiet_optuna

# How long a worker that has nothing left to begin waits before it looks again whether others have ended, or died.
POLL_SECONDS = 0.5


class SearchLoop:
    """One search over one study.

    Parameters
    ----------
    study : optuna.Study
    space : Space
    objective : Objective
    pruner : optuna.pruners.BasePruner or None
    seed : int or None
        Of the proposals; None leaves the sampler as it is.
    n_folds : int
    n_trials : int or None
        How many the study is to have in the end, those of other processes and of earlier runs among them.
    timeout : float or None
        Seconds after which no trial begins.
    trials_at_once : int
    is_shared : bool
        Whether other processes may work on the study.
    say : callable
        Called with a line of text about each trial.

    Attributes
    ----------
    trials : list of optuna.trial.FrozenTrial
    runs : list of TrialRun
        What ``cv_results_`` has a row for each.
    """

    def __init__(
        self,
        *,
        study: optuna.Study,
        space: Space,
        objective: Objective,
        pruner: Any,
        seed: int | None,
        n_folds: int,
        n_trials: int | None,
        timeout: float | None,
        trials_at_once: int,
        is_shared: bool,
        with_training: bool,
        backend: ParallelBackendBase,
        n_jobs: int | None,
        is_default: bool,
        say: Callable[[str], None],
    ) -> None:
        self.study = study
        self.space = space
        self.objective = objective
        self.pruner = pruner
        self.seed = seed
        self.n_folds = n_folds
        self.n_trials = n_trials
        self.timeout = timeout
        self.trials_at_once = trials_at_once
        self.is_shared = is_shared
        self.options: dict[str, Any] = {
            "with_training": with_training,
            "backend": backend,
            "n_jobs": n_jobs,
            "is_default": is_default,
        }
        self.say = say
        self.trials: list[FrozenTrial] = []
        self.runs: list[TrialRun] = []
        self._run_folds: Callable[[list[FoldFunction]], list[Any]] = self._run_new
        self._batch: list[Trial] = []
        self._began = time.perf_counter()

    def run(self, evaluate: Callable[[list[dict[str, Any]]], Any]) -> None:
        """Search; ``evaluate`` makes scikit-learn hand over the folds of some parameters."""
        self._evaluate = evaluate
        self._take_in_finished()
        self._enqueue_start()
        while not self._is_out_of_time():
            with quiet_optuna():
                fail_stale_trials(self.study)
                batch = self._claim()
            if batch:
                self._try(batch)
            elif self._is_complete():
                break
            else:
                time.sleep(POLL_SECONDS)
        self._take_in_finished()

    def run_folds(self, functions: list[FoldFunction]) -> list[Any]:
        """Run the folds that scikit-learn has handed over, and return its dictionaries."""
        return self._run_folds(functions)

    # Proposing

    def _enqueue_start(self) -> None:
        start = self.space.start()
        if start is not None and not self.study.get_trials(deepcopy=False):
            with quiet_optuna():
                self.study.enqueue_trial(start, skip_if_exists=True)

    def _claim(self) -> list[Trial]:
        """Begin as many trials as may be run at once and are missing."""
        batch: list[Trial] = []
        while len(batch) < self.trials_at_once and self._n_missing() > 0:
            trial = self.study.ask()
            if self.is_shared and self._is_surplus(trial):
                self.study._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
                break
            batch.append(trial)
        return batch

    def _n_missing(self) -> float:
        if self.n_trials is None:
            return math.inf
        trials = self._counted()
        return self.n_trials - sum(trial.state is not TrialState.WAITING for trial in trials)

    def _counted(self) -> list[FrozenTrial]:
        """Return all trials but those that were lost with their process, and queued again."""
        trials = self.study.get_trials(deepcopy=False)
        lost = {number for trial in trials for number in _earlier_tries(trial)}
        return [trial for trial in trials if trial.number not in lost]

    def _is_surplus(self, trial: Trial) -> bool:
        """Whether another process has begun the last trial at the same moment."""
        if self.n_trials is None:
            return False
        before = [other for other in self._counted() if other.number < trial.number]
        return sum(other.state is not TrialState.WAITING for other in before) >= self.n_trials

    def _is_complete(self) -> bool:
        counted = self._counted()
        waits_for_others = self.is_shared and has_heartbeats(self.study)
        return not waits_for_others or not any(trial.state is TrialState.RUNNING for trial in counted)

    def _is_out_of_time(self) -> bool:
        return self.timeout is not None and time.perf_counter() - self._began >= self.timeout

    # Running

    def _try(self, batch: list[Trial]) -> None:
        self._batch, self._run_folds = batch, self._run_new
        with Heartbeats(self.study, [trial._trial_id for trial in batch]):
            try:
                before = self._finished()
                params = [self._propose(trial) for trial in batch]
                self._judges = [self._make_judge(trial, before) for trial in batch]
                self._evaluate(params)
            except BaseException:
                self._give_back(batch)
                raise

    def _propose(self, trial: Trial) -> dict[str, Any]:
        if self.seed is not None:
            seed_sampler(self.study.sampler, self.seed, trial.number)
        with quiet_optuna():
            return self.space.ask(trial)

    def _finished(self) -> list[FrozenTrial]:
        """Return finished trials, without what we have written on them."""
        finished = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        bare = [copy.copy(trial) for trial in finished]
        for trial in bare:
            trial.user_attrs = {}
        return bare

    def _make_judge(self, trial: Trial, before: Sequence[FrozenTrial]) -> Judge | None:
        if self.pruner is None:
            return None
        own = self.study._storage.get_trial(trial._trial_id)
        return Judge(self.pruner, self.study.study_name, before, own)

    def _run_new(self, functions: list[FoldFunction]) -> list[Any]:
        trials = [functions[start : start + self.n_folds] for start in range(0, len(functions), self.n_folds)]
        runs = dispatch(trials, self._judges, self.objective, **self.options)
        for trial, run in zip(self._batch, runs, strict=True):
            self._tell(trial, run)
        return [result for run in runs for result in run.results]

    def _tell(self, trial: Trial, run: TrialRun) -> None:
        """Write down how a trial went."""
        storage = self.study._storage
        errors = [result["fit_error"] for result in run.results if result["fit_error"] is not None]
        value = float(np.mean([self.objective.of(result["test_scores"]) for result in run.results]))
        for result in run.results:
            # scikit-learn would end the search where all folds that it hands over at once fail; one bad trial is none.
            result["fit_error"] = None
        state = TrialState.COMPLETE if run.pruned_at is None else TrialState.PRUNED
        state = TrialState.FAIL if math.isnan(value) else state
        try:
            for epoch, average in enumerate(run.averages, 1):
                if not math.isnan(average):
                    trial.report(average, epoch)
            for key, mark in run.marks.items():
                storage.set_trial_system_attr(trial._trial_id, key, mark)
            if errors:
                trial.set_user_attr(ERROR, errors[0])
            if self.is_shared:
                trial.set_user_attr(RECORD, pack(run))
            self.study.tell(trial, value if state is TrialState.COMPLETE else None, state=state)
        except (optuna.exceptions.UpdateFinishedTrialError, ValueError):
            # Taken for lost, for want of heartbeats, and queued again: another process runs it.
            if not storage.get_trial(trial._trial_id).state.is_finished():
                raise
        self._keep(storage.get_trial(trial._trial_id), run)

    def _give_back(self, batch: Sequence[Trial]) -> None:
        """Queue trials again that could not be run to their end; another process, or a later run, takes them up."""
        for trial in batch:
            frozen = self.study._storage.get_trial(trial._trial_id)
            if frozen.state is TrialState.RUNNING:
                state = TrialState.WAITING if self.is_shared else TrialState.FAIL
                self.study._storage.set_trial_state_values(trial._trial_id, state)

    # Taking in what earlier runs and other processes have done

    def _take_in_finished(self) -> None:
        known = {trial.number for trial in self.trials}
        others = [trial for trial in self._counted() if trial.number not in known and is_recorded(trial, self.n_folds)]
        if not others:
            return
        runs = [run for run in map(unpack, others) if run is not None]
        self._run_folds = lambda functions: [result for run in runs for result in run.results]
        for trial, run in zip(others, runs, strict=True):
            self._keep(trial, run)
        self._evaluate([self.space.translate(trial) for trial in others])

    def _keep(self, trial: FrozenTrial, run: TrialRun) -> None:
        self.trials.append(trial)
        self.runs.append(run)
        self.say(_sentence(trial, run))

    def first_error(self) -> str:
        """Return the last line of the first failure."""
        errors = [trial.user_attrs[ERROR] for trial in self.trials if ERROR in trial.user_attrs]
        return errors[0].strip().splitlines()[-1] if errors else "their scores are not finite"


def _earlier_tries(trial: FrozenTrial) -> list[int]:
    # As RetryHeartbeatStaleTrialCallback.retry_history reads it.
    numbers: list[int] = trial.system_attrs.get("retry_history", [])
    return numbers


def _sentence(trial: FrozenTrial, run: TrialRun) -> str:
    how = {
        TrialState.COMPLETE: f"score {trial.value}",
        TrialState.PRUNED: f"pruned after epoch {run.pruned_at}, score {trial.value}",
    }
    return f"Trial {trial.number}: {how.get(trial.state, 'failed')}"
