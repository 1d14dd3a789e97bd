import contextlib
import gc
import multiprocessing
import weakref
from time import perf_counter

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from sknets import batching
from sknets.batching import batched_fits
from sknets.batching._coordinator import coordinator
from sknets.batching._here import here
from tests.batching._tasks import fit, run, small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Table(np.ndarray):
    """An array that can be referred to weakly."""


def call(data, error, n_jobs):
    """Fit some networks under the context, and return weak references to them and to their table."""
    table = data[0].copy().view(Table)
    networks = [small() for _ in range(3)]

    def task(network):
        network.fit(table, data[1])
        run([lambda: small().fit(table, data[1])] * 2)
        if error is not None and network is networks[1]:
            raise error
        return network

    with batched_fits(), contextlib.suppress(LookupError, KeyboardInterrupt):
        results = run([lambda network=network: task(network) for network in networks], n_jobs=n_jobs)
        assert len(results) == 3
    return [weakref.ref(table), *map(weakref.ref, networks)]


@pytest.mark.parametrize("error", [None, LookupError, KeyboardInterrupt])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_neither_data_nor_networks_stay(error, n_jobs, data):
    references = call(data, error, n_jobs)

    gc.collect()
    assert [reference() for reference in references] == [None] * 4


def test_networks_that_are_trained_leave_as_their_tasks_end(data, engine):
    """Also while others of the same call go on."""
    alive = []

    def task():
        network = small()
        network.fit(*data)
        reference = weakref.ref(network.net_.module_)
        del network
        return reference

    with batched_fits():
        references = run([task] * 4)
        gc.collect()
        alive = [reference() for reference in references]

    assert alive == [None] * 4


def test_a_fit_outside_costs_next_to_nothing_more(data, monkeypatch):
    net = small().fit(*data).net_
    monkeypatch.setattr("sknets.training.train", lambda plan, net: net)

    def seconds_of(function):
        began = perf_counter()
        for _ in range(2000):
            function(None, net)
        return (perf_counter() - began) / 2000

    assert min(seconds_of(batching.train) for _ in range(5)) < 10e-6


def _fit_in_child(data, losses):
    here_is_nobody = here.task is None and not coordinator.schedule.sessions
    losses.put((here_is_nobody, 1.0))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="nothing forks here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_threads_that_it_lacks(data):
    context = multiprocessing.get_context("fork")
    results = context.Queue()

    def task():
        child = context.Process(target=_fit_in_child, args=(data, results))
        child.start()
        result = results.get(timeout=30)
        child.join()
        return result

    with batched_fits():
        assert run([lambda: fit(data), task])[1] == (True, 1.0)


def test_scores_stay_reproducible_from_call_to_call(data):
    scores = []
    for _ in range(3):
        with batched_fits():
            scores.append(cross_val_score(small(), *data, cv=3).tolist())

    assert scores[0] == scores[1] == scores[2]
