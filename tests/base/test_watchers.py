"""Those who look at a network in training see it as it would be after each epoch, and can end it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from sknets import MLPClassifier, batched_fits
from sknets.base import BaseWatcher, Lookout, watched_by
from sknets.training import BaseWatch
from tests.contract._cases import FEW_EPOCHS, STEPWISE, assert_same_bits, make_targets, name_of

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)


@pytest.fixture
def X(rng):
    return rng.normal(size=(60, 4))


class Watch(BaseWatch):
    def __init__(self, lookout, X, stop_after):
        super().__init__([lookout.inputs])
        self.lookout, self.X, self.stop_after = lookout, X, stop_after
        self.predictions, self.losses, self.has_ended = [], [], False

    def tell(self, net, row, outputs):
        (own,) = outputs
        self.predictions.append(self.lookout.see(own).predict(self.X))
        self.losses.append(row["train_loss"])

    def wants_end(self):
        return len(self.losses) == self.stop_after

    def end(self, net):
        self.has_ended = True


class Watcher(BaseWatcher):
    def __init__(self, X, stop_after=None, n_epochs=None):
        self.X, self.stop_after, self.n_epochs, self.watches = X, stop_after, n_epochs, []

    def exact_epochs(self, network):
        return self.n_epochs

    def watch(self, network, plan):
        watch = Watch(Lookout(network, plan, self.X), self.X, self.stop_after)
        self.watches.append(watch)
        return watch


@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_a_watch_sees_the_predictions_of_every_epoch(estimator, X):
    y, watcher = make_targets(estimator, X), Watcher(X[:10])

    with watched_by(watcher):
        fitted = clone(estimator).fit(X, y)

    (watch,) = watcher.watches
    assert watch.losses == fitted.loss_curve_
    assert watch.has_ended
    np.testing.assert_array_equal(watch.predictions[-1], fitted.predict(X[:10]))
    by_hand = clone(estimator).set_params(max_iter=2).fit(X, y).predict(X[:10])
    np.testing.assert_allclose(watch.predictions[1], by_hand)


@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_being_watched_does_not_change_a_model(estimator, X):
    y = make_targets(estimator, X)

    with watched_by(Watcher(X)):
        watched = clone(estimator).fit(X, y)

    assert_same_bits(watched, clone(estimator).fit(X, y))


@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_a_watch_ends_training(estimator, X):
    y, watcher = make_targets(estimator, X), Watcher(X, stop_after=2)

    with watched_by(watcher):
        fitted = clone(estimator).set_params(max_iter=50).fit(X, y)

    assert len(fitted.history_) == 2
    assert watcher.watches[0].has_ended


def test_watched_networks_are_trained_as_a_stack_and_leave_it_one_by_one(X):
    clf = MLPClassifier((8,), batch_size=16, max_iter=6, random_state=0)
    y, watcher, alone = make_targets(clf, X), Watcher(X[:10], stop_after=3), Watcher(X[:10], stop_after=3)

    with batched_fits() as report, watched_by(watcher):
        together = cross_val_score(clf, X, y, cv=3)
    with watched_by(alone):
        one_by_one = cross_val_score(clf, X, y, cv=3)

    assert report.stack_sizes == [3]
    np.testing.assert_array_equal(together, one_by_one)
    assert [len(watch.losses) for watch in watcher.watches] == [3, 3, 3]
    assert all(watch.has_ended for watch in watcher.watches)
    for own, other in zip(watcher.watches, alone.watches, strict=True):
        np.testing.assert_allclose(own.losses, other.losses)
        np.testing.assert_array_equal(own.predictions, other.predictions)


def test_exact_epochs_overrule_the_stopping_rule_and_its_hold_out(X):
    clf = MLPClassifier((8,), early_stopping=True, n_iter_no_change=1, tol=1.0, max_iter=20, random_state=0)
    y = make_targets(clf, X)

    with watched_by(Watcher(X, stop_after=7, n_epochs=7)):
        fitted = clone(clf).fit(X, y)

    assert fitted.n_iter_ == 7
    assert fitted.validation_scores_ is None
    assert clone(clf).fit(X, y).n_iter_ < 7


def test_partial_fit_is_not_watched(X):
    clf, watcher = MLPClassifier((8,), random_state=0), Watcher(X)

    with watched_by(watcher):
        clf.partial_fit(X, make_targets(clf, X), classes=[0, 1])

    assert watcher.watches == []
