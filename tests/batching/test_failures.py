import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from sknets import MLPRegressor
from sknets.batching import batched_fits
from sknets.batching._task import TaskAbandoned
from tests.batching._tasks import fit, run, small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Fails(TransformerMixin, BaseEstimator):
    """Pass the rows on, or fail when asked to."""

    def __init__(self, at="never"):
        self.at = at

    def fit(self, X, y=None):
        if self.at == "fit":
            raise ArithmeticError("no inverse")
        return self

    def transform(self, X):
        return X


class FailsInTraining(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise ArithmeticError("no gradient")


def fail(error):
    raise error


def test_failing_preprocessing_gives_error_score_to_its_candidate_only(data):
    search = GridSearchCV(make_pipeline(Fails(), small()), {"fails__at": ["fit", "never"]}, cv=3, error_score=np.nan)

    with (
        batched_fits() as report,
        pytest.warns(FitFailedWarning, match="no inverse"),
        pytest.warns(UserWarning, match="scores are non-finite"),
    ):
        search.fit(*data)

    assert np.isnan(search.cv_results_["mean_test_score"][0])
    assert np.isfinite(search.cv_results_["mean_test_score"][1])
    assert report.n_fits == 4


def test_failing_training_gives_error_score_to_its_candidate_only(data):
    search = GridSearchCV(small(), {"callbacks": [None, [FailsInTraining()]]}, cv=3, error_score=-7.0)

    with batched_fits(), pytest.warns(FitFailedWarning, match="no gradient"):
        search.fit(*data)

    assert search.cv_results_["mean_test_score"][1] == -7.0
    assert search.cv_results_["mean_test_score"][0] > 0


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_an_error_that_is_to_be_raised_comes_out_of_the_tool(n_jobs, data):
    pipeline = make_pipeline(Fails(), small())
    search = GridSearchCV(pipeline, {"fails__at": ["never", "fit"]}, cv=3, error_score="raise", n_jobs=n_jobs)

    with batched_fits(), pytest.raises(ArithmeticError, match="no inverse"):
        search.fit(*data)


def test_infinite_losses_stay_with_their_network(data):
    network = MLPRegressor(hidden_layer_sizes=(4,), solver="sgd", max_iter=2, random_state=0)
    search = GridSearchCV(network, {"alpha": [0.0, 1e308]}, cv=3, error_score=-9.0)

    with batched_fits(), pytest.warns(FitFailedWarning, match="finite"):
        search.fit(*data)

    assert search.cv_results_["mean_test_score"][1] == -9.0
    assert search.cv_results_["mean_test_score"][0] > -9.0


@pytest.mark.parametrize("n_jobs", [None, 2, 4])
def test_the_error_is_that_of_the_first_task_that_fails(n_jobs, data):
    def fail_after_fit():
        fit(data)
        raise ValueError("first in order, last in time")

    started = []
    tasks = [lambda: fit(data), fail_after_fit, lambda: fail(LookupError("second")), lambda: fail(OSError("third"))]

    with batched_fits(), pytest.raises(ValueError, match="first in order"):
        run([*tasks, *[lambda: started.append(1)] * 9], n_jobs=n_jobs)

    if n_jobs is None:
        assert started == []


def test_tasks_after_a_failing_one_are_not_trained(data, engine):
    with batched_fits(), pytest.raises(LookupError):
        run([lambda: fit(data), lambda: fail(LookupError()), lambda: fit(data)])

    assert engine.stacks == [1]


@pytest.mark.parametrize("fails_late", [False, True])
def test_waiting_tasks_are_unwound_and_their_estimators_are_as_before(fails_late, data):
    network = small().fit(*data)
    before, ends = network.net_, []

    def refit():
        try:
            network.set_params(alpha=1.0).fit(*data)
        except BaseException as error:
            ends.append(type(error))
            raise

    def fail_among_others():
        if fails_late:
            fit(data)
        else:
            run([lambda: fit(data)] * 3)
        fail(LookupError("of the first"))

    with batched_fits(), pytest.raises(LookupError, match="of the first"):
        run([fail_among_others, refit, lambda: run([refit])])

    assert ends == [TaskAbandoned] * 2
    assert network.net_ is before


def test_a_task_that_swallows_everything_ends(data):
    def stubborn():
        for _ in range(3):
            try:
                fit(data)
            except BaseException:  # noqa: BLE001
                continue
        return "done"

    def fail_late():
        fit(data)
        fit(data)
        fail(LookupError("late"))

    with batched_fits(), pytest.raises(LookupError, match="late"):
        run([fail_late, stubborn, lambda: run([stubborn, stubborn])])


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_whatever_a_task_raises_comes_out_of_the_tool(error, data):
    with batched_fits(), pytest.raises(error):
        run([lambda: fit(data), lambda: fail(error())])
    with batched_fits(), pytest.raises(error):
        run([lambda: run([lambda: fit(data), lambda: fail(error())])] * 2)


def test_the_traceback_reaches_into_the_task(data):
    with batched_fits(), pytest.raises(LookupError) as caught:
        run([lambda: fail(LookupError())])

    assert caught.traceback[-1].name == "fail"


def test_an_error_of_a_whole_stack_is_that_of_each_of_its_fits(data, engine):
    def run_out_of_memory(trainees):
        raise MemoryError("no room for the stack")

    engine.before_stack = run_out_of_memory
    with batched_fits(), pytest.raises(RuntimeError, match="no room for the stack") as caught:
        run([lambda: fit(data)] * 2)
    search = GridSearchCV(small(), {"hidden_layer_sizes": [(2,), (3,)]}, cv=2, error_score=-1.0, refit=False)
    engine.before_stack = lambda trainees: run_out_of_memory(trainees) if len(engine.stacks) == 2 else None
    with batched_fits(), pytest.warns(FitFailedWarning, match="no room for the stack"):
        search.fit(*data)

    assert isinstance(caught.value.__cause__, MemoryError)
    assert search.cv_results_["mean_test_score"][0] == -1.0
    assert search.cv_results_["mean_test_score"][1] > 0


def test_an_error_while_stacks_are_made_is_that_of_each_of_their_fits(data, engine, monkeypatch):
    def cannot_split(trainees, max_bytes):
        raise OverflowError("too many")

    monkeypatch.setattr("sknets.batching._training_phase.split_into_stacks", cannot_split)

    with batched_fits(), pytest.raises(RuntimeError, match="too many"):
        run([lambda: fit(data)] * 2)


def test_a_mistake_in_the_schedule_leaves_nobody_waiting(data, monkeypatch):
    from sknets.batching._schedule import Schedule

    def mistaken(self):
        raise IndexError("a mistake")

    monkeypatch.setattr(Schedule, "_train_parked", mistaken)

    with batched_fits(), pytest.raises(RuntimeError, match="report"):
        run([lambda: fit(data), lambda: run([lambda: fit(data)] * 2)])


def test_tools_nested_more_deeply_than_usual_work(data):
    def nested(depth):
        return run([lambda: nested(depth - 1)] * 2)[0] if depth else fit(data)

    with batched_fits() as report:
        assert nested(6) == fit(data)

    assert report.n_fits == 2**6 + 1


def test_recursion_in_tasks_is_as_deep_as_elsewhere():
    def count(n):
        return count(n - 1) + 1 if n else 0

    with batched_fits():
        assert run([lambda: count(sys.getrecursionlimit() // 2)]) == [sys.getrecursionlimit() // 2]
