import copy
import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from skorch.callbacks import Callback

from sknets import MLPClassifier, MLPRegressor
from sknets.training import Penalty, train
from tests.training._fitting import fit, make_plan, make_recipe


@pytest.fixture
def table(rng):
    return rng.normal(size=(40, 4)), np.arange(40) % 2


@pytest.fixture
def plan(rng):
    return make_plan(make_recipe(batch_size=8), rng.normal(size=(20, 3)), rng.normal(size=(20, 1)))


def parameters_of(net):
    return [parameter.detach().clone() for parameter in net.module_.parameters()]


def assert_equal(one, other):
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first, second)


# -------------------------------------------------------------------------------------------- a plan is all there is


def test_the_same_plan_gives_the_same_bits(rng):
    X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))

    first, second = (train(make_plan(make_recipe(batch_size=8), X, y)) for _ in range(2))

    assert_equal(parameters_of(first), parameters_of(second))


def test_a_plan_leaves_its_rows_and_penalty_alone(rng):
    X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    before = X.copy(), y.copy()

    train(make_plan(make_recipe(batch_size=8, penalty=Penalty(l1=1.0, l2=1.0)), X, y))

    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.5}, {"early_stopping": True}, {"normalization": "batch"}])
def test_neither_numpys_nor_torchs_own_generator_is_moved(table, parameters):
    numpys_own = check_random_state(None)
    torch_before, (_, keys, position, *_) = torch.get_rng_state(), numpys_own.get_state()

    clf = fit(MLPClassifier((4,), max_iter=3, random_state=0, **parameters), *table)
    clf.predict(table[0])

    assert torch.equal(torch.get_rng_state(), torch_before)
    np.testing.assert_array_equal(numpys_own.get_state()[1], keys)
    assert numpys_own.get_state()[2] == position


@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.5}, {"early_stopping": True}, {"solver": "sgd"}])
def test_random_state_alone_decides(table, parameters):
    def coefs(torch_seed, random_state):
        with torch.random.fork_rng():
            torch.manual_seed(torch_seed)
            clf = MLPClassifier((4,), batch_size=10, max_iter=3, random_state=random_state, **parameters)
            return fit(clf, *table).coefs_[0].copy()

    np.testing.assert_array_equal(coefs(0, 7), coefs(1, 7))
    assert not np.array_equal(coefs(0, 7), coefs(0, 8))


def test_every_epoch_drops_other_units(table):
    seen = []

    class Record(Callback):
        def on_batch_end(self, net, y_pred, **kwargs):
            seen.append(y_pred.clone())

    # With steps too short to be seen only dropout changes the outputs.
    parameters = {"dropout": 0.5, "learning_rate_init": 1e-200, "max_iter": 2, "shuffle": False, "solver": "sgd"}
    fit(MLPClassifier((30,), callbacks=[Record()], random_state=0, **parameters), *table)

    assert not torch.equal(seen[0], seen[1])


# -------------------------------------------------------------------------------------------- going on


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adam"},
        {"solver": "sgd", "momentum": 0.9},
        {"dropout": 0.3},
        {"normalization": "batch"},
        {"learning_rate": "invscaling", "solver": "sgd"},
        {"solver": torch.optim.Adagrad},
    ],
    ids=str,
)
def test_passes_one_by_one_are_the_epochs_of_one_fit(table, parameters):
    estimator = MLPClassifier(
        (5,), batch_size=10, max_iter=4, random_state=0, tol=0, n_iter_no_change=100, **parameters
    )
    passes = copy.deepcopy(estimator)

    fit(estimator, *table)
    for _ in range(4):
        passes.partial_fit(*table, classes=[0, 1])

    np.testing.assert_allclose(passes.loss_curve_, estimator.loss_curve_, rtol=1e-12)
    np.testing.assert_array_equal(passes.coefs_[0], estimator.coefs_[0])


def test_a_warm_start_goes_on_from_the_weights_with_a_log_that_goes_on(table):
    clf = MLPClassifier((5,), max_iter=3, random_state=0, warm_start=True)
    fit(clf, *table)
    first = list(clf.loss_curve_)

    fit(clf, *table)

    assert clf.loss_curve_[:3] == first
    assert len(clf.loss_curve_) == 6
    assert clf.n_iter_ == 3
    assert clf.loss_curve_[3] < first[-1]


def test_a_cold_start_forgets_everything(table):
    clf = fit(MLPClassifier((5,), max_iter=3, random_state=0), *table)
    first = clf.coefs_[0].copy()

    fit(clf, *table)

    np.testing.assert_array_equal(clf.coefs_[0], first)
    assert len(clf.loss_curve_) == 3


def test_passes_over_tables_of_different_length_use_all_rows(table):
    X, y = table
    clf = MLPClassifier((5,), batch_size=16, random_state=0)

    for n_rows in (40, 25, 40):
        clf.partial_fit(X[:n_rows], y[:n_rows], classes=[0, 1])

    assert clf.t_ == 105
    assert len(clf.loss_curve_) == 3


# -------------------------------------------------------------------------------------------- callbacks are copies


def test_users_callbacks_keep_what_they_hold_and_gain_nothing(table):
    class Count(Callback):
        def __init__(self, shared):
            self.shared = shared

        def on_epoch_end(self, net, **kwargs):
            self.n_epochs_ = getattr(self, "n_epochs_", 0) + 1
            self.shared.append(self.n_epochs_)

    callback = Count([])

    clf = fit(MLPClassifier((5,), max_iter=3, callbacks=[("count", callback)]), *table)
    fit(clf, *table)

    # The list is the user's own, as an Optuna trial would be; each fit counts from one.
    assert callback.shared == [1, 2, 3, 1, 2, 3]
    assert not hasattr(callback, "n_epochs_")


def test_a_warm_start_gives_its_callbacks_a_new_start(table):
    class Count(Callback):
        shared = []

        def on_epoch_end(self, net, **kwargs):
            self.n_epochs_ = getattr(self, "n_epochs_", 0) + 1
            self.shared.append(self.n_epochs_)

    clf = fit(MLPClassifier((5,), max_iter=2, callbacks=[Count()], warm_start=True), *table)
    fit(clf, *table)

    assert Count.shared == [1, 2, 1, 2]


def test_a_callback_of_an_unknown_kind_is_skorchs_error(table):
    with pytest.raises((TypeError, AttributeError), match=r"callback|no attribute"):
        MLPClassifier(callbacks=["early_stopping"]).fit(*table)


# -------------------------------------------------------------------------------------------- convergence


def test_max_iter_without_convergence_is_scikit_learns_warning(table):
    with pytest.warns(ConvergenceWarning, match=r"Stochastic Optimizer: Maximum iterations \(3\) reached"):
        MLPClassifier((5,), max_iter=3).fit(*table)


def test_convergence_is_not_warned_about(table):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reg = MLPRegressor(hidden_layer_sizes=(5,), tol=1e3, n_iter_no_change=1, max_iter=50).fit(*table)

    assert reg.n_iter_ == 3


def test_a_line_an_epoch_is_printed_as_scikit_learn_prints_it(table, capsys):
    clf = fit(MLPClassifier((5,), max_iter=2, early_stopping=True, verbose=True, random_state=0), *table)

    expected = []
    for epoch, (loss, score) in enumerate(zip(clf.loss_curve_, clf.validation_scores_, strict=True), start=1):
        expected += [f"Iteration {epoch}, loss = {loss:.8f}", f"Validation score: {score:f}"]
    assert capsys.readouterr().out.splitlines() == expected
