"""Optuna's studies: their trials cross-validate in the context."""

import threading

import optuna
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import cross_val_score

from sknets.batching import batched_fits
from tests.batching._tasks import small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def _quiet_optuna():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def make_study():
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(n_startup_trials=2, seed=0))


def score(trial, data):
    return cross_val_score(small(alpha=trial.suggest_float("alpha", 1e-4, 1e2, log=True)), *data, cv=3).mean()


def test_a_study_in_the_context_finds_what_it_finds_without(data):
    expected, found = make_study(), make_study()
    expected.optimize(lambda trial: score(trial, data), n_trials=4)

    with batched_fits() as report:
        found.optimize(lambda trial: score(trial, data), n_trials=4)

    assert report.stack_sizes == [3] * 4
    assert_allclose([t.value for t in found.trials], [t.value for t in expected.trials], rtol=1e-6)
    assert found.best_params == expected.best_params


def test_trials_in_several_threads_share_stacks_when_they_wait_at_the_same_time(data, engine):
    both_are_there = threading.Barrier(2)

    def objective(trial):
        with batched_fits():
            both_are_there.wait()
            return score(trial, data)

    make_study().optimize(objective, n_trials=2, n_jobs=2)

    # The first to come may have begun to train when the second comes.
    assert sum(engine.stacks) == 6
    assert max(engine.stacks) >= 3


def test_a_trial_does_not_wait_for_one_that_does_something_else(data):
    """The other trial is in its objective, but not in a tool: nobody knows whether its networks will ever come."""
    first_is_over = threading.Event()

    def objective(trial):
        with batched_fits():
            if trial.number == 0:
                value = score(trial, data)
                first_is_over.set()
                return value
            assert first_is_over.wait(timeout=60)
            return score(trial, data)

    study = make_study()
    study.optimize(objective, n_trials=2, n_jobs=2)

    assert len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE])) == 2


def test_threads_of_a_study_that_the_context_is_not_opened_in_are_reported(data):
    with batched_fits() as report:
        # In a thread of Optuna's; with two at a time scikit-learn would mix up the process's warning filters.
        make_study().optimize(lambda trial: score(trial, data), n_trials=1, n_jobs=2)

    assert report.n_stacks == 0
    assert report.reasons == {"fitted in a thread that batched_fits was not opened in": 3}


def test_a_pruned_trial_leaves_nothing_waiting(data):
    def objective(trial):
        value = score(trial, data)
        if trial.number == 1:
            raise optuna.TrialPruned
        return value

    study = make_study()
    with batched_fits() as report:
        study.optimize(objective, n_trials=3)

    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert report.stack_sizes == [3, 3, 3]
