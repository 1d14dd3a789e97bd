import numpy as np
import pytest
import torch

from sknets import MLPClassifier, MLPRegressor
from sknets.nn import MLP
from sknets.training import LOSSES, Penalty, SolverSpec, make_net, train
from sknets.training._gradient_descent import _PenaltyGradient
from tests.training._fitting import dense_layers, fit, make_plan, make_recipe

PENALTIES = [
    Penalty(l2=0.7),
    Penalty(l1=0.3),
    Penalty(l1=0.3, l2=0.7),
    Penalty(l1=0.3, l2=0.7, divisor=5.0),
    Penalty(l2=0.7, mean_weight=2.5),
    Penalty(l1=0.3, l2=0.7, divisor=5.0, mean_weight=2.5),
]


def penalty_by_definition(penalty, weights, n_rows):
    """The docstring's formula, for autograd to differentiate."""
    squares = sum((weight**2).sum() for weight in weights)
    sizes = sum(weight.abs().sum() for weight in weights)
    divisor = n_rows * penalty.mean_weight if penalty.divisor is None else penalty.divisor
    return (penalty.l2 / 2 * squares + penalty.l1 * sizes) / divisor


@pytest.mark.parametrize(("penalty", "is_there"), [(Penalty(), False), (Penalty(divisor=3.0), False)])
def test_a_penalty_of_zero_is_none(penalty, is_there):
    assert bool(penalty) == is_there


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_positive_penalty_is_one(penalty):
    assert penalty


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_value_and_gradient_past_autograd_are_autograds(penalty):
    torch_rng = torch.Generator().manual_seed(0)
    weights = [torch.randn(shape, dtype=torch.float64, generator=torch_rng) for shape in ((4, 3), (2, 4))]
    by_autograd = [weight.clone().requires_grad_() for weight in weights]
    past_autograd = [weight.clone().requires_grad_() for weight in weights]
    for weight in past_autograd:
        weight.grad = torch.ones_like(weight)

    expected = penalty_by_definition(penalty, by_autograd, n_rows=6)
    expected.backward()
    value = _PenaltyGradient(past_autograd, penalty).add(6)

    assert float(value) == pytest.approx(float(expected.detach()), rel=1e-12)
    for ours, theirs in zip(past_autograd, by_autograd, strict=True):
        torch.testing.assert_close(ours.grad - 1, theirs.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_training_descends_the_penalised_loss_and_reports_it(rng, penalty):
    X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    recipe = make_recipe(n_outputs=2, penalty=penalty, batch_size=8, shuffle=False)
    reference = MLP(**recipe.module.arguments).double()
    reference.load_state_dict(make_net(recipe, np.random.RandomState(0)).module_.state_dict())

    net = train(make_plan(recipe, X, Y, max_epochs=2))

    optimizer = torch.optim.SGD(reference.parameters(), lr=0.1)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(Y)
    for epoch in range(2):
        total = 0.0
        for rows in (slice(0, 8), slice(8, 16), slice(16, 20)):
            matrices = [layer.weight for layer in dense_layers(reference)]
            n_rows = len(inputs[rows])
            loss = 0.5 * (reference(inputs[rows]) - targets[rows]).square().sum(1).mean()
            loss = loss + penalty_by_definition(penalty, matrices, n_rows)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * n_rows
        assert net.history[epoch]["train_loss"] == pytest.approx(total / 20, rel=1e-12)
    for ours, theirs in zip(net.module_.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-14)


def test_biases_and_normalization_layers_are_not_penalised(rng):
    X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    recipe = make_recipe(penalty=Penalty(l2=1.0), solver=SolverSpec("sgd", 1e-300))
    recipe.module.arguments["normalization"] = "layer"

    net = train(make_plan(recipe, X, y, max_epochs=1))

    assert {tuple(weight.shape) for weight in net.penalised_weights} == {(4, 3), (1, 4)}


@pytest.mark.parametrize("solver", ["sgd", "adam", "rmsprop", "lbfgs"])
def test_l1_and_alpha_of_an_estimator_are_in_its_loss(rng, solver):
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    parameters = {"hidden_layer_sizes": (4,), "alpha": 0.5, "l1": 0.25, "solver": solver}

    reg = MLPRegressor(max_iter=1, learning_rate_init=1e-200, random_state=0, **parameters)
    if solver == "lbfgs":
        reg.set_params(max_iter=2000).fit(X, y)
    else:
        fit(reg, X, y)

    squares = sum((coef**2).sum() for coef in reg.coefs_)
    sizes = sum(np.abs(coef).sum() for coef in reg.coefs_)
    error = 0.5 * np.mean((reg.predict(X) - y) ** 2)
    assert reg.loss_ == pytest.approx(error + (0.25 * squares + 0.25 * sizes) / 30, rel=1e-9)


def test_decoupled_decay_is_not_in_the_loss(rng):
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 2

    clf = fit(MLPClassifier((4,), solver="adamw", alpha=0.5, learning_rate_init=1e-200, max_iter=1), X, y)

    outputs = torch.from_numpy(clf.decision_function(X))[:, None]
    bare = LOSSES["binary_cross_entropy"]()(outputs, torch.from_numpy(y.astype(float))[:, None])
    assert clf.loss_ == pytest.approx(float(bare), rel=1e-9)
