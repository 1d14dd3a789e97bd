import math

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from sknets import MLPClassifier, MLPRegressor
from sknets.training import SCHEDULES
from sknets.training._schedules import Schedule
from tests.training._fitting import fit

N_EPOCHS = 12
RATE = 0.3


def torchs_rates(scheduler_class, n_steps, **arguments):
    """The rate of every step, by torch's scheduler."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    scheduler = scheduler_class(optimizer, **arguments)
    rates = []
    for _ in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def rates_of(name, n_epochs=N_EPOCHS):
    schedule = SCHEDULES[name](RATE, n_epochs)
    return [schedule.rate_at(epoch) for epoch in range(n_epochs)]


@pytest.fixture
def table(rng):
    return rng.normal(size=(30, 3)), np.arange(30) % 2


def logged_rates(estimator):
    return [row["learning_rate"] for row in estimator.history_]


# -------------------------------------------------------------------------------------------- against torch


def test_cosine_is_torchs():
    expected = torchs_rates(torch.optim.lr_scheduler.CosineAnnealingLR, N_EPOCHS, T_max=N_EPOCHS)

    np.testing.assert_allclose(rates_of("cosine"), expected, rtol=1e-9)


def test_cosine_ends_at_zero():
    assert SCHEDULES["cosine"](RATE, N_EPOCHS).rate_at(N_EPOCHS) == pytest.approx(0, abs=1e-16)


def test_step_is_torchs_multi_step_after_each_third():
    milestones = [N_EPOCHS // 3, 2 * N_EPOCHS // 3]

    expected = torchs_rates(torch.optim.lr_scheduler.MultiStepLR, N_EPOCHS, milestones=milestones, gamma=0.1)

    np.testing.assert_allclose(rates_of("step"), expected, rtol=1e-12)


@pytest.mark.parametrize(("n_epochs", "lengths"), [(10, [4, 3, 3]), (7, [3, 2, 2]), (2, [1, 1]), (1, [1])])
def test_step_falls_at_the_first_epoch_that_begins_after_a_third(n_epochs, lengths):
    rates, counts = np.unique(np.round(rates_of("step", n_epochs), 12), return_counts=True)

    assert counts[::-1].tolist() == lengths
    assert rates[-1] == RATE


@pytest.mark.parametrize("n_batches", [1, 5])
def test_onecycle_begins_peaks_and_ends_where_torchs_does(n_batches):
    schedule = SCHEDULES["onecycle"](RATE, N_EPOCHS)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=RATE, total_steps=N_EPOCHS * n_batches, cycle_momentum=False
    )
    (phase_up, phase_down), group = scheduler._schedule_phases, optimizer.param_groups[0]

    assert schedule.per_batch
    assert schedule.rate_at(0.0) == pytest.approx(group["initial_lr"], rel=1e-12)
    assert schedule.rate_at(0.3 * N_EPOCHS) == pytest.approx(group[phase_up["end_lr"]], rel=1e-12)
    assert schedule.rate_at(N_EPOCHS) == pytest.approx(group[phase_down["end_lr"]], rel=1e-9)


def test_onecycle_is_torchs_between_the_same_turning_points():
    # torch's cycle turns at step 0.3 * total - 1 and ends at step total - 1, ours at 0.3 * total and at total.
    n_steps, turn = 100, 29
    expected = torchs_rates(
        torch.optim.lr_scheduler.OneCycleLR, n_steps, max_lr=RATE, total_steps=n_steps, cycle_momentum=False
    )
    schedule = SCHEDULES["onecycle"](RATE, N_EPOCHS)

    up = [schedule.rate_at(0.3 * N_EPOCHS * step / turn) for step in range(turn)]
    down = [schedule.rate_at(N_EPOCHS * (0.3 + 0.7 * (step - turn) / (99 - turn))) for step in range(turn, n_steps)]

    np.testing.assert_allclose(up + down, expected, rtol=1e-9)


# -------------------------------------------------------------------------------------------- against scikit-learn


@pytest.mark.parametrize("power_t", [0.0, 0.5, 1.3])
def test_inverse_scaling_is_scikit_learns(power_t):
    schedule = SCHEDULES["invscaling"](RATE, N_EPOCHS, power_t)
    reference = SGDOptimizer([np.zeros(1)], RATE, "invscaling", power_t=power_t)

    for n_rows_seen in range(30, 300, 30):
        schedule.after_epoch(n_rows_seen, 0)
        reference.iteration_ends(n_rows_seen)
        assert schedule.rate_at(n_rows_seen / 30) == pytest.approx(reference.learning_rate, rel=1e-14)


def test_adaptive_is_scikit_learns_to_its_end():
    schedule = SCHEDULES["adaptive"](RATE, N_EPOCHS)
    reference = SGDOptimizer([np.zeros(1)], RATE, "adaptive")

    for _ in range(20):
        goes_on = schedule.on_exhausted_patience()
        assert goes_on != reference.trigger_stopping("", verbose=False)
        assert schedule.rate_at(0) == pytest.approx(reference.learning_rate, rel=1e-14)
    assert not goes_on


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {"adaptive"}))
def test_other_schedules_let_training_end_when_patience_runs_out(name):
    assert not SCHEDULES[name](RATE, N_EPOCHS).on_exhausted_patience()


# -------------------------------------------------------------------------------------------- plateau


@pytest.mark.parametrize(
    ("patience", "n_without_gain", "n_cuts"), [(10, 4, 0), (10, 5, 1), (10, 10, 2), (1, 1, 1), (5, 4, 2)]
)
def test_plateau_divides_by_ten_after_every_half_of_the_patience(patience, n_without_gain, n_cuts):
    schedule = SCHEDULES["plateau"](RATE, N_EPOCHS, patience=patience)

    for n in range(n_without_gain + 1):
        schedule.after_epoch(30, n)

    assert schedule.rate_at(0) == pytest.approx(RATE * 0.1**n_cuts)


def test_plateau_never_falls_without_a_finite_patience():
    schedule = SCHEDULES["plateau"](RATE, N_EPOCHS, patience=math.inf)

    for n in range(100):
        schedule.after_epoch(30, n)

    assert schedule.rate_at(0) == RATE


# -------------------------------------------------------------------------------------------- through an estimator


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_the_log_shows_the_cosine(table, solver):
    clf = fit(MLPClassifier((3,), solver=solver, learning_rate="cosine", learning_rate_init=RATE, max_iter=8), *table)

    expected = [RATE * (1 + math.cos(math.pi * epoch / 8)) / 2 for epoch in range(8)]
    np.testing.assert_allclose(logged_rates(clf), expected, rtol=1e-12)


def test_the_log_shows_scikit_learns_inverse_scaling(table):
    clf = fit(
        MLPClassifier((3,), solver="sgd", learning_rate="invscaling", power_t=0.7, learning_rate_init=RATE, max_iter=6),
        *table,
    )

    expected = [RATE, *(RATE / (30 * epoch + 1) ** 0.7 for epoch in range(1, 6))]
    np.testing.assert_allclose(logged_rates(clf), expected, rtol=1e-12)


def test_the_log_shows_the_rate_of_each_epochs_last_batch_under_onecycle(table):
    clf = fit(
        MLPClassifier((3,), learning_rate="onecycle", learning_rate_init=RATE, batch_size=10, max_iter=10), *table
    )

    rates = logged_rates(clf)

    # Three batches an epoch: the peak is at epoch 3, so the last batch of epoch 2 and of epoch 3 lie beside it.
    def between(start, end, done):
        return end + (start - end) * (1 + math.cos(math.pi * done)) / 2

    assert rates[0] == pytest.approx(between(RATE / 25, RATE, (2 / 3) / 3))
    assert rates[3] == pytest.approx(between(RATE, RATE / 25e4, (2 / 3) / 7))
    assert rates[-1] < RATE / 50
    assert int(np.argmax(rates)) in (2, 3)


def test_the_log_shows_three_steps(table):
    clf = fit(MLPClassifier((3,), learning_rate="step", learning_rate_init=RATE, max_iter=6), *table)

    np.testing.assert_allclose(logged_rates(clf), [RATE] * 2 + [RATE / 10] * 2 + [RATE / 100] * 2)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations")
def test_the_log_shows_scikit_learns_adaptive_rate_until_training_ends(table):
    # A tolerance that no epoch meets: patience runs out every third epoch.
    clf = MLPClassifier(
        (3,), solver="sgd", learning_rate="adaptive", learning_rate_init=1e-4, tol=10, n_iter_no_change=1, max_iter=50
    ).fit(*table)

    optimizer = SGDOptimizer([np.zeros(1)], 1e-4, "adaptive")
    # The first loss gains, being below infinity; then patience of 1 is exceeded at every second epoch without gain.
    expected, n_without_gain, best = [], 0, math.inf
    for loss in clf.loss_curve_:
        expected.append(optimizer.learning_rate)
        n_without_gain = n_without_gain + 1 if loss > best - 10 else 0
        best = min(best, loss)
        if n_without_gain > 1:
            n_without_gain = 0
            if optimizer.trigger_stopping("", verbose=False):
                break
    np.testing.assert_allclose(logged_rates(clf), expected, rtol=1e-12)
    assert clf.n_iter_ == len(expected) < 50


def test_plateau_lowers_the_rate_and_then_training_ends(table):
    clf = MLPClassifier(
        (3,), learning_rate="plateau", learning_rate_init=RATE, tol=100, n_iter_no_change=4, max_iter=50
    ).fit(*table)

    # One epoch gains on infinity, five do not; a tenth after the second and the fourth of them.
    np.testing.assert_allclose(logged_rates(clf), [RATE] * 3 + [RATE / 10] * 2 + [RATE / 100])


def test_the_schedule_goes_on_from_one_partial_fit_to_the_next(table):
    reg = MLPRegressor(hidden_layer_sizes=(3,), solver="sgd", learning_rate="invscaling", learning_rate_init=1e-2)

    for _ in range(4):
        reg.partial_fit(*table)

    np.testing.assert_allclose(logged_rates(reg), [1e-2, *(1e-2 / (30 * n + 1) ** 0.5 for n in (1, 2, 3))])


def test_a_new_schedule_is_one_that_says_its_rate():
    class Halving(Schedule):
        def rate_at(self, progress):
            return self.initial_rate / 2 ** math.floor(progress)

    assert Halving(1.0, 5).rate_at(2.9) == 0.25


# -------------------------------------------------------------------------------------------- schedules with an end


def test_schedules_with_an_end_are_those_that_run_down_towards_it():
    # Over a training of another length they take another course; the others depend on what happened so far.
    moves = {name: [SCHEDULES[name](RATE, n).rate_at(5) for n in (6, 60)] for name in SCHEDULES}

    assert {name for name, schedule in SCHEDULES.items() if schedule.has_end} == {"cosine", "onecycle", "step"}
    assert {name for name, (short, long) in moves.items() if short != long} == {"cosine", "onecycle", "step"}


@pytest.mark.parametrize("learning_rate", ["cosine", "onecycle", "step"])
def test_single_passes_have_no_end_to_run_down_to(learning_rate, table):
    parameters = {"learning_rate_init": 0.01, "max_iter": 3, "random_state": 0}
    clf = MLPClassifier((3,), learning_rate=learning_rate, **parameters)
    constant = MLPClassifier((3,), **parameters)

    for _ in range(5):
        clf.partial_fit(*table, classes=[0, 1])
        constant.partial_fit(*table, classes=[0, 1])

    assert logged_rates(clf) == [0.01] * 5
    np.testing.assert_array_equal(clf.coefs_[0], constant.coefs_[0])


@pytest.mark.parametrize("learning_rate", ["cosine", "onecycle", "step"])
def test_single_passes_after_a_fit_go_on_at_the_rate_that_was_asked_for(learning_rate, table):
    clf = MLPClassifier((3,), learning_rate=learning_rate, learning_rate_init=0.01, max_iter=3, random_state=0)

    clf.fit(*table).partial_fit(*table).partial_fit(*table)

    assert logged_rates(clf)[-2:] == [0.01, 0.01]


@pytest.mark.parametrize("learning_rate", ["cosine", "onecycle", "step"])
def test_a_training_that_reached_its_end_as_meant_warns_of_nothing(learning_rate, table):
    clf = MLPClassifier((3,), learning_rate=learning_rate, max_iter=3, tol=0, random_state=0).fit(*table)

    assert clf.n_iter_ == 3


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive", "plateau"])
def test_a_training_that_would_have_gone_on_warns_that_it_did_not(learning_rate, table):
    clf = MLPClassifier((3,), learning_rate=learning_rate, max_iter=3, tol=0, random_state=0)

    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\) reached"):
        clf.fit(*table)


def test_a_warm_start_begins_the_cosine_anew(table):
    clf = MLPClassifier((3,), learning_rate="cosine", learning_rate_init=RATE, max_iter=2, warm_start=True)

    clf.fit(*table).fit(*table)

    np.testing.assert_allclose(logged_rates(clf), [RATE, RATE / 2] * 2)
