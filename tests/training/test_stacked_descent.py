import itertools
import re
import time
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
from sknets.exceptions import DivergenceError
from sknets.training import SCHEDULES, SolverSpec, train, train_stack
from sknets.training._dense_program import DenseProgram
from sknets.training._stopping import StoppingRule
from tests._interrupting import interrupt_at_line
from tests.batching._comparison import assert_same_network
from tests.training._fitting import caught_while, make_recipe
from tests.training._stacking import fit_together, make_trainee, weights_of
from tests.training._ways import AHEAD, OPERATIONS, in_all_ways, in_both_ways, press_at, press_at_step, take_way

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")

SOLVERS = {
    "plain sgd": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd"},
    "adam": {"solver": "adam"},
    "adamw": {"solver": "adamw"},
    "nadam": {"solver": "nadam"},
    "adamax": {"solver": "adamax"},
    "adadelta": {"solver": "adadelta", "learning_rate_init": 1.0},
    "rmsprop": {"solver": "rmsprop"},
    "centered rmsprop": {"solver": "rmsprop", "solver_params": {"centered": True, "momentum": 0.5}},
}


@pytest.fixture
def table(rng):
    y = np.arange(60) % 3
    return rng.normal(size=(60, 4)) + y[:, None], y


@pytest.fixture
def numbers(rng):
    X = rng.normal(size=(60, 4))
    return X, X @ [1.0, -2.0, 0.5, 0.0]


def networks(each, Network=MLPClassifier, **common):
    """Return one network for each of ``each``, which says what is its own."""
    defaults = {"hidden_layer_sizes": (6,), "batch_size": 16, "max_iter": 8, "learning_rate_init": 0.01}
    names = Network().get_params()
    parameters = {name: value for name, value in (defaults | common).items() if name in names}
    return [Network(**{"random_state": k, **parameters, **own}) for k, own in enumerate(each)]


def fit_alone(estimators, *data):
    return [clone(estimator).fit(*data) for estimator in estimators]


def assert_same_networks(ours, references):
    for one, reference in zip(ours, references, strict=True):
        assert_same_network(one, reference)


# -------------------------------------------------------------------------------------------- the log


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("has_validation", [False, True])
def test_the_history_is_that_of_training_alone(schedule, has_validation, table):
    X, y = table
    data = (X, y, None, X[:20], y[:20]) if has_validation else table
    estimators = networks([{}, {"alpha": 1.0}, {"learning_rate_init": 0.05}], learning_rate=schedule)

    together = fit_together([clone(estimator) for estimator in estimators], *data)

    for one, reference in zip(together, fit_alone(estimators, *data), strict=True):
        assert one.history_[0].keys() == reference.history_[0].keys()
        for ours, expected in zip(one.history_, reference.history_, strict=True):
            assert {**ours, "seconds": 0} == pytest.approx({**expected, "seconds": 0}, rel=1e-9)


def test_the_seconds_of_all_networks_add_up_to_no_more_than_it_took(table):
    began = time.perf_counter()

    together = fit_together(networks([{}] * 5), *table)

    seconds = [row["seconds"] for one in together for row in one.history_]
    assert min(seconds) > 0
    assert sum(seconds) < time.perf_counter() - began


def test_verbose_networks_say_what_they_say_alone(table, capsys):
    estimators = networks([{}, {"alpha": 1.0}, {"tol": 0.5}], verbose=True, early_stopping=True, n_iter_no_change=2)
    fit_alone(estimators, *table)
    expected = capsys.readouterr().out

    fit_together(estimators, *table)

    assert sorted(capsys.readouterr().out.splitlines()) == sorted(expected.splitlines())


def test_only_networks_that_ran_out_of_epochs_warn(table):
    estimators = networks([{"tol": 10.0, "n_iter_no_change": 1}, {}], max_iter=6)

    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(6\)") as caught:
        fit_together(estimators, *table)

    assert len(caught) == 1
    assert estimators[0].n_iter_ == 3


# -------------------------------------------------------------------------------------------- different ends


@pytest.mark.parametrize("normalization", [None, "batch"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_networks_that_go_on_do_not_notice_those_that_leave(solver, normalization, table):
    ends = [{"max_iter": 3}, {}, {"tol": 10.0, "n_iter_no_change": 1}, {"max_iter": 5}]
    each = [own | {"beta_1": beta} for own, beta in zip(ends, [0.9, 0.8, 0.7, 0.5], strict=True)]
    estimators = networks(each, normalization=normalization, **SOLVERS[solver])

    together = fit_together([clone(estimator) for estimator in estimators], *table)

    assert [one.n_iter_ for one in together] == [3, 8, 3, 5]
    assert_same_networks(together, fit_alone(estimators, *table))


@pytest.mark.parametrize(
    ("Network", "common"),
    [
        (MLPClassifier, {"dropout": 0.4}),
        (MLPClassifier, {"residual": True, "hidden_layer_sizes": (6, 6), "normalization": "layer"}),
        (LogisticRegression, {"solver": "adam", "C": 0.1}),
        (MLPClassifier, {"class_weight": "balanced", "label_smoothing": 0.1, "l1": 0.1}),
    ],
    ids=["dropout", "residual", "linear", "weighted"],
)
def test_early_stopping_ends_each_network_where_it_ends_alone(Network, common, table):
    estimators = networks(
        [{"n_iter_no_change": patience, "tol": tol} for patience, tol in [(1, 0.2), (3, 0.05), (5, 0.0), (2, 0.0)]],
        Network,
        early_stopping=True,
        max_iter=40,
        **common,
    )

    together = fit_together([clone(estimator) for estimator in estimators], *table)

    assert len({len(one.loss_curve_) for one in together}) > 1
    assert_same_networks(together, fit_alone(estimators, *table))


def test_early_stopping_gives_each_network_its_best_weights_back(numbers):
    X, y = numbers
    estimators = networks([{}] * 4, MLPRegressor, early_stopping=True, n_iter_no_change=3, max_iter=40)

    # On the way to y the networks pass 0.3 y.
    together = fit_together(estimators, X, y, None, X, 0.3 * y)

    for one in together:
        assert one.validation_scores_[-1] < one.best_validation_score_ == max(one.validation_scores_)
        assert one.score(X, 0.3 * y) == pytest.approx(one.best_validation_score_, rel=1e-9)


def test_validation_rows_of_unequal_number_are_each_networks_own(table, rng):
    X, y = table
    own_data = [(X, y, None, X[:n], y[:n]) for n in (3, 11, 30)]
    estimators = networks([{}] * 3, normalization="batch")

    together = fit_together([clone(estimator) for estimator in estimators], own_data=own_data)

    alone = [clone(estimator).fit(*own) for estimator, own in zip(estimators, own_data, strict=True)]
    assert_same_networks(together, alone)
    for one, reference in zip(together, alone, strict=True):
        np.testing.assert_allclose(
            [row["valid_loss"] for row in one.history_], [row["valid_loss"] for row in reference.history_], rtol=1e-9
        )


@pytest.mark.parametrize(
    "common", [{}, {"normalization": "batch"}, {"normalization": "layer"}, {"dropout": 0.3}], ids=str
)
def test_networks_may_have_weights_and_a_number_of_rows_of_their_own(common, table, rng):
    X, y = table
    own_data = [(X, y), (X, y, rng.uniform(0.1, 2, len(y))), (X[:50], y[:50])]
    estimators = networks([{}] * 3, batch_size=20, **common)

    together = fit_together([clone(estimator) for estimator in estimators], own_data=own_data)

    assert_same_networks(
        together, [clone(estimator).fit(*own) for estimator, own in zip(estimators, own_data, strict=True)]
    )


# -------------------------------------------------------------------------------------------- what stays behind


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_optimizers_state_is_that_of_training_alone(solver, table):
    estimators = networks([{"max_iter": 2}, {}, {"alpha": 1.0}], **SOLVERS[solver])

    together = fit_together([clone(estimator) for estimator in estimators], *table)

    for one, reference in zip(together, fit_alone(estimators, *table), strict=True):
        ours, expected = (estimator.net_.optimizer_.state_dict()["state"] for estimator in (one, reference))
        assert ours.keys() == expected.keys()
        for place, state in expected.items():
            assert ours[place].keys() == state.keys()
            for name, value in state.items():
                torch.testing.assert_close(ours[place][name], value, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
def test_passes_go_on_as_after_training_alone(solver, table):
    estimators = networks([{"max_iter": 2}, {}], dropout=0.3, normalization="batch", **SOLVERS[solver])

    together = fit_together([clone(estimator) for estimator in estimators], *table)
    alone = fit_alone(estimators, *table)
    for one in (*together, *alone):
        one.partial_fit(*table).partial_fit(*table)

    assert_same_networks(together, alone)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "cosine"])
def test_a_warm_start_goes_on_together_as_alone(learning_rate, early_stopping, table):
    estimators = networks(
        [{"max_iter": 2}, {}], warm_start=True, learning_rate=learning_rate, early_stopping=early_stopping
    )
    alone = fit_alone(estimators, *table)

    fit_together(estimators, *table)
    fit_together(estimators, *table)

    for reference in alone:
        reference.fit(*table)
    assert_same_networks(estimators, alone)


def test_every_parameter_has_memory_of_its_own_afterwards(table):
    together = fit_together(networks([{"max_iter": 2}, {}, {}], normalization="batch"), *table)

    for tensor in [t for one in together for t in (*one.module_.parameters(), *one.module_.buffers())]:
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        assert tensor.grad is None


def test_networks_predict_afterwards_without_dropping_anything(table):
    together = fit_together(networks([{}, {}], dropout=0.5), *table)

    for one in together:
        assert not one.module_.training
        np.testing.assert_array_equal(one.predict_proba(table[0]), one.predict_proba(table[0]))


# -------------------------------------------------------------------------------------------- divergence


def growing(**changes):
    """Linear regression without a minimum's reach: every step multiplies the weights."""
    parameters = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 1e3, "max_iter": 500, "random_state": 0}
    return LinearRegression(**(parameters | {"tol": 0.0, "n_iter_no_change": np.inf} | changes))


def calm(**changes):
    return growing(**({"learning_rate_init": 0.01, "max_iter": 200} | changes))


def test_a_network_that_diverges_ends_as_it_does_alone(numbers):
    alone, expected = caught_while(lambda: growing().fit(*numbers))

    (diverged, _), messages = caught_while(lambda: fit_together([growing(), calm()], *numbers))

    assert len(expected) == 1
    # The loss itself, infinite or not a number, depends on the order of a sum.
    assert [re.sub("inf|nan", "", message) for message in messages] == [re.sub("inf|nan", "", expected[0])]
    np.testing.assert_allclose(diverged.coef_, alone.coef_, rtol=1e-6)
    assert diverged.n_iter_ == alone.n_iter_ == len(diverged.history_)
    assert np.isfinite(diverged.predict(numbers[0])).all()
    assert not np.isfinite(diverged.loss_curve_[-1])
    assert not diverged.net_.optimizer_.state


def test_a_network_that_diverges_leaves_the_others_unharmed(numbers):
    others = [calm(), calm(random_state=1, max_iter=10), calm(penalty="l2")]

    (_, *together), _ = caught_while(lambda: fit_together([growing(), *map(clone, others)], *numbers))

    assert_same_networks(together, fit_alone(others, *numbers))


def test_all_networks_of_a_stack_may_diverge(numbers):
    together, messages = caught_while(lambda: fit_together([growing(), growing(learning_rate_init=2e3)], *numbers))

    assert len(messages) == 2
    assert all(np.isfinite(one.coef_).all() for one in together)


def test_a_network_that_diverges_keeps_its_best_score_under_early_stopping(numbers):
    X, y = numbers
    alone, _ = caught_while(lambda: growing(early_stopping=True).fit(X, y, None, X, y))

    (diverged, _), messages = caught_while(
        lambda: fit_together([growing(early_stopping=True), calm(early_stopping=True)], X, y, None, X, y)
    )

    assert "The weights with the best validation score were kept" in messages[0]
    np.testing.assert_allclose(diverged.coef_, alone.coef_, rtol=1e-9)
    assert diverged.score(X, y) == pytest.approx(diverged.best_validation_score_, rel=1e-9)


def test_a_network_that_diverges_counts_no_seconds_of_the_others():
    diverging = make_trainee(make_recipe(batch_size=8, solver=SolverSpec("sgd", 1e3)), max_epochs=500)
    trainees = [diverging, make_trainee(max_epochs=5)]
    began = time.perf_counter()
    train_stack(trainees)
    elapsed = time.perf_counter() - began
    # Its task may come to finish it long afterwards.
    time.sleep(elapsed)

    nets, messages = caught_while(lambda: [trainee.finish() for trainee in trainees])

    assert len(messages) == 1
    assert sum(row["seconds"] for net in nets for row in list.__iter__(net.history)) <= elapsed


@in_both_ways
def test_an_interruption_as_a_network_diverges_leaves_both_as_they_should_be(numbers, way, monkeypatch):
    take_way(monkeypatch, way)
    (alone, calm_alone), _ = caught_while(lambda: fit_alone([growing(), calm()], *numbers))
    n_noted_losses = 2 * (alone.n_iter_ - 1)
    press_at(monkeypatch, StoppingRule, "update", n_noted_losses + 1)

    (diverged, interrupted), messages = caught_while(lambda: fit_together([growing(), calm()], *numbers))

    assert len(messages) == 1
    np.testing.assert_allclose(diverged.coef_, alone.coef_, rtol=1e-6)
    assert interrupted.loss_curve_ == pytest.approx(calm_alone.loss_curve_[: alone.n_iter_], rel=1e-9)


def test_a_network_that_diverges_in_its_first_epoch_raises_alone(numbers):
    bad, good = growing(learning_rate_init=1e200, batch_size=10), calm(batch_size=10)
    reference = clone(good).fit(*numbers)
    messages = []

    class Catching(LinearRegression):
        def fit(self, X, y):
            try:
                return super().fit(X, y)
            except DivergenceError as error:
                messages.append(str(error))
                return self

    failed = Catching(**bad.get_params())
    (_, together), _ = caught_while(lambda: fit_together([failed, good], *numbers))

    with pytest.raises(DivergenceError, match="first epoch") as raised:
        bad.fit(*numbers)
    assert [re.sub("inf|nan", "", message) for message in messages] == [re.sub("inf|nan", "", str(raised.value))]
    assert not hasattr(failed, "net_")
    assert_same_network(together, reference)


# -------------------------------------------------------------------------------------------- Ctrl-C


def finish_interrupted(trainee):
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        return trainee.finish()


SETTINGS = [{"seed": seed, "max_epochs": 5} for seed in range(3)]  # three steps an epoch


@in_both_ways
@pytest.mark.parametrize(("k", "n_epochs", "n_rows_seen"), [(1, 0, 0), (2, 1, 8), (4, 1, 20), (6, 2, 36), (9, 3, 56)])
def test_an_interruption_keeps_the_steps_that_every_network_has_done(k, n_epochs, n_rows_seen, way, monkeypatch):
    trainees = [make_trainee(**own) for own in SETTINGS]
    press_at_step(monkeypatch, way, k)

    train_stack(trainees)

    monkeypatch.undo()
    for trainee, own in zip(trainees, SETTINGS, strict=True):
        net = finish_interrupted(trainee)
        assert (net.n_iter, net.rows_seen, len(net.history)) == (n_epochs, n_rows_seen, n_epochs)
        reference = interrupted_alone(monkeypatch, way, own, k)
        assert losses_of(net) == pytest.approx(losses_of(reference), rel=1e-9)
        for ours, expected in zip(weights_of(net), weights_of(reference), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)


def interrupted_alone(monkeypatch, way, own, k):
    trainee = make_trainee(**own)
    with monkeypatch.context() as patch:
        press_at_step(patch, way, k)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            return train(trainee.plan, trainee.net)


def losses_of(net):
    return [row["train_loss"] for row in list.__iter__(net.history)]


@in_both_ways
@pytest.mark.parametrize("k", [4, 5, 6])
def test_an_interruption_between_two_networks_logs_closes_all_of_them(k, way, monkeypatch):
    """With three networks the fourth to sixth note of a loss is that of the second epoch."""
    trainees = [make_trainee(**own) for own in SETTINGS]
    take_way(monkeypatch, way)
    press_at(monkeypatch, StoppingRule, "update", k)

    train_stack(trainees)

    for trainee in trainees:
        net = finish_interrupted(trainee)
        assert (net.n_iter, net.rows_seen, len(net.history)) == (2, 40, 2)
        assert all("seconds" in row for row in list.__iter__(net.history))


@in_both_ways
def test_a_network_that_was_done_does_not_hear_of_an_interruption(way, monkeypatch):
    done, *others = [make_trainee(max_epochs=1), *(make_trainee(**own) for own in SETTINGS)]
    press_at_step(monkeypatch, way, 5)

    train_stack([done, *others])

    assert done.finish().n_iter == 1
    assert [finish_interrupted(trainee).n_iter for trainee in others] == [2, 2, 2]


def path_alone(monkeypatch, own):
    """Return the weights that a network has on its way, from the first to the last."""
    trainee = make_trainee(**own)
    path, update = [vector_of(trainee.net)], DenseProgram.update

    def record(self, rates):
        update(self, rates)
        path.append(vector_of(trainee.net))

    with monkeypatch.context() as patch:
        take_way(patch, OPERATIONS)
        patch.setattr(DenseProgram, "update", record)
        train(trainee.plan, trainee.net)
    return np.array(path)


def vector_of(net):
    return np.concatenate([weights.ravel() for weights in weights_of(net)])


def is_in_training(module):
    return module.startswith("sknets.training")


@in_all_ways
@pytest.mark.parametrize("step", [61, pytest.param(5, marks=pytest.mark.slow)])
def test_an_interruption_at_any_line_leaves_each_network_on_its_own_path(step, way, monkeypatch):
    settings = [{"seed": seed, "max_epochs": last} for seed, last in enumerate([2, 3, 1, 2])]
    paths = [path_alone(monkeypatch, own) for own in settings]
    take_way(monkeypatch, way)
    for n in itertools.count(step=step):
        trainees = [make_trainee(**own) for own in settings]
        try:
            interrupt_at_line(n, is_in_training, partial(train_stack, trainees))
        except KeyboardInterrupt:
            # Before the first step or after the last one.
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            nets = [trainee.finish() for trainee in trainees]
        for net, path in zip(nets, paths, strict=True):
            assert np.abs(path - vector_of(net)).max(axis=1).min() < 1e-9, n
            assert all("seconds" in row for row in list.__iter__(net.history)), n
        if not caught:
            break

    assert n > (500 if way == AHEAD else 1000)


@in_both_ways
def test_interrupted_networks_keep_their_best_weights(numbers, way, monkeypatch):
    X, y = numbers
    estimators = networks([{}, {}], MLPRegressor, early_stopping=True, n_iter_no_change=np.inf, max_iter=40)
    press_at_step(monkeypatch, way, 4 * 30 + 2)

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        together = fit_together(estimators, X, y, None, X, 0.3 * y)

    for one in together:
        assert one.validation_scores_[-1] < one.best_validation_score_
        assert one.score(X, 0.3 * y) == pytest.approx(one.best_validation_score_, rel=1e-9)


@in_both_ways
def test_no_convergence_warning_follows_an_interruption(table, way, monkeypatch):
    press_at_step(monkeypatch, way, 6)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit_together(networks([{}, {}], max_iter=2), *table)

    assert [str(warning.message) for warning in caught] == ["Training interrupted by user."] * 2


@in_both_ways
def test_interrupted_networks_can_be_trained_further(table, way, monkeypatch):
    press_at_step(monkeypatch, way, 6)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        together = fit_together(networks([{}, {}]), *table)
    monkeypatch.undo()

    losses = [one.loss_ for one in together]
    for one in together:
        for _ in range(5):
            one.partial_fit(*table)

    assert all(one.loss_ < loss for one, loss in zip(together, losses, strict=True))
