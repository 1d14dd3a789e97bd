"""The explicit gradients of stacked networks against autograd's."""

import copy
from itertools import combinations, product

import numpy as np
import pytest
import torch

from sknets.nn import ACTIVATIONS, MLP
from sknets.training import LOSSES, LossSpec, ModuleSpec, Penalty, make_net
from sknets.training._dense_batches import Batch
from sknets.training._dense_program import DenseProgram, weights_first
from tests.training._fitting import make_recipe
from tests.training._gradients import join_batch, reference_of

N_INPUTS, N_OUTPUTS, HIDDEN = 5, 3, (8, 8, 6)
# Two groups, and one.
HIDDEN_IN_GROUPS = (32, 32, 6)

# Of those tried, the first with which the cases hold every pair.
SEED = 2

CHOICES = {
    "activation": [name for name in ACTIVATIONS if name != "hard_threshold"],
    "normalization": [None, "batch", "layer", "group"],
    "is_residual": [False, True],
    "loss": [name for name in LOSSES if name != "perceptron"],
    "drops": [False, True],
    "penalty": ["none", "l1", "l2", "both"],
    "is_weighted": [False, True],
    # The rows of each network.
    "n_rows": [(9,), (9, 9, 9), (9, 7, 3)],
}

SETTINGS = {
    "cross_entropy": ("label_smoothing", [0.0, 0.1, 0.3]),
    "binary_cross_entropy": ("label_smoothing", [0.2, 0.0, 0.1]),
    "quantile": ("quantile", [0.1, 0.5, 0.8]),
}


def draw_cases():
    """Every activation with every normalization, residual or not; the other choices go round."""
    rng = np.random.default_rng(SEED)
    for a, activation in enumerate(CHOICES["activation"]):
        structures = list(product(CHOICES["normalization"], CHOICES["is_residual"]))
        others = {name: rng.permutation(np.resize(np.arange(len(CHOICES[name])), 8)) for name in list(CHOICES)[4:]}
        for index, (normalization, is_residual) in enumerate(structures):
            loss = CHOICES["loss"][(a + index) % 8]
            yield {
                "activation": activation,
                "normalization": normalization,
                "is_residual": is_residual,
                "loss": loss,
                **{name: CHOICES[name][places[index]] for name, places in others.items()},
            }


CASES = list(draw_cases())


def make_nets(case):
    """Networks of one structure; weights, rates and settings differ."""
    k = len(case["n_rows"])
    name, values = SETTINGS.get(case["loss"], (None, []))
    scale = {"l1": case["penalty"] in ("l1", "both"), "l2": case["penalty"] in ("l2", "both")}
    for network in range(k):
        arguments = {
            "n_inputs": N_INPUTS,
            "hidden_sizes": HIDDEN_IN_GROUPS if case["normalization"] == "group" else HIDDEN,
            "n_outputs": N_OUTPUTS,
            "activation": case["activation"],
            "normalization": case["normalization"],
            "residual": case["is_residual"],
            "dropout": [0.2 + 0.1 * network] * 3 if case["drops"] else [],
        }
        recipe = make_recipe(
            module=ModuleSpec(MLP, arguments),
            loss=LossSpec(case["loss"], {name: values[network]} if name else {}),
            penalty=Penalty(l1=0.3 * scale["l1"] * (network + 1), l2=0.5 * scale["l2"] * network + 0.1 * scale["l2"]),
            seed=network,
        )
        net = make_net(recipe, np.random.RandomState(network))
        with torch.no_grad():
            # Fresh ones are 0 and 1, with which much cannot be wrong.
            for parameter in net.module_.parameters():
                if parameter.ndim == 1:
                    parameter.copy_(torch.from_numpy(np.random.default_rng(network).uniform(0.5, 1.5, len(parameter))))
        yield net


def draw_targets(loss, shape, rng):
    if loss == "cross_entropy":
        return rng.integers(0, N_OUTPUTS, shape)
    if loss == "binary_cross_entropy":
        return rng.integers(0, 2, (*shape, N_OUTPUTS)).astype(float)
    if loss == "poisson":
        return rng.poisson(2, (*shape, N_OUTPUTS)).astype(float)
    return rng.normal(size=(*shape, N_OUTPUTS))


def make_batch(case, rng):
    n_rows = case["n_rows"]
    shape = (len(n_rows), max(n_rows))
    inputs = torch.from_numpy(rng.normal(size=(*shape, N_INPUTS)))
    targets = torch.from_numpy(draw_targets(case["loss"], shape, rng))
    return join_batch(inputs, targets, n_rows, case["is_weighted"], rng)


def check(case):
    rng = np.random.default_rng(7)
    nets, batch = list(make_nets(case)), make_batch(case, rng)
    # With the same random numbers for dropout still to be drawn.
    references = [net.branch() for net in nets]

    program = DenseProgram(nets, max(case["n_rows"]))
    program.compute_gradient(batch)
    losses = program.end_pass()

    for k, (net, n) in enumerate(zip(references, case["n_rows"], strict=True)):
        weights = None if batch.weights is None else batch.weights[k, :n, 0]
        loss, gradients = reference_of(net, batch.inputs[k, :n], batch.targets[k, :n], weights)
        assert losses[k] == pytest.approx(loss, rel=1e-11)
        for slope, gradient in zip(program.slopes, gradients, strict=True):
            torch.testing.assert_close(slope[k], gradient, rtol=1e-10, atol=1e-12)
        program.write_back(k)
        for ours, theirs in zip(nets[k].module_.buffers(), net.module_.buffers(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-14)


def test_the_cases_hold_every_pair_of_choices():
    for one, other in combinations(CHOICES, 2):
        met = {(case[one], case[other]) for case in CASES}

        assert met == set(product(CHOICES[one], CHOICES[other])), (one, other)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_gradients_losses_and_statistics_are_autograds(case):
    check(case)


@pytest.mark.slow
@pytest.mark.parametrize("loss", CHOICES["loss"])
@pytest.mark.parametrize("activation", CHOICES["activation"])
def test_gradients_are_autograds_for_every_combination(activation, loss):
    names = [name for name in CHOICES if name not in ("activation", "loss", "penalty")]
    for index, values in enumerate(product(*(CHOICES[name] for name in names))):
        penalty = CHOICES["penalty"][index % 4]
        check({"activation": activation, "loss": loss, "penalty": penalty, **dict(zip(names, values, strict=True))})


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("n_hidden", [0, 1, 2])
def test_two_classes_in_one_column_and_no_hidden_layers_are_known(n_hidden, n_networks, bias, rng):
    nets = []
    for network in range(n_networks):
        arguments = {"n_inputs": 4, "hidden_sizes": (5,) * n_hidden, "n_outputs": 1, "bias": bias}
        recipe = make_recipe(module=ModuleSpec(MLP, arguments), loss=LossSpec("binary_cross_entropy"))
        nets.append(make_net(recipe, np.random.RandomState(network)))
    inputs = torch.from_numpy(rng.normal(size=(n_networks, 9, 4)))
    targets = torch.from_numpy(rng.integers(0, 2, (n_networks, 9, 1)).astype(float))
    references = [copy.deepcopy(net.module_) for net in nets]

    program = DenseProgram(nets, 9)
    program.compute_gradient(Batch(inputs, targets, None, (9,) * n_networks, False, 0))

    for k, module in enumerate(references):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(module(inputs[k]), targets[k])
        for slope, gradient in zip(program.slopes, torch.autograd.grad(loss, weights_first(module)), strict=True):
            torch.testing.assert_close(slope[k], gradient, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("normalization", [None, "batch", "layer", "group"])
def test_rows_that_are_not_trained_on_have_the_modules_outputs(normalization, rng):
    case = CASES[0] | {"normalization": normalization, "is_residual": True, "drops": True, "n_rows": (9, 7, 3)}
    nets = list(make_nets(case))
    program = DenseProgram(nets, 9)
    program.compute_gradient(make_batch(case, rng))
    inputs = torch.from_numpy(rng.normal(size=(3, 11, N_INPUTS)))

    outputs = program.evaluate(inputs)

    for k, net in enumerate(nets):
        program.write_back(k)
        torch.testing.assert_close(outputs[k], net.outputs(inputs[k]), rtol=1e-12, atol=1e-14)


def test_networks_that_stay_keep_their_gradients_when_others_leave(rng):
    case = CASES[0] | {"normalization": "batch", "is_residual": True, "drops": True, "n_rows": (9, 9, 9)}
    nets, batch = list(make_nets(case)), make_batch(case, rng)
    alone = [net.branch() for net in nets]
    program = DenseProgram(nets, 9)
    program.compute_gradient(batch)
    program.update([0.1, 0.2, 0.3])
    program.end_pass()

    program.compact([0, 2])
    part = Batch(batch.inputs[[0, 2]], batch.targets[[0, 2]], None, (9, 9), False, 0)
    program.compute_gradient(part._replace(weights=None if batch.weights is None else batch.weights[[0, 2]]))
    program.update([0.1, 0.3])

    for place, (k, rate) in enumerate([(0, 0.1), (2, 0.3)]):
        single = DenseProgram([alone[k]], 9)
        own = Batch(*(None if t is None else t[k : k + 1] for t in batch[:3]), (9,), False, 0)
        for _ in range(2):
            single.compute_gradient(own)
            single.update([rate])
        for ours, theirs in zip(program.values, single.values, strict=True):
            torch.testing.assert_close(ours[place], theirs[0], rtol=1e-11, atol=1e-14)
