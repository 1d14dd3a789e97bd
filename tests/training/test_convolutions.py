"""What the engine does for networks with convolutions and for modules that keep the weights they are made with."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from sknets import CNNClassifier, CNNRegressor, MLPRegressor
from sknets._device import Precision
from sknets.nn import MLP
from sknets.training import ModuleSpec, Penalty, SolverSpec, make_net, train
from sknets.training._solvers import make_optimizer
from tests.training._fitting import fit, make_plan, make_recipe

QUIET = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def pictures(rng):
    X = rng.normal(size=(30, 8, 8))
    return X, (X[:, :, :4].sum(axis=(1, 2)) > X[:, :, 4:].sum(axis=(1, 2))).astype(int)


def weights_of(estimator):
    """Filters and matrices; biases and normalization layers have one axis."""
    return [p.detach().numpy() for p in estimator.module_.parameters() if p.ndim > 1]


@pytest.mark.parametrize(("alpha", "l1"), [(3.0, 0.0), (0.0, 0.7), (3.0, 0.7)])
def test_the_penalty_of_filters_in_channels_last_memory_is_its_formula(alpha, l1, pictures):
    X, y = pictures
    parameters = {"channels": (4, 6), "random_state": 0, "max_iter": 1, "learning_rate_init": 1e-300}

    plain = CNNClassifier(alpha=0.0, **parameters).fit(X, y)
    penalised = CNNClassifier(alpha=alpha, l1=l1, **parameters).fit(X, y)

    squares = sum((weight**2).sum() for weight in weights_of(plain))
    sizes = sum(np.abs(weight).sum() for weight in weights_of(plain))
    assert plain.module_.body[4].weight.is_contiguous(memory_format=torch.channels_last)
    assert penalised.loss_ - plain.loss_ == pytest.approx((alpha / 2 * squares + l1 * sizes) / 30, rel=1e-9)


@pytest.mark.parametrize(("alpha", "l1"), [(3.0, 0.0), (0.0, 0.7)])
def test_a_step_against_the_penalty_is_that_of_autograd(alpha, l1, pictures):
    X, y = pictures
    parameters = {
        "channels": (4, 6),
        "solver": "sgd",
        "momentum": 0.0,
        "learning_rate_init": 0.01,
        "max_iter": 1,
        "random_state": 0,
    }

    plain = CNNClassifier(alpha=0.0, **parameters).fit(X, y)
    penalised = CNNClassifier(alpha=alpha, l1=l1, **parameters).fit(X, y)

    start = CNNClassifier(**parameters).initialize(X, y)
    for before, without, now in zip(*map(weights_of, (start, plain, penalised)), strict=True):
        slope = (alpha * before + l1 * np.sign(before)) / 30
        np.testing.assert_allclose(without - now, 0.01 * slope, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": [0.3, 0.3], "normalization": None},
        {"augmentation": lambda images: images + torch.randn_like(images), "normalization": None},
        {"architecture": lambda shape, n: nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, n))},
    ],
    ids=["channel dropout", "augmentation", "a user's dropout"],
)
@QUIET
def test_lbfgs_walks_downhill_with_one_draw_of_all_that_is_random(parameters, pictures):
    X, y = pictures
    own = {} if "architecture" in parameters else {"channels": (4,)}

    clf = CNNClassifier(solver="lbfgs", max_iter=15, random_state=0, **own, **parameters).fit(X, y)

    # A function that changes from one evaluation to the next ends the walk, or rises.
    assert clf.n_iter_ > 3
    assert all(later <= earlier for earlier, later in itertools.pairwise(clf.loss_curve_))


@QUIET
def test_lbfgs_weighs_the_rows_of_batch_normalization(rng):
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    counts = rng.integers(1, 4, 20)
    reg = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", normalization="batch", max_iter=3, random_state=0)

    weighted = reg.fit(X, y, sample_weight=counts).predict(X)
    repeated = reg.fit(X.repeat(counts, axis=0), y.repeat(counts)).predict(X)

    np.testing.assert_allclose(weighted, repeated, rtol=1e-6)


def ready_made(n_inputs, n_outputs):
    network = nn.Sequential(nn.Linear(n_inputs, 4), nn.Tanh(), nn.Linear(4, n_outputs))
    nn.init.constant_(network[0].weight, 0.125)
    return network


def test_a_module_without_initialiser_keeps_the_weights_that_it_is_made_with():
    recipe = make_recipe(module=ModuleSpec(ready_made, {"n_inputs": 3, "n_outputs": 1}, initialiser=None))
    before = torch.get_rng_state()

    first, second = (make_net(recipe, np.random.RandomState(i)) for i in (0, 1))

    assert torch.equal(first.module_[0].weight, torch.full((4, 3), 0.125, dtype=torch.float64))
    # What torch's layers draw is drawn by the recipe's seed.
    assert torch.equal(first.module_[2].weight, second.module_[2].weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_module_without_initialiser_is_trained_in_the_recipes_precision(rng):
    module = ModuleSpec(ready_made, {"n_inputs": 3, "n_outputs": 1}, initialiser=None)
    recipe = make_recipe(module=module, precision=Precision(torch.float32))
    inputs = rng.normal(size=(20, 3)).astype(np.float32)

    net = train(make_plan(recipe, inputs, inputs[:, :1] * 2))

    assert {parameter.dtype for parameter in net.module_.parameters()} == {torch.float32}
    assert net.history[-1]["train_loss"] < net.history[0]["train_loss"]


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_parameters_with_a_share_of_the_rate_have_groups_of_their_own(solver):
    module = MLP(3, (5, 4), 2)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    spec = SolverSpec(solver, 0.1, rate_factors={"0.": 0.5, "2.": 0.0})

    optimizer = make_optimizer(spec, module, Penalty(l2=0.3))

    rates = {names[id(p)]: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rates == {
        "0.weight": pytest.approx(0.05),
        "0.bias": pytest.approx(0.05),
        "2.weight": 0.0,
        "2.bias": 0.0,
        "4.weight": 0.1,
        "4.bias": 0.1,
    }
    assert all(group["params"] for group in optimizer.param_groups)
    if solver == "adamw":
        decays = {names[id(p)]: group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
        assert {name for name, decay in decays.items() if decay} == {"0.weight", "2.weight", "4.weight"}


def test_a_share_of_the_rate_stays_a_share_when_the_schedule_moves(rng):
    inputs = rng.normal(size=(20, 3))
    recipe = make_recipe(solver=SolverSpec("sgd", 0.1, rate_factors={"0.": 0.25}))
    net = train(make_plan(recipe, inputs, inputs[:, :1]))

    net.set_learning_rate(0.8)

    names = {id(parameter): name for name, parameter in net.module_.named_parameters()}
    rates = {names[id(p)]: group["lr"] for group in net.optimizer_.param_groups for p in group["params"]}
    assert rates == {"0.weight": 0.2, "0.bias": 0.2, "2.weight": 0.8, "2.bias": 0.8}


def test_a_share_of_nothing_keeps_the_first_layer_where_it_is(rng):
    inputs = rng.normal(size=(20, 3))
    recipe = make_recipe(solver=SolverSpec("sgd", 0.1, rate_factors={"0.": 0.0}))
    start = make_net(recipe, np.random.RandomState(0)).module_

    net = train(make_plan(recipe, inputs, inputs[:, :1]))

    assert torch.equal(net.module_[0].weight, start[0].weight)
    assert not torch.equal(net.module_[2].weight, start[2].weight)


@pytest.mark.parametrize("n_chunks", [1, 3])
def test_predictions_do_not_depend_on_how_many_rows_go_through_at_once(n_chunks, pictures, monkeypatch):
    X, y = pictures
    reg = fit(CNNRegressor(channels=(4,), max_iter=2, random_state=0), X, y)
    whole = reg.predict(X)

    # The widest layer of a row: four maps of 8 x 8.
    monkeypatch.setattr("sknets.training._net.MAX_PASS_ELEMENTS", 4 * 64 * 30 // n_chunks)

    np.testing.assert_allclose(reg.predict(X), whole, rtol=1e-9)
    assert reg.net_.rows_per_pass(torch.zeros(30, 64)) == 30 // n_chunks
