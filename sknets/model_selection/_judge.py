"""A pruner's verdicts on one trial, which depend on the trials before it and on nothing else."""

import copy
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import RandomSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState


@dataclass
class Judge:
    """Asks a pruner about one trial.

    The pruner sees the trials that were finished when this one was proposed. It does not see the trials that were
    proposed with it: which of them has come how far depends on the number of jobs. A judge can be sent to another
    process.

    Parameters
    ----------
    pruner : optuna.pruners.BasePruner
    study_name : str
    trials : sequence of optuna.trial.FrozenTrial
        Those that are finished.
    trial : optuna.trial.FrozenTrial
        The trial to be judged; without scores so far.
    """

    pruner: BasePruner
    study_name: str
    trials: Sequence[FrozenTrial]
    trial: FrozenTrial
    _study: Any = field(default=None, repr=False)

    def __call__(self, epoch: int, average: float) -> bool:
        """Return whether the trial is to be pruned after an epoch."""
        if self._study is None:
            # Pruners may keep what they have learnt from the first study that they see.
            self.pruner, self.trial = copy.deepcopy((self.pruner, self.trial))
            storage = _Trials([*self.trials, self.trial])
            self._study = optuna.Study(self.study_name, storage, sampler=RandomSampler())
        self.trial.intermediate_values[epoch] = average
        verdict = bool(self.pruner.prune(self._study, self.trial))
        self.trial = self._study._storage.get_trial(self.trial._trial_id)
        return verdict

    @property
    def marks(self) -> dict[str, Any]:
        """What the pruner has written on the trial for those that come after it."""
        return self.trial.system_attrs


class _Trials(InMemoryStorage):
    """Finished trials and the one that is judged, as a pruner may look them up; without copying them."""

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        super().__init__()
        self._trials = {trial._trial_id: trial for trial in trials}

    def get_study_id_from_name(self, study_name: str) -> int:
        return 0

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return [StudyDirection.MAXIMIZE]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        trials = [trial for trial in self._trials.values() if states is None or trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._trials[trial_id]

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        complete = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.COMPLETE,))
        if not complete:
            raise ValueError("No trials are completed yet.")
        return max(complete, key=lambda trial: trial.value if trial.value is not None else float("-inf"))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        # A new object, as in Optuna's own storages: who has listed the trials before does not see the change.
        trial = copy.copy(self._trials[trial_id])
        trial.system_attrs = {**trial.system_attrs, key: value}
        self._trials[trial_id] = trial
