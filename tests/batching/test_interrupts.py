import itertools
import signal
import threading

import pytest
import torch
from sklearn.model_selection import cross_val_score

from sknets.batching import batched_fits
from sknets.batching._here import here
from tests._interrupting import interrupt_at_line
from tests.batching._tasks import fit, interrupt_main_thread, interrupt_own_root, nudge_main_thread, run, small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def interrupt(*_):
    signal.raise_signal(signal.SIGINT)


def interrupt_root_and_fit(data):
    interrupt_own_root()
    return fit(data)


class InterruptsThirdPass(torch.nn.Module):
    """An activation that presses Ctrl-C once; with one batch an epoch, in the third."""

    n_passes = 0

    def forward(self, values):
        InterruptsThirdPass.n_passes += self.training
        if self.training and self.n_passes == 3:
            interrupt()
        return values.relu()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_interrupt_while_tasks_run_ends_the_tool(n_jobs, data, engine):
    started = []
    late = [lambda: started.append(1)] * 5

    with batched_fits(), pytest.raises(KeyboardInterrupt):
        run([lambda: fit(data), lambda: interrupt_root_and_fit(data), *late], n_jobs=n_jobs)

    assert engine.stacks == []
    if n_jobs is None:
        assert started == []


def test_interrupt_unwinds_tools_within_tools(data, engine):
    with batched_fits(), pytest.raises(KeyboardInterrupt):
        run([lambda: cross_val_score(small(), *data, cv=3), lambda: run([lambda: interrupt_root_and_fit(data)] * 2)])

    assert engine.stacks == []


def test_interrupted_task_leaves_its_estimator_unfitted(data):
    network = small()

    with batched_fits(), pytest.raises(KeyboardInterrupt):
        run([lambda: network.fit(*data), lambda: interrupt_root_and_fit(data)])

    assert not hasattr(network, "net_")


def test_interrupt_between_stacks_ends_the_tool(data, engine):
    engine.before_stack = interrupt

    with batched_fits(), pytest.raises(KeyboardInterrupt):
        run([lambda: fit(data), lambda: fit(data), lambda: fit(data, hidden_layer_sizes=(3,))])

    assert engine.stacks == [2]


def test_interrupt_while_one_network_is_trained_keeps_what_it_has_learnt(data):
    InterruptsThirdPass.n_passes = 0
    tasks = [
        lambda: small(activation=InterruptsThirdPass, max_iter=9).fit(*data).n_iter_,
        lambda: small().fit(*data).n_iter_,
    ]

    with batched_fits(), pytest.warns(UserWarning, match="interrupted by user"):
        n_iters = run(tasks)

    assert n_iters[0] in (2, 3)
    assert n_iters[1] == 2


def test_second_interrupt_does_not_wait_for_tasks_that_run():
    may_end = threading.Event()

    def long_task():
        interrupt_own_root()
        interrupt_main_thread()
        while not may_end.wait(0.001):
            nudge_main_thread()

    with batched_fits(), pytest.raises(KeyboardInterrupt) as caught:
        run([long_task])

    assert isinstance(caught.value.__context__, KeyboardInterrupt)
    may_end.set()


def test_tools_work_after_an_interrupt(data, engine):
    with batched_fits() as report:
        with pytest.raises(KeyboardInterrupt):
            run([lambda: interrupt_root_and_fit(data)])
        scores = cross_val_score(small(), *data, cv=3)

    assert len(scores) == 3
    assert report.n_fits == 3


def test_an_interrupted_thread_does_not_take_the_networks_of_others_along(data, engine):
    """The main thread trains for both, and is interrupted at its own."""
    both_wait, losses = threading.Barrier(2), []

    def fit_when_both_are_there(**parameters):
        both_wait.wait()
        return fit(data, **parameters)

    def other_thread():
        with batched_fits():
            losses.extend(run([lambda: fit_when_both_are_there(hidden_layer_sizes=(3,))]))

    def interrupt_own(trainees):
        if trainees[0].plan.recipe.module.arguments["hidden_sizes"] == (2,):
            interrupt()

    engine.before_stack = interrupt_own
    thread = threading.Thread(target=other_thread)
    thread.start()
    with batched_fits(), pytest.raises(KeyboardInterrupt):
        run([lambda: fit_when_both_are_there(hidden_layer_sizes=(2,))])
    thread.join()

    engine.before_stack = lambda trainees: None
    assert losses == [fit(data, hidden_layer_sizes=(3,))]


def is_in_batching(module):
    # A tracer can raise where no signal is handled: at the end of `with lock:`, before the lock is given back.
    return module.startswith("sknets.batching") and not module.endswith("._report")


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_interrupt_at_any_line_of_the_root_thread_ends_the_tool(step, data, engine):
    """Orders may be lost or half done; nobody may wait for them, and the next call must not meet what is left."""
    engine.reason_alone = lambda plan: "odd" if plan.recipe.module.arguments["hidden_sizes"] == (3,) else None
    tasks = [lambda: fit(data), lambda: fit(data), lambda: fit(data, hidden_layer_sizes=(3,)), lambda: 5]
    with batched_fits():
        expected = run(tasks)
        for n in itertools.count(step=step):
            try:
                results = interrupt_at_line(n, is_in_batching, lambda: run(tasks))
                break
            except KeyboardInterrupt:
                assert not here.is_training
                assert here.task is None

    assert n > 100
    assert results == expected
