"""Signs of life of the trials that this process runs, where the study's storage looks for them."""

import threading
from collections.abc import Sequence
from types import TracebackType

import optuna
from optuna.storages._heartbeat import BaseHeartbeat, is_heartbeat_enabled


class Heartbeats:
    """Sends a sign of life for some trials at the storage's interval, from a thread of its own.

    Parameters
    ----------
    study : optuna.Study
    trial_ids : sequence of int
    """

    def __init__(self, study: optuna.Study, trial_ids: Sequence[int]) -> None:
        self._storage = study._storage
        self._trial_ids = trial_ids
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Heartbeats":
        if is_heartbeat_enabled(self._storage):
            self._beat()
            self._thread = threading.Thread(target=self._go_on, name="sknets-heartbeats", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def _go_on(self) -> None:
        while not self._is_over.wait(self._interval()):
            self._beat()

    def _beat(self) -> None:
        if isinstance(self._storage, BaseHeartbeat):
            for trial_id in self._trial_ids:
                self._storage.record_heartbeat(trial_id)

    def _interval(self) -> float | None:
        return self._storage.get_heartbeat_interval() if isinstance(self._storage, BaseHeartbeat) else None


def has_heartbeats(study: optuna.Study) -> bool:
    """Whether it can be seen that a trial's process has died."""
    return is_heartbeat_enabled(study._storage)


def fail_stale_trials(study: optuna.Study) -> None:
    """Give up trials whose process has died; the storage's callback may queue them again."""
    if has_heartbeats(study):
        optuna.storages.fail_stale_trials(study)
