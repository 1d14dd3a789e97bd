"""The gradients and losses of the compiled pass against autograd's."""

from itertools import combinations, product

import numpy as np
import pytest
import torch

from sknets.training._dense_program import weights_first
from tests.training._compiling import KNOWN_ACTIVATIONS, KNOWN_LOSSES, compile_nets, make_nets, make_rows, run_at
from tests.training._gradients import reference_of

CHOICES = {
    "hidden": [(), (8,), (8, 7, 6)],
    "has_bias": [True, False],
    "drops": [False, True],
    "penalty": ["none", "l1", "l2", "both"],
    "divisor": [None, 20.0],
    "is_weighted": [False, True],
    # The solver's own, which acts on the gradient.
    "weight_decay": [0.0, 0.3],
    # The rows of each network.
    "n_rows": [(9,), (9, 9, 9), (9, 7, 3), (1,)],
}

# Of those tried, the first with which the cases hold every pair of choices.
SEED = 0
N_CASES_OF_EACH = 12


def draw_cases(activation, loss):
    """Draw some cases for an activation and a loss, in which each choice comes about as often as the others."""
    place = KNOWN_ACTIVATIONS.index(activation) * len(KNOWN_LOSSES) + KNOWN_LOSSES.index(loss)
    rng = np.random.default_rng([SEED, place])
    columns = {name: rng.permutation(np.resize(np.arange(len(own)), N_CASES_OF_EACH)) for name, own in CHOICES.items()}
    for index in range(N_CASES_OF_EACH):
        chosen = {name: CHOICES[name][column[index]] for name, column in columns.items()}
        yield {"activation": activation, "loss": loss, **chosen}


def check(case, seed=7):
    rng = np.random.default_rng(seed)
    nets = list(make_nets(case))
    parts = [make_rows(case, n, rng) for n in case["n_rows"]]
    # With the same random numbers for dropout still to be drawn.
    references = [net.branch() for net in nets]

    program, compiled = compile_nets(nets, parts)
    run_at(compiled, [0.0] * len(nets))
    losses = compiled.end_pass()

    for k, (net, rows) in enumerate(zip(references, parts, strict=True)):
        loss, gradients = reference_of(net, rows.inputs, rows.targets, rows.weights)
        decay = net.recipe.solver.arguments["solver_params"]["weight_decay"]
        assert losses[k] == pytest.approx(loss, rel=1e-10)
        for slope, gradient, parameter in zip(program.slopes, gradients, weights_first(net.module_), strict=True):
            torch.testing.assert_close(slope[k], gradient + decay * parameter.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("loss", KNOWN_LOSSES)
@pytest.mark.parametrize("activation", KNOWN_ACTIVATIONS)
def test_gradients_and_losses_are_autograds(activation, loss):
    for case in draw_cases(activation, loss):
        check(case)


def test_the_cases_hold_every_pair_of_choices():
    cases = [case for pair in product(KNOWN_ACTIVATIONS, KNOWN_LOSSES) for case in draw_cases(*pair)]
    choices = {"activation": KNOWN_ACTIVATIONS, "loss": KNOWN_LOSSES, **CHOICES}

    for one, other in combinations(choices, 2):
        met = {(case[one], case[other]) for case in cases}

        assert met == set(product(choices[one], choices[other])), (one, other)
