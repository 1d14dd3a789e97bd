import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from sknets.nn import BatchNormalization, ChannelDropout, ConvNet, Dropout, LeNet5, Residual, ResidualNet, WorkshopNet


def convnet(image_shape=(1, 8, 8), n_outputs=3, **changes):
    """A single plain convolution, but for ``changes``."""
    n_convolutions = len(changes.get("channels", (4,)))
    n_dense = max(1, len(changes.get("hidden_sizes", ())))
    settings = {
        "channels": (4,),
        "kernel_size": (3,) * n_convolutions,
        "stride": (1,) * n_convolutions,
        "padding": ("same",) * n_convolutions,
        "pool": None,
        "pool_size": (2,) * n_convolutions,
        "hidden_sizes": (),
        "activation": "relu",
        "channel_dropout": (0.0,) * n_convolutions,
        "dropout": (0.0,) * n_dense,
        "normalization": None,
        "residual": False,
    }
    return ConvNet(image_shape, n_outputs, **{**settings, **changes})


def kinds(network):
    return [type(layer) for layer in network]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 12)])
@pytest.mark.parametrize("pool", [None, "max", "avg", "lp"])
@pytest.mark.parametrize("margin", ["same", "valid", 1, (2, 0)])
def test_every_window_step_and_margin_fits_what_follows(margin, pool, shape):
    # The output layer is made for a number of features that ConvNet computes without running anything.
    for kernel, step in itertools.product([1, 2, 3, (3, 5)], [1, 2, (2, 1)]):
        network = convnet(
            shape, kernel_size=(kernel,), stride=(step,), padding=(margin,), pool=pool, pool_size=((2, 3),)
        )
        assert network(torch.zeros(2, *shape)).shape == (2, 3), (kernel, step)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, (3, 7), (2, 3)], ids=str)
@pytest.mark.parametrize("step", [1, 2, 3, (1, 2)], ids=str)
def test_same_divides_each_side_by_the_stride_and_rounds_up(step, kernel):
    height, width = (step, step) if isinstance(step, int) else step

    for side in (7, 8, 9):
        network = convnet((1, side, side + 1), kernel_size=(kernel,), stride=(step,))
        maps = nn.Sequential(*list(network)[:-3])(torch.zeros(1, 1, side, side + 1))
        assert maps.shape[2:] == (math.ceil(side / height), math.ceil((side + 1) / width)), side


def test_a_block_is_convolution_normalization_activation_pool_and_dropout():
    network = convnet(
        channels=(4, 6),
        pool="max",
        normalization="batch",
        channel_dropout=(0.1, 0.0),
        hidden_sizes=(5,),
        dropout=(0.2,),
    )

    block = [nn.Conv2d, BatchNormalization, nn.ReLU, nn.MaxPool2d]
    dense = [nn.Linear, BatchNormalization, nn.ReLU, Dropout]
    assert kinds(network) == [*block, ChannelDropout, *block, nn.Flatten, *dense, nn.Linear]
    assert network[4].p == 0.1
    assert network[-2].p == 0.2


def test_without_hidden_layers_dropout_acts_on_the_flattened_maps():
    assert kinds(convnet(dropout=(0.3,)))[-3:] == [nn.Flatten, Dropout, nn.Linear]


def test_without_convolutions_it_is_a_multilayer_perceptron():
    assert kinds(convnet(channels=(), hidden_sizes=(5,))) == [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear]


def test_residual_links_are_put_where_shapes_agree(rng):
    network = convnet(channels=(4, 4, 6, 6), stride=(1, 1, 1, 2), residual=True)
    maps = torch.from_numpy(rng.normal(size=(2, 4, 8, 8))).float()

    # 1 -> 4 and 4 -> 6 channels differ, and so does the size behind a stride of two.
    assert kinds(network)[:7] == [nn.Conv2d, nn.ReLU, Residual, nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU]
    link = network[2]
    torch.testing.assert_close(link(maps), maps + link[0](maps).relu())


def test_filters_larger_than_the_maps_are_refused_by_their_number():
    with pytest.raises(ValueError, match=r"Convolution 2 needs.*\(5, 5\).*map of 4 x 4.*padding='same'"):
        convnet(channels=(4, 4), kernel_size=(5, 5), padding=("valid", "valid"))


def test_filters_of_an_even_side_look_one_pixel_further_to_the_right_and_down():
    network = convnet((1, 1, 4), kernel_size=((1, 2),))
    with torch.no_grad():
        network[1].weight.fill_(1.0)
        network[1].bias.zero_()

    sums = network[1](network[0](torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])))

    assert sums[0, 0].tolist() == [[3.0, 5.0, 7.0, 4.0]]


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 28, 31), (1, 32, 32), (2, 40, 30), (1, 5, 5), (1, 1, 64)])
@pytest.mark.parametrize("Network", [LeNet5, WorkshopNet, ResidualNet])
def test_classics_take_pictures_of_every_size(Network, shape):
    network = Network(shape, 7).eval()

    assert network(torch.zeros(2, *shape)).shape == (2, 7)


def test_residual_nets_blocks_add_their_input(rng):
    network = ResidualNet((1, 16, 16), 2, normalization=None)
    maps = torch.from_numpy(rng.normal(size=(2, 32, 8, 8))).float()
    link = next(layer for layer in network if isinstance(layer, Residual))

    by_hand = maps + link[2](link[0](maps).relu()).relu()

    torch.testing.assert_close(link(maps), by_hand)


def test_residual_nets_features_are_each_maps_largest_value(rng):
    layers = list(ResidualNet((1, 16, 16), 2).eval())
    images = torch.from_numpy(rng.normal(size=(3, 1, 16, 16))).float()
    maps = nn.Sequential(*layers[:-2])(images)

    features = layers[-2](maps)

    np.testing.assert_array_equal(features.detach(), maps.detach().numpy().max(axis=(2, 3)))
    assert features.shape == (3, 128)


def test_small_pictures_are_enlarged_between_their_pixels():
    images = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])

    enlarged = LeNet5((1, 2, 2), 2)[0](images)

    assert enlarged.shape == (1, 1, 28, 28)
    assert float(enlarged.min()) == pytest.approx(0)
    assert float(enlarged.max()) == pytest.approx(3)
    assert (enlarged.diff(dim=3) >= -1e-6).all()
    assert (enlarged.diff(dim=2) >= -1e-6).all()
