import pytest
import torch
from torch import nn

from sknets.nn import BatchNormalization, trace_layers


@pytest.fixture
def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        BatchNormalization(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(8, 4, (1, 3)), nn.ReLU()),
        nn.Flatten(),
        nn.Linear(4 * 3 * 2, 10),
    )


def test_layers_come_in_the_order_in_which_they_run_with_their_shapes(network):
    layers = trace_layers(network, torch.zeros(1, 3, 6, 8))

    assert [(layer.name, layer.output_shape) for layer in layers] == [
        ("0", (8, 6, 8)),
        ("1", (8, 6, 8)),
        ("2", (8, 6, 8)),
        ("3", (8, 3, 4)),
        ("4.0", (4, 3, 2)),
        ("4.1", (4, 3, 2)),
        ("5", (24,)),
        ("6", (10,)),
    ]
    assert layers[4].layer is network[4][0]


def test_products_are_those_that_one_counts_by_hand(network):
    layers = trace_layers(network, torch.zeros(1, 3, 6, 8))

    counted = [layer.n_products for layer in layers]

    # A filter of 3 x 3 over three channels at each of 6 x 8 places, eight of them; 1 x 3 over eight at 3 x 2, four.
    assert counted == [8 * 27 * 48, 0, 0, 0, 4 * 24 * 6, 0, 0, 24 * 10]


def test_filters_in_groups_read_their_own_channels_only():
    (layer,) = trace_layers(nn.Conv2d(8, 8, 3, groups=8), torch.zeros(1, 8, 5, 5))

    assert layer.n_products == 8 * 9 * 3 * 3


def test_tracing_leaves_the_module_as_it_was(network):
    network[4].eval()
    modes = [layer.training for layer in network.modules()]
    statistics = network[1].running_mean.clone()

    trace_layers(network, torch.ones(1, 3, 6, 8))

    assert [layer.training for layer in network.modules()] == modes
    assert torch.equal(network[1].running_mean, statistics)
    assert int(network[1].num_batches_tracked) == 0
    assert not any(layer._forward_hooks for layer in network.modules())


def test_a_row_that_does_not_fit_leaves_no_hooks(network):
    with pytest.raises(RuntimeError, match="channels"):
        trace_layers(network, torch.zeros(1, 5, 6, 8))

    assert not any(layer._forward_hooks for layer in network.modules())
    assert network.training


def test_a_layer_that_runs_twice_is_there_twice():
    layer = nn.Linear(3, 3)

    traced = trace_layers(nn.Sequential(layer, nn.Tanh(), layer), torch.zeros(1, 3))

    assert [type(one.layer).__name__ for one in traced] == ["Linear", "Tanh", "Linear"]
