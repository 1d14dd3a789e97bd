import math

import pytest
import torch
from torch import nn

from sknets.training._snapshot import Snapshot

MODULES = {
    "one matrix": lambda: nn.Linear(3, 2, bias=False),
    "matrix and bias": lambda: nn.Linear(3, 2),
    "with buffers": lambda: nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)),
}


def values(module):
    return [tensor.clone() for tensor in module.state_dict().values()]


@pytest.mark.parametrize("kind", MODULES)
def test_restoring_brings_every_parameter_and_buffer_back(kind):
    module = MODULES[kind]()
    before, snapshot = values(module), Snapshot.of(module)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.add_(1)

    snapshot.restore(module)

    assert all(torch.equal(now, then) for now, then in zip(values(module), before, strict=True))


@pytest.mark.parametrize("kind", MODULES)
def test_a_snapshot_does_not_follow_the_module(kind):
    module = MODULES[kind]()
    snapshot = Snapshot.of(module)
    taken = snapshot.weights.clone()

    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1)

    assert torch.equal(snapshot.weights, taken)


@pytest.mark.parametrize(
    ("value", "is_finite"), [(1.0, True), (math.nan, False), (math.inf, False), (-math.inf, False)]
)
def test_one_number_out_of_range_is_seen(value, is_finite):
    module = nn.Linear(3, 2)
    with torch.no_grad():
        module.weight[1, 1] = value

    assert Snapshot.of(module).is_finite() == is_finite


def test_infinities_of_both_signs_do_not_cancel():
    module = nn.Linear(2, 1)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[math.inf, -math.inf]]))

    assert not Snapshot.of(module).is_finite()


def test_the_copy_on_the_cpu_restores_as_well():
    module = MODULES["with buffers"]()
    before, snapshot = values(module), Snapshot.of(module).to_cpu()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.add_(1)

    snapshot.restore(module)

    assert all(torch.equal(now, then) for now, then in zip(values(module), before, strict=True))
