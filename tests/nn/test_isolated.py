import copy
import pickle

import torch
from torch import nn

from sknets.nn import Isolated, build_isolated


def seeded(module, seed=0):
    layer = Isolated(module)
    layer.generator = torch.Generator().manual_seed(seed)
    return layer


def test_torchs_generator_is_where_it_was_after_a_pass():
    layer = seeded(nn.Dropout(0.5))
    before = torch.get_rng_state()

    outputs = layer(torch.ones(100))

    assert 0 < int(outputs.count_nonzero()) < 100
    assert torch.equal(torch.get_rng_state(), before)


def test_torchs_generator_does_not_matter():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = seeded(nn.Dropout(0.5))(torch.ones(100))
        torch.manual_seed(2)
        second = seeded(nn.Dropout(0.5))(torch.ones(100))

    assert torch.equal(first, second)


def test_each_pass_draws_anew():
    layer = seeded(nn.Dropout(0.5))

    assert not torch.equal(layer(torch.ones(100)), layer(torch.ones(100)))


def test_another_seed_draws_other_numbers():
    first, second = (seeded(nn.Dropout(0.5), seed)(torch.ones(100)) for seed in (0, 1))

    assert not torch.equal(first, second)


def test_the_backward_pass_is_that_of_the_same_draw():
    layer = seeded(nn.Dropout(0.5))
    inputs = torch.ones(100, requires_grad=True)

    outputs = layer(inputs)
    outputs.sum().backward()

    assert torch.equal(inputs.grad, outputs.detach())


def test_in_prediction_it_is_the_module(rng):
    module = nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.5)).double().eval()
    inputs = torch.from_numpy(rng.normal(size=(4, 5)))
    layer = seeded(module).eval()
    before = layer.generator.get_state()

    assert torch.equal(layer(inputs), module(inputs))
    assert torch.equal(layer.generator.get_state(), before)


def test_copies_go_on_alike():
    layer = seeded(nn.Dropout(0.5))
    layer(torch.ones(100))

    twins = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]
    expected = layer(torch.ones(100))

    assert all(torch.equal(twin(torch.ones(100)), expected) for twin in twins)


def test_the_same_seed_builds_the_same_module_and_moves_no_generator():
    before = torch.get_rng_state()

    first, second, other = (build_isolated(nn.Linear, seed, in_features=3, out_features=2) for seed in (5, 5, 6))

    assert torch.equal(first.weight, second.weight)
    assert not torch.equal(first.weight, other.weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_built_may_take_arguments_of_any_name():
    module = build_isolated(lambda build, seed: nn.Linear(build, seed), 0, build=3, seed=2)

    assert module.weight.shape == (2, 3)
