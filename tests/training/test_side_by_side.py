"""Stacks on several threads."""

import signal
import threading
import time

import numpy as np
import pytest
import torch

from sknets.training import SolverSpec, train, train_stacks
from sknets.training import _side_by_side as side_by_side
from tests.training._fitting import make_recipe
from tests.training._stacking import make_trainee, weights_of

INTERRUPTED = "interrupted by user"


@pytest.fixture(autouse=True)
def _threads_come_and_go():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("sknets-")] == []


@pytest.fixture
def eager(monkeypatch):
    """The smallest stack is worth a second thread."""
    monkeypatch.setattr(side_by_side, "MIN_THREAD_FLOPS", 1.0)
    monkeypatch.setattr(side_by_side, "MIN_COMPILED_WORK", 1.0)


@pytest.fixture
def trainers(monkeypatch):
    """The threads that trained, in the order in which they began."""
    names, descend = [], side_by_side.descend_together

    def record(trainees, *arguments):
        names.append(threading.current_thread().name)
        # So that the other thread comes to its part before this one could take it.
        time.sleep(0.05)
        descend(trainees, *arguments)

    monkeypatch.setattr(side_by_side, "descend_together", record)
    return names


def make_trainees(n, **changes):
    return [make_trainee(seed=seed, **changes) for seed in range(n)]


def make_wide(width, **changes):
    return make_trainee(make_recipe(hidden=(width,), batch_size=8), **changes)


def train_all(stacks):
    events = []
    train_stacks(stacks, lambda k: events.append(("begin", k)), lambda k, seconds: events.append(("end", k)))
    return events


def assert_trained_as_alone(trainees, references):
    for trainee, reference in zip(trainees, references, strict=True):
        train(reference.plan, reference.net)
        for ours, expected in zip(weights_of(trainee.finish()), weights_of(reference.net), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)


def test_a_stack_is_divided_among_the_threads(eager, trainers):
    trainees = make_trainees(5)

    events = train_all([trainees])

    assert len(set(trainers)) == 2
    assert events.count(("end", 0)) == 1
    assert_trained_as_alone(trainees, make_trainees(5))


def test_networks_that_have_no_fellow_are_trained_at_the_same_time(eager, trainers):
    trainees = [make_wide(width) for width in (3, 4, 5)]

    events = train_all([[trainee] for trainee in trainees])

    assert len(set(trainers)) == 2
    assert sorted(events) == [("begin", 0), ("begin", 1), ("begin", 2), ("end", 0), ("end", 1), ("end", 2)]
    assert_trained_as_alone(trainees, [make_wide(width) for width in (3, 4, 5)])


def test_a_network_trained_beside_others_has_memory_of_its_own(eager):
    trainees = [make_wide(width) for width in (3, 4)]

    train_all([[trainee] for trainee in trainees])

    for trainee in trainees:
        sizes = [parameter.untyped_storage().nbytes() for parameter in trainee.finish().module_.parameters()]
        assert sizes == [parameter.nbytes for parameter in trainee.net.module_.parameters()]


def test_small_stacks_stay_in_the_calling_thread(trainers):
    trainees = make_trainees(4)

    train_all([trainees[:2], trainees[2:]])

    assert trainers == []
    assert_trained_as_alone(trainees, make_trainees(4))


def test_one_thread_of_torchs_is_one_thread_of_ours(eager, trainers):
    torch.set_num_threads(1)
    trainees = make_trainees(4)

    train_all([trainees])

    assert trainers == []
    assert_trained_as_alone(trainees, make_trainees(4))


def test_a_network_that_cores_share_is_not_trained_beside_another(eager, trainers, monkeypatch):
    monkeypatch.setattr(side_by_side, "SMALL_STEP_FLOPS", 1.0)

    train_all([[trainee] for trainee in make_trainees(2)])

    assert trainers == []


def test_an_error_in_one_part_is_that_of_its_networks_only(eager, monkeypatch):
    descend = side_by_side.descend_together

    def fail_for_first(trainees, *arguments):
        if trainees[0] is first[0]:
            raise MemoryError("no room")
        descend(trainees, *arguments)

    monkeypatch.setattr(side_by_side, "descend_together", fail_for_first)
    first, second = make_trainees(2), make_trainees(2)

    train_all([first, second])

    for trainee in first[:1]:
        with pytest.raises(RuntimeError, match="together with others failed: no room") as caught:
            trainee.finish()
        assert isinstance(caught.value.__cause__, MemoryError)
    assert_trained_as_alone(second, make_trainees(2))


def test_a_network_that_diverges_does_so_by_itself(eager):
    trainees = [make_trainee(make_recipe(batch_size=8, solver=SolverSpec("sgd", 1e200))), *make_trainees(3)]

    train_all([trainees])

    with pytest.raises(ValueError, match="non-finite"):
        trainees[0].finish()
    assert_trained_as_alone(trainees[1:], make_trainees(3))


def test_an_interrupt_ends_the_trainings_of_all_threads(eager):
    """Whichever thread they are in: the main thread may train, or wait for the other."""
    for delay in (0.02, 0.1):
        trainees = make_trainees(2, max_epochs=100_000)
        timer = threading.Timer(delay, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT))
        timer.start()

        train_all([trainees])
        timer.join()

        for trainee in trainees:
            with pytest.warns(UserWarning, match=INTERRUPTED):
                net = trainee.finish()
            assert net.n_iter < 100_000
            assert net.was_interrupted


def test_an_interrupt_reaches_a_helper_that_the_main_thread_waits_for(eager):
    short, long = make_wide(3, max_epochs=1), make_wide(4, max_epochs=100_000)

    def interrupt_late():
        time.sleep(0.3)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt_late)
    thread.start()
    train_all([[short], [long]])
    thread.join()

    assert short.finish().n_iter == 1
    with pytest.warns(UserWarning, match=INTERRUPTED):
        assert 0 < long.finish().n_iter < 100_000


def test_an_interrupt_between_two_stacks_is_raised_and_leaves_no_thread(eager):
    main_has_begun = threading.Event()

    def interrupt(index):
        if threading.current_thread() is threading.main_thread():
            main_has_begun.set()
            raise KeyboardInterrupt
        # Lest it take all stacks before the main thread comes to one.
        assert main_has_begun.wait(timeout=60)

    with pytest.raises(KeyboardInterrupt):
        train_stacks([[trainee] for trainee in make_trainees(4)], interrupt, lambda k, seconds: None)
