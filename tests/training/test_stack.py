from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse
from skorch.callbacks import Callback

from sknets._device import Precision
from sknets.exceptions import DivergenceError
from sknets.nn import MLP
from sknets.training import (
    LossSpec,
    ModuleSpec,
    Penalty,
    Rows,
    ScheduleSpec,
    SolverSpec,
    SparseRows,
    StoppingSpec,
    Trainee,
    make_net,
    split_into_stacks,
    train,
    train_stack,
)
from tests.training._fitting import CPU, make_plan, make_recipe
from tests.training._stacking import make_trainee, weights_of

ROOMY = 2**40


def mlp(**changes):
    arguments = {"n_inputs": 3, "hidden_sizes": (4,), "n_outputs": 1, "activation": "tanh"}
    return ModuleSpec(MLP, arguments | changes)


def trainee_of(**changes):
    return make_trainee(make_recipe(**({"batch_size": 8} | changes)))


def divide(trainees, max_bytes=ROOMY):
    """Return the stacks as lists of places in ``trainees``."""
    places = {id(trainee): place for place, trainee in enumerate(trainees)}
    return [[places[id(trainee)] for trainee in stack] for stack in split_into_stacks(trainees, max_bytes)]


# -------------------------------------------------------------------------------------------- who must be alone


def test_a_dense_network_of_a_gradient_solver_may_share_a_stack():
    assert trainee_of().reason_alone is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"solver": SolverSpec("lbfgs")}, "solver='lbfgs' takes no steps along batches"),
        ({"solver": SolverSpec("exact")}, "solver='exact' takes no steps along batches"),
        ({"solver": SolverSpec(torch.optim.RAdam)}, "its solver is a class of the user's"),
        ({"solver": SolverSpec("adam", arguments={"solver_params": {"amsgrad": True}})}, "not known"),
        ({"solver": SolverSpec("sgd", rate_factors={"0": 0.1})}, "not known"),
        ({"module": mlp(activation=torch.nn.Softsign)}, "not known"),
        ({"precision": Precision(torch.float64, autocast=torch.bfloat16)}, "bfloat16"),
        ({"callbacks": (Callback(),)}, "callbacks watch it"),
    ],
    ids=["lbfgs", "exact", "optimizer class", "amsgrad", "rate factors", "softsign", "bfloat16", "callbacks"],
)
def test_some_recipes_are_trained_alone(changes, reason):
    assert reason in trainee_of(**changes).reason_alone


def test_a_single_pass_is_trained_alone():
    assert make_trainee(is_one_pass=True).reason_alone == "partial_fit takes a single pass"


def test_a_training_that_the_estimators_own_callbacks_listen_to_is_trained_alone():
    assert make_trainee(listeners=(("own", Callback()),)).reason_alone == "callbacks watch it"


@pytest.mark.parametrize("part", ["train", "validation"])
def test_rows_that_are_no_tensor_are_trained_alone(part, rng):
    table = rng.normal(size=(20, 3))
    plan = make_plan(make_recipe(), table, rng.normal(size=(20, 1)))
    rows = SparseRows(sparse.csr_matrix(table), torch.float64, CPU)
    plan = replace(plan, **{part: Rows(rows, plan.train.targets)})

    trainee = Trainee(plan, make_net(plan.recipe, plan.random))

    assert trainee.reason_alone == "its rows are sparse or on disk"


def test_a_network_with_a_frozen_layer_is_trained_alone(rng):
    plan = make_plan(make_recipe(), rng.normal(size=(20, 3)), rng.normal(size=(20, 1)))
    net = make_net(plan.recipe, plan.random)
    next(net.module_.parameters()).requires_grad_(False)

    assert "not known" in Trainee(plan, net).reason_alone


# -------------------------------------------------------------------------------------------- who may be together


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 5},
        {"penalty": Penalty(l1=0.1, l2=0.5)},
        {"solver": SolverSpec("sgd", 0.3)},
        {"schedule": ScheduleSpec("onecycle")},
        {"stopping": StoppingSpec(tol=0.1, patience=2)},
        {"verbose": True},
    ],
    ids=str,
)
def test_networks_of_one_stack_may_differ_in(changes):
    assert trainee_of(**changes).key == trainee_of().key


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_momentum_may_differ(momentum):
    nesterov, other = (
        trainee_of(solver=SolverSpec("sgd", 0.1, {"momentum": m, "nesterovs_momentum": True})) for m in (0.9, momentum)
    )

    assert nesterov.key == other.key


def test_dropout_may_differ_where_all_drop():
    some, more = (trainee_of(module=mlp(dropout=(rate,))) for rate in (0.1, 0.5))

    assert some.key == more.key


def test_label_smoothing_may_differ():
    sharp, smooth = (
        trainee_of(loss=LossSpec("binary_cross_entropy", {"label_smoothing": amount})) for amount in (0.0, 0.1)
    )

    assert sharp.key == smooth.key


def test_the_last_epoch_may_differ():
    assert make_trainee(max_epochs=3).key == make_trainee(max_epochs=7).key


def test_weights_of_rows_may_be_one_networks_own():
    assert make_trainee(weights=torch.ones(20, dtype=torch.float64)).key == make_trainee().key


@pytest.mark.parametrize("n_rows", [17, 19, 24])
def test_the_last_batch_may_differ(n_rows):
    assert make_trainee(n_rows=n_rows).key == make_trainee(n_rows=20).key


@pytest.mark.parametrize(
    "changes",
    [
        {"module": mlp(hidden_sizes=(5,))},
        {"module": mlp(hidden_sizes=(4, 4))},
        {"module": mlp(activation="relu")},
        {"module": mlp(normalization="batch")},
        {"module": mlp(residual=True)},
        {"module": mlp(dropout=(0.5,))},
        {"module": mlp(bias=False)},
        {"loss": LossSpec("huber")},
        {"solver": SolverSpec("adam", 0.1)},
        {"solver": SolverSpec("sgd", 0.1, {"solver_params": {"weight_decay": 0.1}})},
        {"batch_size": 7},
        {"shuffle": False},
        {"score": "accuracy"},
    ],
    ids=str,
)
def test_networks_of_one_stack_may_not_differ_in(changes):
    assert trainee_of(**changes).key != trainee_of().key


def test_arguments_that_a_solvers_rule_cannot_mix_keep_networks_apart():
    plain, centered = (
        trainee_of(solver=SolverSpec("rmsprop", 0.1, {"solver_params": {"centered": flag}})) for flag in (False, True)
    )

    assert plain.key != centered.key


def test_the_number_of_batches_may_not_differ():
    assert make_trainee(n_rows=25).key != make_trainee(n_rows=20).key


def test_inputs_may_not_differ_in_number():
    assert make_trainee(n_inputs=4).key != make_trainee(n_inputs=3).key


def test_precision_may_not_differ():
    single = make_recipe(batch_size=8, precision=Precision(torch.float32))

    assert make_trainee(single, dtype=np.float32).key != make_trainee().key


def test_networks_with_validation_rows_are_apart_from_those_without(rng):
    held_out = Rows(torch.from_numpy(rng.normal(size=(5, 3))), torch.from_numpy(rng.normal(size=(5, 1))))
    watched = make_trainee()
    plan = replace(watched.plan, validation=held_out)

    assert Trainee(plan, make_net(plan.recipe, plan.random)).key != watched.key


# -------------------------------------------------------------------------------------------- division


def test_like_networks_are_trained_together_and_unlike_ones_apart():
    trainees = [trainee_of(seed=1), trainee_of(batch_size=7), trainee_of(seed=2), trainee_of(batch_size=7)]

    assert sorted(divide(trainees)) == [[0, 2], [1, 3]]


def test_networks_that_must_be_alone_are():
    trainees = [trainee_of(), trainee_of(callbacks=(Callback(),)), trainee_of(), trainee_of(callbacks=(Callback(),))]

    assert sorted(divide(trainees)) == [[0, 2], [1], [3]]


@pytest.mark.parametrize("n_at_once", [1, 2, 3, 7])
def test_a_stack_takes_no_more_memory_than_there_is(n_at_once):
    trainees = [make_trainee(seed=seed) for seed in range(7)]
    max_bytes = n_at_once * trainees[0].n_bytes

    stacks = divide(trainees, max_bytes)

    assert max(map(len, stacks)) == n_at_once
    assert sorted(place for stack in stacks for place in stack) == [*range(7)]


def test_one_network_is_trained_however_little_memory_there_is():
    assert sorted(divide([trainee_of(), trainee_of()], max_bytes=1)) == [[0], [1]]


def test_memory_grows_with_rows_and_with_weights():
    usual = make_trainee()

    assert make_trainee(n_rows=200).n_bytes > 2 * usual.n_bytes
    assert make_trainee(make_recipe(hidden=(100,), batch_size=8)).n_bytes > 2 * usual.n_bytes


def test_networks_whose_arithmetic_outweighs_all_else_are_trained_alone():
    large = make_recipe(hidden=(500, 500))

    assert sorted(divide([make_trainee(large, n_rows=200), make_trainee(large, n_rows=200)])) == [[0], [1]]


# -------------------------------------------------------------------------------------------- training


def train_together(trainees):
    train_stack(trainees)
    return [trainee.finish() for trainee in trainees]


def assert_same_weights(nets, others):
    for one, other in zip(nets, others, strict=True):
        for ours, reference in zip(weights_of(one), weights_of(other), strict=True):
            np.testing.assert_allclose(ours, reference, rtol=1e-9, atol=1e-12)


def alone(trainee):
    return train(trainee.plan, trainee.net)


def test_a_stack_trains_each_network_as_alone():
    settings = [{"seed": seed, "n_rows": 17 + seed, "max_epochs": 2 + seed} for seed in range(4)]

    nets = train_together([make_trainee(**own) for own in settings])

    assert_same_weights(nets, [alone(make_trainee(**own)) for own in settings])
    assert [net.n_iter for net in nets] == [2, 3, 4, 5]


def test_a_single_network_is_trained_as_ever():
    assert_same_weights(train_together([make_trainee()]), [alone(make_trainee())])


def test_the_net_that_comes_back_is_the_one_that_was_given():
    trainees = [make_trainee(), make_trainee(seed=1)]
    given = [trainee.net for trainee in trainees]

    assert train_together(trainees) == given


class Refuses(torch.nn.Module):
    """An activation that cannot be passed."""

    def forward(self, values):
        raise LookupError("no way through")


def test_an_error_in_a_network_that_is_alone_waits_for_its_finish():
    trainee = trainee_of(module=mlp(activation=Refuses))

    train_stack([trainee])

    with pytest.raises(LookupError, match="no way through"):
        trainee.finish()


def test_a_divergence_waits_for_its_networks_finish():
    trainees = [trainee_of(), trainee_of(solver=SolverSpec("sgd", 1e200))]

    train_stack(trainees)

    assert_same_weights([trainees[0].finish()], [alone(trainee_of())])
    with pytest.raises(DivergenceError, match="first epoch"):
        trainees[1].finish()


@pytest.mark.parametrize("n_networks", [1, 3])
def test_neither_threads_nor_gradient_mode_stay_changed(n_networks):
    before = torch.get_num_threads(), torch.is_grad_enabled()

    train_stack([make_trainee(seed=seed) for seed in range(n_networks)])

    assert (torch.get_num_threads(), torch.is_grad_enabled()) == before
