import threading

import pytest

from sknets.batching import batched_fits
from sknets.batching._coordinator import coordinator
from sknets.batching._workers import Worker
from tests.batching._tasks import fit, run

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def three_live(monkeypatch):
    monkeypatch.setattr(coordinator.schedule, "_max_live", 3)
    monkeypatch.setattr(coordinator.schedule._bounds, "_max_live", 3)


def test_more_tasks_than_may_live_are_trained_in_turns(data, engine, three_live):
    with batched_fits():
        run([lambda: fit(data)] * 7)

    assert engine.stacks == [3, 3, 1]


def test_tasks_that_wait_for_their_own_do_not_count(data, engine, three_live):
    with batched_fits():
        run([lambda: run([lambda: fit(data)] * 2)] * 5)

    assert sum(engine.stacks) == 10
    assert max(engine.stacks) == 3


def test_depth_is_not_bounded_by_the_number_of_tasks(data, engine, three_live):
    def nested(depth):
        return run([lambda: nested(depth - 1)] * 2) if depth else fit(data)

    with batched_fits():
        nested(5)

    assert sum(engine.stacks) == 32


def test_tasks_that_wait_share_one_thread(data, engine):
    def look():
        before = threading.current_thread()
        fit(data)
        return before, threading.current_thread(), threading.active_count()

    with batched_fits():
        n_before = threading.active_count()
        seen = run([look] * 40)

    assert engine.stacks == [40]
    assert len({thread for before, after, _ in seen for thread in (before, after)}) == 1
    assert max(count for *_, count in seen) <= n_before + 1


def test_hundreds_of_tasks_share_the_threads_of_a_few(data, engine, three_live):
    names = set()

    with batched_fits():
        run([lambda: names.add(threading.current_thread().name)] * 300, n_jobs=5)

    assert len(names) <= 3


@pytest.mark.parametrize(("max_memory", "stacks"), [(1, [1] * 5), (200, [2, 2, 1]), (201, [3, 2]), (10**6, [5])])
def test_networks_that_wait_take_little_more_than_max_memory(max_memory, stacks, data, engine):
    engine.n_bytes = 100
    with batched_fits(max_memory=max_memory):
        run([lambda: fit(data)] * 5)

    assert engine.stacks == stacks
    assert set(engine.max_bytes) <= {max_memory}


def test_the_limit_of_the_context_around_holds_within(data, engine):
    engine.n_bytes = 100
    with batched_fits(max_memory=200), batched_fits():
        run([lambda: fit(data)] * 4)

    assert engine.stacks == [2, 2]


def test_no_more_threads_than_the_system_gives(data, engine, monkeypatch):
    start, n_started = Worker.__init__, []

    def start_two(self, finished):
        if len(n_started) == 2:
            raise RuntimeError("can't start new thread")
        n_started.append(1)
        start(self, finished)

    monkeypatch.setattr(Worker, "__init__", start_two)
    with batched_fits():
        losses = run([lambda: fit(data)] * 5, n_jobs=5)

    assert engine.stacks == [2, 2, 1]
    assert len(losses) == 5


def test_not_a_single_thread_is_an_error(data, monkeypatch):
    def start_none(self, finished):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Worker, "__init__", start_none)
    with batched_fits(), pytest.raises(RuntimeError, match="can't start new thread"):
        run([lambda: fit(data)] * 5)
