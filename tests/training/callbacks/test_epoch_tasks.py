from dataclasses import replace

import numpy as np
import pytest
from skorch.callbacks import Callback

from sknets.training import train
from sknets.training.callbacks import EpochTasks
from tests.training._fitting import dense_layers, make_plan, make_recipe


class Listener:
    """Writes down what is announced, and ends training at an epoch."""

    def __init__(self, last=None):
        self.told, self.last, self.n = [], last, 0

    def begin(self, net):
        self.n += 1
        self.told.append(("begin", self.n))
        return self.n

    def end(self, net, task):
        self.told.append(("end", task))
        return task == self.last

    def close(self, task):
        self.told.append(("close", task))

    def listen(self):
        return (("epoch_tasks", EpochTasks(self.begin, self.end, self.close)),)


def run(listener, rng, **recipe_changes):
    recipe = make_recipe(**recipe_changes)
    plan = make_plan(
        recipe, rng.normal(size=(10, 3)), rng.normal(size=(10, 1)), max_epochs=4, listeners=listener.listen()
    )
    return train(plan)


def test_every_epoch_begins_and_ends_once(rng):
    listener = Listener()

    run(listener, rng)

    assert listener.told == [(word, epoch) for epoch in (1, 2, 3, 4) for word in ("begin", "end")]


def test_training_ends_where_the_listener_says_so(rng):
    listener = Listener(last=2)

    net = run(listener, rng)

    assert listener.told[-1] == ("end", 2)
    assert net.n_iter == 2
    assert net.was_stopped
    assert not net.was_interrupted


def test_the_listener_is_gone_after_training(rng):
    net = run(Listener(), rng)

    assert "epoch_tasks" not in [name for name, _ in net.callbacks_]


def test_an_epoch_that_was_begun_and_did_not_end_is_closed(rng):
    class Interruption(Callback):
        n_batches = 0

        def on_batch_begin(self, net, **kwargs):
            self.n_batches += 1
            if self.n_batches == 12:
                raise KeyboardInterrupt

    listener = Listener()
    plan = make_plan(make_recipe(batch_size=2), rng.normal(size=(10, 3)), rng.normal(size=(10, 1)), max_epochs=4)

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        train(replace(plan, listeners=(*listener.listen(), ("interruption", Interruption()))))

    # Five batches an epoch: the twelfth is in the third.
    assert listener.told[-3:] == [("end", 2), ("begin", 3), ("close", 3)]


def test_the_net_shows_the_epochs_weights_to_the_listener(rng):
    seen = []
    listener = Listener()
    listener.end = lambda net, task: seen.append(dense_layers(net.module_)[0].weight.detach().numpy().copy())

    net = run(listener, rng)

    assert len(seen) == 4
    np.testing.assert_array_equal(seen[-1], dense_layers(net.module_)[0].weight.detach().numpy())
    assert not np.array_equal(seen[0], seen[-1])
