"""Networks that are trained one by one keep step with each other where a watch asks for it."""

import threading

import numpy as np
import pytest
import torch
from sklearn.model_selection import cross_val_score

from sknets import MLPClassifier, batched_fits
from sknets.base import BaseWatcher, watched_by
from sknets.batching import step_aside
from sknets.training import BaseWatch
from tests.contract._cases import FEW_EPOCHS

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)


class Watch(BaseWatch):
    keeps_step = True

    def __init__(self, log):
        super().__init__(())
        self.log, self.n_epochs = log, 0

    def tell(self, net, row, outputs):
        self.n_epochs += 1
        self.log.append(self.n_epochs)

    def wants_end(self):
        step_aside(self.n_epochs)
        return False

    def end(self, net):
        self.log.append("end")


class Watcher(BaseWatcher):
    def __init__(self):
        self.log = []

    def watch(self, network, plan):
        return Watch(self.log)


def make_network():
    """One with an activation that no stack knows."""
    return MLPClassifier((4,), activation=torch.nn.Softsign, max_iter=3, random_state=0)


@pytest.fixture
def table(rng):
    return rng.normal(size=(24, 4)), np.arange(24) % 2


def test_networks_that_no_stack_takes_are_trained_epoch_by_epoch_in_turn(table):
    network, watcher = make_network(), Watcher()

    with batched_fits() as report, watched_by(watcher):
        scores = cross_val_score(network, *table, cv=3)

    assert watcher.log == [1, 1, 1, 2, 2, 2, 3, 3, 3, "end", "end", "end"]
    assert report.n_alone == 3
    np.testing.assert_array_equal(scores, cross_val_score(network, *table, cv=3))


def test_two_at_a_time_come_to_the_same_end(table):
    network, watcher = make_network(), Watcher()

    with batched_fits(), watched_by(watcher):
        scores = cross_val_score(network, *table, cv=3, n_jobs=2)

    assert sorted(watcher.log, key=str) == [1, 1, 1, 2, 2, 2, 3, 3, 3, "end", "end", "end"]
    np.testing.assert_array_equal(scores, cross_val_score(network, *table, cv=3))


def test_a_task_that_fails_lets_those_go_that_stand_aside(table):
    class Failing(Watcher):
        def watch(self, network, plan):
            self.log.append("begin")
            if len(self.log) == 3:
                raise ValueError("no third watch")
            return Watch([])

    with batched_fits(), watched_by(Failing()), pytest.raises(ValueError, match="no third watch"):
        cross_val_score(make_network(), *table, cv=3, error_score="raise")

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sknets-task")]


def test_outside_of_tasks_nobody_waits():
    step_aside(5)
