"""Which networks are trained by machine code, how an epoch is divided into calls, and divergence."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sknets import LogisticRegression, MLPRegressor
from sknets.exceptions import DivergenceError, DivergenceWarning
from sknets.training import _compiled_pass
from sknets.training._compiled_pass import can_compile
from tests.training._compiling import PLAIN, compile_nets, make_nets, make_rows, run_at
from tests.training._fitting import fit
from tests.training._ways import MACHINE_CODE, OPERATIONS, fit_some, in_both_ways, make_small, take_way, watch_ways


@pytest.fixture
def table(rng):
    return rng.normal(size=(50, 4)), rng.integers(0, 3, 50)


class AtBatches(Callback):
    def on_batch_end(self, net, **kwargs): ...


class AtEpochs(Callback):
    def on_epoch_end(self, net, **kwargs): ...


# -------------------------------------------------------------------------------------------- which networks


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"hidden_layer_sizes": ()},
        {"dropout": 0.3, "activation": torch.nn.Softplus},
        {"solver": "adamw"},
        {"solver": "sgd"},
        {"alpha": 0.5, "l1": 0.1},
        {"precision": "float32"},
        {"callbacks": [AtEpochs]},
        {"early_stopping": True},
        {"learning_rate": "onecycle"},
    ],
    ids=str,
)
def test_plain_networks_are_trained_by_machine_code(parameters, table, monkeypatch):
    ways = watch_ways(monkeypatch)

    fit(make_small(**parameters), *table)

    assert set(ways) == {MACHINE_CODE}


@pytest.mark.parametrize(
    "parameters",
    [
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"residual": True, "hidden_layer_sizes": (4, 4)},
        {"solver": "rmsprop"},
        {"solver": "nadam"},
        {"callbacks": [AtBatches]},
    ],
    ids=str,
)
def test_what_the_kernel_does_not_know_is_trained_by_operations(parameters, table, monkeypatch):
    ways = watch_ways(monkeypatch)

    fit(make_small(**parameters), *table)

    assert set(ways) == {OPERATIONS}


class OwnReLU(torch.nn.ReLU):
    """Of a type that nobody can know."""


@pytest.mark.parametrize("parameters", [{"precision": "bfloat16"}, {"activation": OwnReLU}], ids=str)
def test_what_the_program_does_not_know_is_not_compiled_either(parameters, table, monkeypatch):
    ways = watch_ways(monkeypatch)

    fit(make_small(**parameters), *table)

    assert ways == []


def test_linear_models_are_trained_by_machine_code(table, monkeypatch):
    ways = watch_ways(monkeypatch)

    fit(LogisticRegression(solver="adam", max_iter=3), *table)

    assert set(ways) == {MACHINE_CODE}


@pytest.mark.parametrize("n_networks", [1, 2])
def test_large_steps_are_left_to_operations(n_networks, table, monkeypatch):
    # A product and a sum, forward and twice backward, for 4 x 6 and 6 x 3 weights and the 16 rows of a batch.
    flops = 6 * (4 * 6 + 6 * 3) * 16
    ways = watch_ways(monkeypatch)

    for limit in (flops, flops - 1):
        monkeypatch.setattr(_compiled_pass, "MAX_COMPILED_STEP_FLOPS", limit)
        fit_some(n_networks, *table, max_iter=2)

    assert list(dict.fromkeys(ways)) == [MACHINE_CODE, OPERATIONS]


def test_a_table_that_is_too_large_to_gather_at_once_is_read_where_it_lies(table, monkeypatch):
    whole = fit(make_small(), *table)
    monkeypatch.setattr("sknets.training._gradient_descent.MAX_GATHERED_BYTES", 1)
    monkeypatch.setattr("sknets.training._dense_batches.MAX_GATHERED_BYTES", 1)
    ways = watch_ways(monkeypatch)

    large = fit(make_small(), *table)

    assert set(ways) == {MACHINE_CODE}
    assert large.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_rows_must_be_in_the_networks_own_precision(dtype, rng):
    (net,) = make_nets(PLAIN)
    rows = make_rows(PLAIN, 9, rng)
    compile_nets([net], [rows])

    assert can_compile(net, rows.inputs)
    assert not can_compile(net, rows.inputs.to(dtype))


def test_rows_that_are_no_tensor_are_left_to_operations(rng):
    (net,) = make_nets(PLAIN)
    compile_nets([net], [make_rows(PLAIN, 9, rng)])

    assert not can_compile(net, np.zeros((9, 5)))


def test_a_sparse_table_is_trained_by_operations(table, monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")
    ways = watch_ways(monkeypatch)

    fit(make_small(), sparse.csr_matrix(table[0]), table[1])

    assert set(ways) == {OPERATIONS}


# -------------------------------------------------------------------------------------------- calls


@pytest.mark.parametrize("limit", ["MAX_CALL_FLOPS", "MAX_DRAWN_BYTES"])
@pytest.mark.parametrize("n_rows", [(50,), (50, 55, 53)])
def test_dividing_an_epoch_into_calls_changes_nothing(limit, n_rows, monkeypatch):
    case = PLAIN | {"drops": True, "penalty": "both", "n_rows": n_rows}
    vectors, losses, n_calls = [], [], []
    for divides in (False, True):
        rng = np.random.default_rng(0)
        if divides:
            monkeypatch.setattr(_compiled_pass, limit, 1)
        ways = watch_ways(monkeypatch)
        nets, parts = list(make_nets(case)), [make_rows(case, n, rng) for n in n_rows]
        program, compiled = compile_nets(nets, parts, batch_size=8, shuffle=True)
        for _ in range(3):
            run_at(compiled, [0.05] * len(nets))
        vectors.append(program.vector.clone())
        losses.append(compiled.end_pass())
        n_calls.append(len(ways))
        monkeypatch.undo()

    # About fifty rows, eight at a time.
    assert n_calls == [3, 3 * 7]
    assert torch.equal(*vectors)
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_the_rows_of_each_call_are_told(rng, monkeypatch):
    monkeypatch.setattr(_compiled_pass, "MAX_CALL_FLOPS", 1)
    (net,) = make_nets(PLAIN)
    _, compiled = compile_nets([net], [make_rows(PLAIN, 50, rng)], batch_size=20)
    told = []

    compiled.run([[0.1] * 3], told.append)

    assert told == [1, 2, 3]


def test_a_pass_that_was_not_run_has_no_loss(rng):
    (net,) = make_nets(PLAIN)
    _, compiled = compile_nets([net], [make_rows(PLAIN, 9, rng)])
    run_at(compiled, [0.1])
    compiled.end_pass()

    assert np.isnan(compiled.end_pass()).all()


# -------------------------------------------------------------------------------------------- divergence


@in_both_ways
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_divergence_is_noticed(way, precision, rng, monkeypatch):
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    take_way(monkeypatch, way)
    ways = watch_ways(monkeypatch)
    parameters = {"solver": "sgd", "activation": "relu", "learning_rate_init": 5.0, "precision": precision}

    with pytest.warns(DivergenceWarning, match=r"Training diverged: the loss was (inf|nan)"):
        reg = make_small(MLPRegressor, momentum=0.0, max_iter=500, n_iter_no_change=500, **parameters).fit(X, y)

    assert set(ways) == {way}
    assert np.isfinite(reg.predict(X)).all()


@in_both_ways
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "huber", "absolute_error", "quantile"])
def test_divergence_in_the_first_epoch_is_an_error(way, loss, rng, monkeypatch):
    X, y = rng.normal(size=(30, 3)), rng.poisson(2, 30).astype(float)
    take_way(monkeypatch, way)

    with pytest.raises(DivergenceError, match="first epoch"):
        make_small(MLPRegressor, loss=loss, solver="sgd", learning_rate_init=1e300, batch_size=5).fit(X * 1e10, y)
