"""Several epochs in one call: nothing but the number of calls is another than with one call for each epoch."""

import time

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from sknets import MLPClassifier, MLPRegressor
from sknets.training import _compiled_pass
from sknets.training._compiled_pass import CompiledPass
from sknets.training._stopping import StoppingRule
from tests.training._fitting import caught_while, fit
from tests.training._stacking import fit_together
from tests.training._ways import MACHINE_CODE, fit_some, make_small, press_at, take_way, watch_ways

WITHOUT_END = {"n_iter_no_change": np.inf}


@pytest.fixture
def table(rng):
    return rng.normal(size=(50, 4)), rng.integers(0, 3, 50)


def fit_epoch_by_epoch(monkeypatch, fit_all):
    with monkeypatch.context() as patch:
        take_way(patch, MACHINE_CODE)
        return fit_all()


def assert_same(ours, expected):
    """Compare all that two trained networks hold, bit by bit."""
    assert ours.n_iter_ == expected.n_iter_
    assert ours.t_ == expected.t_
    assert ours.best_loss_ == expected.best_loss_
    assert ours.loss_curve_ == pytest.approx(expected.loss_curve_, rel=1e-12)
    assert [list(row) for row in ours.history_] == [list(row) for row in expected.history_]
    for name in ("epoch", "learning_rate"):
        assert [row[name] for row in ours.history_] == [row[name] for row in expected.history_]
    for one, other in zip(ours.module_.parameters(), expected.module_.parameters(), strict=True):
        assert torch.equal(one, other)
    state, expected_state = (own.net_.optimizer_.state_dict()["state"] for own in (ours, expected))
    for one, other in zip(state.values(), expected_state.values(), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in other)
    assert ours.net_.optimizer_.param_groups[0]["lr"] == expected.net_.optimizer_.param_groups[0]["lr"]
    assert ours.net_.random.randint(2**31) == expected.net_.random.randint(2**31)


CASES = [
    {},
    {"max_iter": 40},
    {"solver": "sgd", "nesterovs_momentum": False},
    {"solver": "adamw", "alpha": 0.1},
    {"dropout": 0.4, "activation": "gelu"},
    {"hidden_layer_sizes": (5, 3), "dropout": 0.2, "batch_size": 7},
    {"shuffle": False},
    {"batch_size": 50},
    {"learning_rate": "cosine", "solver": "sgd"},
    {"learning_rate": "step"},
    {"learning_rate": "onecycle"},
    {"learning_rate": "adaptive", "solver": "sgd", "tol": 0.05, "n_iter_no_change": 3, "max_iter": 60},
    {"tol": 0.02, "n_iter_no_change": 4, "max_iter": 300},
    {"tol": 0.02, "n_iter_no_change": 1, "max_iter": 300},
    {"alpha": 0.5, "l1": 0.1},
    {"precision": "float32"},
]


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("parameters", CASES, ids=str)
def test_nothing_else_changes(parameters, n_networks, table, monkeypatch):
    parameters = {"max_iter": 9, **WITHOUT_END, **parameters}

    ours = fit_some(n_networks, *table, **parameters)

    expected = fit_epoch_by_epoch(monkeypatch, lambda: fit_some(n_networks, *table, **parameters))
    for one, other in zip(ours, expected, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.3}], ids=str)
def test_a_network_goes_on_from_there(parameters, table, monkeypatch):
    def fit_thrice():
        network = fit(make_small(warm_start=True, max_iter=6, **parameters), *table)
        return fit(network.partial_fit(*table).set_params(max_iter=4), *table)

    assert_same(fit_thrice(), fit_epoch_by_epoch(monkeypatch, fit_thrice))


@pytest.mark.parametrize("n_networks", [1, 3])
def test_training_to_a_fixed_end_is_one_call(n_networks, table, monkeypatch):
    ways = watch_ways(monkeypatch)

    fit_some(n_networks, *table, max_iter=30, **WITHOUT_END)

    assert ways == [MACHINE_CODE]


@pytest.mark.parametrize("n_networks", [1, 3])
def test_no_call_goes_beyond_the_epoch_after_which_training_may_end(n_networks, table, monkeypatch):
    """With a tolerance that no loss can meet training ends after as many epochs as patience allows, and one more."""
    ways = watch_ways(monkeypatch)

    networks = fit_some(n_networks, *table, max_iter=30, tol=1e9, n_iter_no_change=4)

    assert [network.n_iter_ for network in networks] == [6] * n_networks
    assert len(ways) == 2


class AtEpochs(Callback):
    def on_epoch_end(self, net, **kwargs): ...


@pytest.mark.parametrize(
    "parameters",
    [
        {"callbacks": [AtEpochs]},
        {"early_stopping": True, "n_iter_no_change": 100},
        {"verbose": True},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"learning_rate": "plateau"},
    ],
    ids=str,
)
def test_where_someone_looks_on_every_epoch_is_a_call(parameters, table, monkeypatch):
    ways = watch_ways(monkeypatch)

    fit(make_small(**{"max_iter": 5, **WITHOUT_END, **parameters}), *table)

    assert ways == [MACHINE_CODE] * 5


def test_where_rows_are_scored_every_epoch_is_a_call(table, monkeypatch):
    ways = watch_ways(monkeypatch)

    network = fit(make_small(max_iter=5, **WITHOUT_END), *table, None, *table)

    assert ways == [MACHINE_CODE] * 5
    assert len([row["valid_loss"] for row in network.history_]) == 5


def test_one_network_of_a_stack_may_print_every_epoch(table, capsys):
    networks = [make_small(max_iter=4, verbose=verbose, **WITHOUT_END) for verbose in (False, True, False)]

    _, printing, _ = caught_while(lambda: fit_together(networks, *table))[0]

    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Iteration {n}, loss = {loss:.8f}" for n, loss in enumerate(printing.loss_curve_, 1)]


@pytest.mark.parametrize("schedule", [{"learning_rate": "invscaling", "solver": "sgd"}, {"learning_rate": "plateau"}])
def test_a_rate_that_follows_the_loss_may_stand_beside_others(schedule, table):
    parameters = {"max_iter": 12, "tol": 0.05, "n_iter_no_change": 4, **schedule}
    constant = parameters | {"learning_rate": "constant"}
    networks = [make_small(random_state=0, **parameters), make_small(random_state=1, **constant)]

    together, _ = caught_while(lambda: fit_together([clone(one) for one in networks], *table))

    for one, network in zip(together, networks, strict=True):
        assert_same(one, fit(network, *table))


@pytest.mark.parametrize(("limit", "n_calls"), [("MAX_CALL_FLOPS", 3), ("MAX_DRAWN_BYTES", 3)])
def test_long_trainings_are_several_calls(limit, n_calls, table, monkeypatch):
    """Ctrl-C must be heard within a fraction of a second, and memory stay bounded."""
    flops_of_epoch = (6 * (4 * 6 + 6 * 3) * 16 + _compiled_pass.STEP_OVERHEAD_FLOPS) * 4
    bytes_of_epoch = 50 * 8
    most = {"MAX_CALL_FLOPS": flops_of_epoch * 4, "MAX_DRAWN_BYTES": bytes_of_epoch * 4}[limit]
    monkeypatch.setattr(_compiled_pass, limit, most)
    ways = watch_ways(monkeypatch)

    fit(make_small(max_iter=10, **WITHOUT_END), *table)

    assert len(ways) == n_calls


# -------------------------------------------------------------------------------------------- divergence


@pytest.fixture
def numbers(rng):
    return rng.normal(size=(30, 3)), rng.normal(size=30)


def growing(**parameters):
    """Return an estimator whose loss grows beyond all numbers after some epochs."""
    return make_small(
        MLPRegressor,
        **{"solver": "sgd", "activation": "relu", "learning_rate_init": 5.0, "momentum": 0.0, "max_iter": 500}
        | WITHOUT_END
        | parameters,
    )


@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.2}, {"precision": "float32"}], ids=str)
def test_divergence_ends_as_it_does_epoch_by_epoch(parameters, numbers, monkeypatch):
    (ours, message) = caught_while(lambda: growing(**parameters).fit(*numbers))

    expected, expected_message = fit_epoch_by_epoch(
        monkeypatch, lambda: caught_while(lambda: growing(**parameters).fit(*numbers))
    )
    assert message == expected_message
    assert "Training diverged" in message[0]
    assert ours.n_iter_ > 2
    assert [list(row) for row in ours.history_] == [list(row) for row in expected.history_]
    for one, other in zip(ours.module_.parameters(), expected.module_.parameters(), strict=True):
        assert torch.equal(one, other)
    # No order of rows, and no mask, was drawn for epochs that were not taken.
    (ours, _), (expected, _) = (caught_while(lambda net=net: net.partial_fit(*numbers)) for net in (ours, expected))
    for one, other in zip(ours.module_.parameters(), expected.module_.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_others_of_a_stack_do_not_notice_a_divergence(numbers):
    calm = {"learning_rate_init": 1e-3, "max_iter": 40}
    networks = [growing(), growing(**calm), growing(random_state=1, **calm)]

    together, _ = caught_while(lambda: fit_together(networks, *numbers))

    for one, parameters in zip(together[1:], [{}, {"random_state": 1}], strict=True):
        alone, _ = caught_while(lambda parameters=parameters: growing(**calm, **parameters).fit(*numbers))
        assert_same(one, alone)


# -------------------------------------------------------------------------------------------- Ctrl-C


def press_after_call(monkeypatch, k):
    """Press Ctrl-C during the k-th call: Python raises it when the call is over."""
    original, calls = CompiledPass._call, []

    def call(self, *args):
        original(self, *args)
        calls.append(1)
        if len(calls) == k:
            raise KeyboardInterrupt

    monkeypatch.setattr(CompiledPass, "_call", call)


@pytest.mark.parametrize("n_networks", [1, 3])
def test_ctrl_c_during_a_call_keeps_all_of_its_epochs(n_networks, table, monkeypatch):
    parameters = {"tol": 1e-9, "n_iter_no_change": 5, "max_iter": 60}
    whole = fit_some(n_networks, *table, **parameters)
    press_after_call(monkeypatch, 2)

    interrupted = fit_some(n_networks, *table, **parameters)

    for one, other in zip(interrupted, whole, strict=True):
        assert one.n_iter_ == 12
        assert one.loss_curve_ == other.loss_curve_[:12]
        assert [row["epoch"] for row in one.history_] == list(range(1, 13))
        assert one.t_ == 12 * 50
        # Its weights are those after twelve epochs: the thirteenth follows.
        monkeypatch.undo()
        again = fit(make_small(**{**parameters, "max_iter": 12, "random_state": one.random_state}), *table)
        assert torch.equal(one.module_[0].weight, again.module_[0].weight)


@pytest.mark.parametrize("n_networks", [1, 3])
def test_ctrl_c_in_the_middle_of_writing_the_log_loses_nothing(n_networks, table, monkeypatch):
    whole = fit_some(n_networks, *table, max_iter=8, **WITHOUT_END)
    press_at(monkeypatch, StoppingRule, "update", 5)

    interrupted = fit_some(n_networks, *table, max_iter=8, **WITHOUT_END)

    for one, other in zip(interrupted, whole, strict=True):
        assert one.loss_curve_ == other.loss_curve_
        assert (one.n_iter_, one.best_loss_) == (other.n_iter_, other.best_loss_)


def test_seconds_are_shared_by_epochs(table):
    began = time.perf_counter()
    network = fit(MLPClassifier((6,), max_iter=20, random_state=0, **WITHOUT_END), *table)
    elapsed = time.perf_counter() - began

    seconds = [row["seconds"] for row in network.history_]
    assert len(set(seconds)) == 1
    assert 0 < sum(seconds) <= elapsed
