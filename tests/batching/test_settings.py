import contextvars
import threading
import warnings

import joblib
import numpy as np
import pytest
import sklearn
import torch
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score

from sknets.batching import batched_fits
from tests.batching._tasks import fit, run, small

VARIABLE = contextvars.ContextVar("variable", default="nowhere")

few_epochs = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def settings():
    return {
        "variable": VARIABLE.get(),
        "errstate": np.geterr(),
        "sklearn": sklearn.get_config()["assume_finite"],
        "gradients": torch.is_grad_enabled(),
        "verbose": joblib.Parallel().verbose,
        "torch threads": torch.get_num_threads(),
    }


@few_epochs
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_settings_of_the_caller_hold_in_tasks_before_and_after_fit(n_jobs, data):
    def look():
        before = settings()
        fit(data)
        return before, settings()

    VARIABLE.set("in the caller")
    with (
        np.errstate(divide="ignore"),
        sklearn.config_context(assume_finite=True),
        torch.no_grad(),
        parallel_config(verbose=3),
        batched_fits(),
    ):
        expected = settings()
        seen = run([look, look], n_jobs=n_jobs, verbose=0)
        seen += run([lambda: run([look, look], verbose=0)], n_jobs=n_jobs, verbose=0)[0]

    assert seen == [(expected, expected)] * 4


@few_epochs
def test_what_a_task_sets_stays_in_the_task(data):
    def change(name):
        VARIABLE.set(name)
        torch.set_grad_enabled(False)
        sklearn.set_config(assume_finite=True)
        fit(data)
        seen = VARIABLE.get(), torch.is_grad_enabled(), sklearn.get_config()["assume_finite"]
        return seen

    before = settings()
    with batched_fits():
        seen = run([lambda: change("one"), lambda: change("other")])
        after = run([settings])

    assert seen == [("one", False, True), ("other", False, True)]
    assert settings() == before
    assert after == [before]


@few_epochs
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_blocks_around_a_fit_are_its_own_tasks(n_jobs, data):
    def within(name, value):
        outside = settings()
        with (
            np.errstate(divide="raise" if value else "ignore"),
            sklearn.config_context(assume_finite=value),
            torch.set_grad_enabled(value),
            parallel_config(verbose=3 if value else 4),
        ):
            before = settings()
            fit(data)
            # In a call of its own, too, in which others come and go.
            run([lambda: fit(data)] * 2, verbose=0)
            inside = settings()
        return name, before == inside, inside["gradients"], settings() == outside

    outside = settings()
    with batched_fits():
        seen = run([lambda k=k: within(k, k % 2 == 0) for k in range(5)], n_jobs=n_jobs)

    assert seen == [(k, True, k % 2 == 0, True) for k in range(5)]
    assert settings() == outside


@few_epochs
def test_filters_that_a_task_sets_around_its_fit_are_its_own(data):
    def quiet():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit(data)
            warnings.warn("unheard", UserWarning, stacklevel=1)
            return run([lambda: warnings.warn("unheard, too", UserWarning, stacklevel=1)])

    def recording():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(data)
            warnings.warn("recorded", UserWarning, stacklevel=1)
        return [str(warning.message) for warning in caught if warning.category is UserWarning]

    def plain():
        fit(data)
        with pytest.raises(UserWarning, match="heard"):
            warnings.warn("heard", UserWarning, stacklevel=1)

    filters = warnings.filters
    with batched_fits():
        results = run([quiet, recording, plain, quiet, plain, recording])

    assert results[1] == results[5] == ["recorded"]
    assert warnings.filters is filters


@few_epochs
@pytest.mark.parametrize("n_jobs", [None, 3])
def test_filters_are_as_before_when_tasks_have_taken_turns(n_jobs, data):
    filters = list(warnings.filters)

    with batched_fits():
        GridSearchCV(small(), {"alpha": [0.0, 1.0]}, cv=3, n_jobs=n_jobs).fit(*data)

    assert warnings.filters == filters


def test_warnings_of_fits_reach_the_caller_once_for_each(data):
    with batched_fits(), pytest.warns(ConvergenceWarning) as caught:
        cross_val_score(small(), *data, cv=3)

    assert len(caught) == 3


@few_epochs
def test_warnings_of_networks_that_are_trained_alone_come_under_their_tasks_filters(data, engine):
    class Warns(torch.nn.Module):
        def forward(self, values):
            if self.training:
                warnings.warn("in training", UserWarning, stacklevel=1)
            return values.relu()

    def recorded():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(data, activation=Warns)
        return {str(warning.message) for warning in caught if warning.category is UserWarning}

    engine.reason_alone = lambda plan: "odd"
    with batched_fits():
        assert run([recorded, recorded]) == [{"in training"}] * 2


@few_epochs
def test_without_n_jobs_tasks_run_one_at_a_time_and_in_order(data, engine):
    steps, running = [], []

    def step(name):
        running.append(name)
        steps.append(name)
        assert len(running) == 1
        running.pop()

    def task(name):
        step(f"{name} begins")
        fit(data)
        step(f"{name} between")
        run([lambda: (step(f"{name} within"), fit(data))])
        step(f"{name} ends")

    with batched_fits():
        run([lambda: task("a"), lambda: task("b")])

    assert steps == [
        "a begins",
        "b begins",
        "a between",
        "a within",
        "b between",
        "b within",
        "a ends",
        "b ends",
    ]
    assert engine.stacks == [2, 2]


@few_epochs
@pytest.mark.parametrize("n_jobs", [2, 3])
def test_with_n_jobs_so_many_tasks_run_at_a_time(n_jobs):
    barrier = threading.Barrier(n_jobs, timeout=10)
    lock, running, most = threading.Lock(), set(), []

    def task(name):
        with lock:
            running.add(name)
            most.append(len(running))
        barrier.wait()
        with lock:
            running.discard(name)

    with batched_fits():
        run([lambda name=name: task(name) for name in range(n_jobs)], n_jobs=n_jobs)
        barrier = threading.Barrier(1)
        run([lambda name=name: task(name) for name in range(20)], n_jobs=n_jobs)

    assert max(most) == n_jobs


@few_epochs
@pytest.mark.parametrize(("n_jobs", "is_large", "expected"), [(None, False, 1), (None, True, 4), (2, True, 2)])
def test_torch_has_one_thread_in_a_task_until_its_network_is_large(data, n_jobs, is_large, expected, monkeypatch):
    monkeypatch.setattr("sknets.batching._task.takes_one_thread", lambda plan, net: not is_large)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with batched_fits():
            tasks = [lambda: (torch.get_num_threads(), fit(data), torch.get_num_threads())] * 3
            seen = run(tasks, n_jobs=n_jobs)
        assert [(first, last) for first, _, last in seen] == [(1, expected)] * 3
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


@few_epochs
def test_a_task_that_begins_after_a_large_network_has_one_thread(data, monkeypatch):
    monkeypatch.setattr("sknets.batching._task.takes_one_thread", lambda plan, net: False)
    before = torch.get_num_threads()

    def look():
        first = torch.get_num_threads()
        fit(data)
        return first, threading.current_thread().name, torch.get_num_threads()

    torch.set_num_threads(2)
    try:
        with batched_fits():
            seen = run([look] * 4, pre_dispatch=2)
        assert [(first, last) for first, _, last in seen] == [(1, 2)] * 4
        # A thread with others takes no further task, and is gone with its last.
        assert [seen[0][1] == name for _, name, _ in seen] == [True, True, False, False]
    finally:
        torch.set_num_threads(before)


@few_epochs
def test_a_thread_that_has_others_is_not_used_again(data, monkeypatch):
    monkeypatch.setattr("sknets.batching._task.takes_one_thread", lambda plan, net: False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with batched_fits():
            own = run([lambda: (fit(data), threading.get_ident(), torch.get_num_threads())] * 3)
            first = run([lambda: torch.get_num_threads()] * 3)
        assert [n for *_, n in own] == [2] * 3
        assert first == [1] * 3
    finally:
        torch.set_num_threads(before)
