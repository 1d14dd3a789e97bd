import numpy as np
import pytest
import torch
from torch.nn import functional

from sknets import MLPClassifier
from sknets.training import GRADIENT_SOLVERS, SOLVERS, Penalty, SolverSpec, get_solver, make_net, train
from tests.training._fitting import fit, make_plan, make_recipe

RATE = 0.02

#: Each solver by torch's own constructor, with scikit-learn's hyperparameters in torch's words.
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.8, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=RATE, betas=(0.8, 0.99), eps=1e-6),
    "adamw": lambda p: torch.optim.AdamW(p, lr=RATE, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.0),
    "adamax": lambda p: torch.optim.Adamax(p, lr=RATE, betas=(0.8, 0.99), eps=1e-6),
    "nadam": lambda p: torch.optim.NAdam(p, lr=RATE, betas=(0.8, 0.99), eps=1e-6),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=RATE),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=RATE),
    torch.optim.RAdam: lambda p: torch.optim.RAdam(p, lr=RATE),
    torch.optim.Adagrad: lambda p: torch.optim.Adagrad(p, lr=RATE),
}
HYPER = {"momentum": 0.8, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6}


@pytest.fixture
def table(rng):
    return rng.normal(size=(23, 3)), np.arange(23) % 3


def plain_loop(start, optimizer, X, y, n_epochs, batch_size, seed_state):
    """What one writes by hand: shuffled batches, loss, backward, step."""
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    places = np.arange(len(X))
    for _ in range(n_epochs):
        step = np.arange(len(X))
        seed_state.shuffle(step)
        places = places[step]
        for first in range(0, len(X), batch_size):
            rows = torch.from_numpy(places[first : first + batch_size])
            optimizer.zero_grad()
            functional.cross_entropy(start(inputs[rows]), targets[rows]).backward()
            optimizer.step()
    return start


def test_every_gradient_solver_has_a_reference_here():
    assert set(GRADIENT_SOLVERS) == {name for name in OPTIMIZERS if isinstance(name, str)}


@pytest.mark.parametrize("solver", list(OPTIMIZERS), ids=str)
def test_a_fit_is_the_torch_optimizer_in_a_plain_loop(table, solver):
    X, y = table
    parameters = {"solver": solver, "learning_rate_init": RATE, "alpha": 0, "batch_size": 8, **HYPER}

    clf = fit(MLPClassifier((5,), activation="tanh", max_iter=3, random_state=4, **parameters), X, y)

    start = MLPClassifier((5,), activation="tanh", random_state=4, **parameters).initialize(X, y).module_
    generator = np.random.RandomState(4)
    # The start's own draws come first: two matrices and two biases.
    generator.uniform(size=3 * 5 + 5 + 5 * 3 + 3)
    reference = plain_loop(start, OPTIMIZERS[solver](start.parameters()), X, y, 3, 8, generator)
    for ours, theirs in zip(clf.module_.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_decoupled_weight_decay_spares_the_biases(table):
    X, y = table
    parameters = {"solver": "adamw", "learning_rate_init": RATE, "alpha": 0.3, "batch_size": 8}

    clf = fit(MLPClassifier((5,), activation="tanh", max_iter=3, random_state=4, **parameters), X, y)

    start = MLPClassifier((5,), activation="tanh", random_state=4).initialize(X, y).module_
    generator = np.random.RandomState(4)
    generator.uniform(size=3 * 5 + 5 + 5 * 3 + 3)
    matrices = [p for p in start.parameters() if p.ndim == 2]
    biases = [p for p in start.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.3}, {"params": biases, "weight_decay": 0.0}], lr=RATE
    )
    reference = plain_loop(start, optimizer, X, y, 3, 8, generator)
    for ours, theirs in zip(clf.module_.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_solver_params_reach_the_optimizer_and_win(table):
    parameters = {"amsgrad": True, "betas": (0.5, 0.6), "fused": False}

    clf = fit(MLPClassifier((5,), solver_params=parameters, max_iter=1), *table)

    defaults = clf.net_.optimizer_.defaults
    assert defaults["amsgrad"] is True
    assert defaults["betas"] == (0.5, 0.6)
    assert defaults["fused"] is False


def test_a_weight_decay_in_solver_params_takes_the_place_of_alpha(table):
    clf = fit(MLPClassifier((5,), solver="adamw", alpha=0.3, solver_params={"weight_decay": 0.01}, max_iter=1), *table)

    assert [group["weight_decay"] for group in clf.net_.optimizer_.param_groups] == [0.01]


def test_an_unknown_word_in_solver_params_is_named(table):
    with pytest.raises(ValueError, match=r"solver_params=.*unexpected keyword argument 'momentun'"):
        fit(MLPClassifier((5,), solver="sgd", solver_params={"momentun": 0.9}, max_iter=1), *table)


@pytest.mark.parametrize(("momentum", "is_nesterov"), [(0.0, False), (0.9, True)])
def test_nesterov_without_momentum_is_plain_descent(table, momentum, is_nesterov):
    clf = fit(MLPClassifier((5,), solver="sgd", momentum=momentum, nesterovs_momentum=True, max_iter=1), *table)

    assert clf.net_.optimizer_.defaults["nesterov"] is is_nesterov


@pytest.mark.parametrize("solver", sorted(name for name in GRADIENT_SOLVERS if SOLVERS[name].has_fused_kernel))
def test_a_fused_kernel_is_used_where_torch_has_one(table, solver):
    clf = fit(MLPClassifier((5,), solver=solver, max_iter=1), *table)

    assert clf.net_.optimizer_.defaults["fused"] is True


def test_frozen_parameters_are_not_given_to_the_optimizer(rng):
    recipe = make_recipe(solver=SolverSpec("adam", 0.1))
    net = make_net(recipe, np.random.RandomState(0))
    net.module_[0].weight.requires_grad_(False)
    before = net.module_[0].weight.clone()

    train(make_plan(recipe, rng.normal(size=(10, 3)), rng.normal(size=(10, 1))), net)

    assert torch.equal(net.module_[0].weight, before)


def test_a_class_that_is_no_optimizer_is_refused_by_name(table):
    with pytest.raises(
        ValueError, match=r"subclass of torch.optim.Optimizer that steps along gradients; got the class 'Linear'.*RAdam"
    ):
        MLPClassifier(solver=torch.nn.Linear).fit(*table)


def test_a_class_gets_an_entry_of_its_own():
    assert get_solver(torch.optim.RAdam).optimizer is torch.optim.RAdam
    assert get_solver("lbfgs").method == "full_batch"


def test_solvers_without_steps_still_have_an_optimizer_for_skorchs_callbacks(rng):
    recipe = make_recipe(hidden=(), solver=SolverSpec("exact"), penalty=Penalty())

    net = make_net(recipe, np.random.RandomState(0))

    assert net.optimizer_.state_dict() == {}
    assert net.optimizer_.param_groups[0]["lr"] == recipe.solver.learning_rate
