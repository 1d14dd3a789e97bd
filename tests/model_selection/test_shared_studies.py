"""A study in a file: gone on with, shared by processes, and whole although one of them is killed."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState
from sklearn.base import clone
from sqlalchemy.exc import OperationalError

from sknets.model_selection import OptunaSearchCV, _study, epoch_curves
from tests.contract._cases import FEW_EPOCHS
from tests.model_selection import _study_worker
from tests.model_selection.conftest import assert_same_search

pytestmark = [
    pytest.mark.filterwarnings(FEW_EPOCHS),
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
]

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 60


@pytest.fixture
def start_worker():
    """Start a process that works on a study; none is left when the test is over."""
    workers = []

    def start(path, n_trials, seconds=0.0):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, _study_worker.__file__, str(path), str(n_trials), str(seconds)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        workers.append(subprocess.Popen(command, env=environment, **pipes))
        return workers[-1]

    yield start
    for worker in workers:
        kill(worker)


def kill(worker):
    if worker.poll() is None:
        worker.send_signal(signal.SIGKILL)
        worker.communicate(timeout=DEADLINE_SECONDS)


def finish(worker):
    out, error = worker.communicate(timeout=DEADLINE_SECONDS)
    assert worker.returncode == 0, error
    return out


def count_trials(path, state):
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT COUNT(*) FROM trials WHERE state = ?", (state,)).fetchone()[0]
    except sqlite3.OperationalError:  # not there yet
        return 0


def wait_for_trials(path, state, n):
    end = time.monotonic() + DEADLINE_SECONDS
    while count_trials(path, state) < n:
        assert time.monotonic() < end
        time.sleep(0.02)


def load_trials(path):
    return optuna.load_study(study_name="shared", storage=f"sqlite:///{path}").trials


@pytest.mark.slow
def test_a_study_in_a_file_goes_on_as_if_it_had_never_ended(pipeline, space, tumours, tmp_path):
    search = OptunaSearchCV(pipeline, space, n_trials=4, cv=2, study_name="a", random_state=0)
    whole = clone(search).set_params(n_trials=7).fit(*tumours)

    clone(search).set_params(storage=tmp_path / "study.db").fit(*tumours)
    resumed = clone(search).set_params(storage=f"sqlite:///{tmp_path}/study.db", n_trials=7).fit(*tumours)

    assert_same_search(resumed, whole)
    pd.testing.assert_frame_equal(epoch_curves(resumed), epoch_curves(whole))
    np.testing.assert_array_equal(resumed.predict(tumours[0]), whole.predict(tumours[0]))


@pytest.mark.slow
def test_a_study_that_is_complete_is_only_refitted(pipeline, space, tumours, tmp_path):
    search = OptunaSearchCV(pipeline, space, n_trials=3, cv=2, storage=str(tmp_path / "a.db"), study_name="a")
    first = clone(search).set_params(random_state=0).fit(*tumours)

    again = clone(search).set_params(random_state=1).fit(*tumours)

    assert_same_search(first, again)
    assert len(again.study_.trials) == 3


@pytest.mark.slow
def test_an_interrupted_search_loses_no_trial(pipeline, space, tumours, tmp_path):
    storage = str(tmp_path / "study.db")

    def suggest(trial):
        if trial.number == 2:
            raise KeyboardInterrupt
        return {"mlpclassifier__alpha": trial.suggest_float("alpha", 1e-6, 1.0, log=True)}

    search = OptunaSearchCV(pipeline, suggest, n_trials=4, cv=2, storage=storage, study_name="shared", random_state=0)
    with pytest.raises(KeyboardInterrupt):
        search.fit(*tumours)
    assert [trial.state for trial in load_trials(storage)] == [*[TrialState.COMPLETE] * 2, TrialState.WAITING]

    search.set_params(
        param_distributions=lambda trial: {"mlpclassifier__alpha": trial.suggest_float("alpha", 1e-6, 1.0, log=True)}
    ).fit(*tumours)

    assert [trial.number for trial in load_trials(storage)] == [0, 1, 2, 3]
    assert search.cv_results_["number"].tolist() == [0, 1, 2, 3]


def test_a_journal_is_a_storage(pipeline, space, tumours, tmp_path):
    def storage():
        backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal"))
        return optuna.storages.JournalStorage(backend)

    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=2, study_name="a", random_state=0)

    search.set_params(storage=storage()).fit(*tumours)
    search.set_params(storage=storage(), n_trials=4).fit(*tumours)

    assert search.cv_results_["number"].tolist() == [0, 1, 2, 3]


def test_a_study_that_minimises_is_refused(pipeline, space, tumours, tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=storage, study_name="a", direction="minimize")

    with pytest.raises(ValueError, match="maximised"):
        OptunaSearchCV(pipeline, space, storage=storage, study_name="a").fit(*tumours)


def test_a_database_that_another_process_is_making_is_opened_when_it_is_made(
    pipeline, space, tumours, tmp_path, monkeypatch
):
    open_storage, failures = _study._open_storage, iter(["table studies already exists"] * 2)

    def lose_twice(storage):
        for message in failures:
            raise OperationalError("CREATE TABLE studies", None, sqlite3.OperationalError(message))
        return open_storage(storage)

    monkeypatch.setattr(_study, "_open_storage", lose_twice)
    monkeypatch.setattr(_study, "CREATION_PAUSE_SECONDS", 0.0)
    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=2, storage=tmp_path / "study.db").fit(*tumours)

    assert len(search.study_.trials) == 2
    assert next(failures, None) is None


@pytest.mark.slow
def test_two_processes_share_the_trials_of_a_study(tmp_path, start_worker):
    path = tmp_path / "study.db"

    workers = [start_worker(path, 12) for _ in range(2)]
    said = [finish(worker) for worker in workers]

    trials = load_trials(path)
    assert len(trials) == 12
    assert all(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in trials)
    # No two are the same, although both have the same seed.
    assert len({tuple(trial.params.values()) for trial in trials}) == 12
    assert all("12 trials" in text for text in said)


@pytest.mark.slow
def test_a_trial_of_a_killed_process_is_run_by_another(tmp_path, start_worker):
    path = tmp_path / "study.db"
    doomed = start_worker(path, 8, seconds=600)
    wait_for_trials(path, "RUNNING", 1)
    other = start_worker(path, 8)
    wait_for_trials(path, "COMPLETE", 1)

    kill(doomed)
    said = finish(other)

    trials = load_trials(path)
    states = [trial.state for trial in trials]
    assert states.count(TrialState.FAIL) == 1
    assert sum(state in (TrialState.COMPLETE, TrialState.PRUNED) for state in states) == 8
    assert len(trials) == 9
    lost = next(trial for trial in trials if trial.state is TrialState.FAIL)
    retried = next(trial for trial in trials if trial.system_attrs.get("retry_history") == [lost.number])
    assert retried.params == lost.params
    assert "8 trials" in said


@pytest.mark.slow
def test_a_study_goes_on_when_all_of_its_processes_were_killed(tmp_path, tumours, start_worker, monkeypatch):
    path = tmp_path / "study.db"
    doomed = [start_worker(path, 8, seconds) for seconds in (0.02, 600)]
    wait_for_trials(path, "COMPLETE", 2)
    for worker in doomed:
        kill(worker)

    heartbeat_seconds, grace_seconds = _study_worker.SECONDS_OF_HEARTBEATS
    monkeypatch.setattr(_study, "HEARTBEAT_SECONDS", heartbeat_seconds)
    monkeypatch.setattr(_study, "GRACE_SECONDS", grace_seconds)
    search = _study_worker.make_search(path, 8).fit(*tumours)

    assert len(search.cv_results_["params"]) == 8
    done = [trial for trial in load_trials(path) if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert len(done) == 8
