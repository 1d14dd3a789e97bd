import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sknets._image_layout import ImageLayout
from sknets._randomness import make_torch_generator
from sknets._torchvision import import_torchvision
from sknets.nn import Augmentation, TransferNetwork, make_transform
from tests.vision._pretrained import BACKBONE, bits, is_same, make_model

COLOUR = ImageLayout(3, 32, 32)
GREY = ImageLayout(1, 32, 32, ndim=3)


@pytest.fixture(scope="module")
def state_dict():
    return make_model().state_dict()


@pytest.fixture
def preset():
    return import_torchvision().models.get_model_weights(BACKBONE).DEFAULT.transforms()


@pytest.fixture
def rows(rng):
    return torch.from_numpy(rng.integers(0, 256, size=(4, 3, 32, 32), dtype=np.uint8))


def make_network(layout=COLOUR, backbone=BACKBONE, **arguments):
    return TransferNetwork(layout, 2, backbone=backbone, **{"hidden_sizes": (), **arguments}).eval()


def outputs(network, rows):
    with torch.no_grad():
        return network(rows)


def test_features_in_place_of_pictures_give_the_same_outputs(rows):
    network = make_network(hidden_sizes=(5,))

    with torch.no_grad():
        features = network.features(rows)

    assert torch.equal(outputs(network, features[:, None, None, None]), outputs(network, rows))


def test_pictures_are_prepared_as_the_weights_ask(state_dict, preset, rows):
    network = make_network(state_dict=state_dict, preset=preset)
    model = make_model()
    model.fc = nn.Identity()

    with torch.no_grad():
        expected = model(preset(rows))
        features = network.features(rows)

    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(features[0], features[1], rtol=1e-2)


def test_without_weights_channels_are_scaled_by_their_statistics(rows):
    network = make_network()
    mean, scale = torch.tensor([10.0, 20.0, 30.0]), torch.tensor([1.0, 2.0, 4.0])
    network.input.set_statistics(mean, scale)

    with torch.no_grad():
        expected = network.backbone((rows - mean.view(3, 1, 1)) / scale.view(3, 1, 1))

        torch.testing.assert_close(network.features(rows), expected)


def test_pictures_are_resized_to_the_stated_size(rows):
    network = make_network(image_size=48)
    resized = import_torchvision().transforms.v2.functional.resize(rows.float(), [48, 48], antialias=True)

    with torch.no_grad():
        torch.testing.assert_close(network.features(rows), network.backbone(resized), rtol=1e-4, atol=1e-5)


def test_weights_have_a_size_of_their_own(state_dict, preset):
    assert make_network(state_dict=state_dict, preset=preset, image_size=48).image_size is None


@pytest.mark.parametrize("has_weights", [False, True])
def test_grey_pictures_are_seen_as_colour_ones(has_weights, state_dict, preset, rows):
    arguments = {"state_dict": state_dict, "preset": preset} if has_weights else {"state_dict": state_dict}

    with torch.no_grad():
        grey = make_network(GREY, **arguments).features(rows[:, 0])
        colour = make_network(**arguments).features(rows[:, :1].expand(-1, 3, -1, -1))

    torch.testing.assert_close(grey, colour)


@pytest.mark.parametrize("has_weights", [False, True])
def test_channels_last_are_the_same_pictures(has_weights, state_dict, preset, rows):
    arguments = {"state_dict": state_dict, **({"preset": preset} if has_weights else {})}
    last = ImageLayout(3, 32, 32, is_channels_last=True)

    with torch.no_grad():
        first = make_network(**arguments).features(rows)
        second = make_network(last, **arguments).features(rows.permute(0, 2, 3, 1).flatten(1))

    torch.testing.assert_close(first, second)


def test_bytes_and_shares_of_white_are_the_same_pictures(preset, rows):
    network = make_network(preset=preset)

    # Bytes are rounded once they are resized: half a byte, of a spread of 57.
    torch.testing.assert_close(network.input(rows), network.input(rows / 255), rtol=0, atol=0.6 / 57)


def test_the_last_parts_learn_first():
    network = make_network()
    n_stages = len(network.stages)

    for n_trained in range(n_stages + 2):
        network.train_stages(n_trained)

        learns = [all(p.requires_grad for p in stage.parameters()) for stage in network.stages]
        expected = min(n_trained, n_stages)
        assert learns == [False] * (n_stages - expected) + [True] * expected
        assert network.is_frozen == (n_trained == 0)


def test_the_whole_backbone_learns_when_all_its_parts_do():
    with torch.device("meta"):
        network = make_network(ImageLayout(3, 224, 224), "vit_b_16")

    network.train_stages(len(network.stages))

    assert all(parameter.requires_grad for parameter in network.parameters())


def test_the_head_always_learns():
    network = make_network(hidden_sizes=(3,))

    network.train_stages(0)

    assert all(parameter.requires_grad for parameter in network.head.parameters())
    assert not any(parameter.requires_grad for parameter in network.backbone.parameters())


@pytest.mark.parametrize("backbone", ["alexnet", "vit_b_16"])
def test_a_picture_of_the_wrong_size_is_refused_with_a_remedy(backbone):
    with (
        torch.device("meta"),
        pytest.raises(ValueError, match=rf"'{backbone}' must be able to read pictures of 32 x 32.*Use image_size=224"),
    ):
        make_network(backbone=backbone)


def test_a_remedy_that_helps():
    with torch.device("meta"):
        assert make_network(backbone="alexnet", image_size=224).image_size == 224


@pytest.mark.parametrize("n_channels", [2, 4])
def test_pictures_of_other_than_three_colours_are_refused(n_channels):
    with pytest.raises(ValueError, match=rf"three channels, or grey ones with one; got {n_channels} channels. Leave"):
        make_network(ImageLayout(n_channels, 32, 32))


@pytest.mark.parametrize("has_weights", [False, True])
def test_pictures_are_changed_at_random_in_training_only(has_weights, state_dict, preset, rows):
    network = make_network(state_dict=state_dict, preset=preset if has_weights else None)
    plain = outputs(network, rows)
    network.input.augmentation = Augmentation(make_transform("light", (3, 32, 32)))
    network.input.augmentation.generator = make_torch_generator(0, torch.device("cpu"), "augmentation")

    still = outputs(network.eval(), rows)
    changed = outputs(network.train(), rows)

    assert torch.equal(still, plain)
    assert not torch.allclose(changed, plain)


def test_the_backbones_dropout_draws_from_its_own_generator(rows):
    network = make_network(backbone="mobilenet_v3_small").train()
    before = torch.get_rng_state()

    draws = []
    for seed in (0, 0, 1):
        network.backbone.generator = make_torch_generator(seed, torch.device("cpu"), "isolated")
        draws.append(outputs(network, rows))

    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), before)


COPIERS = {"deepcopy": copy.deepcopy, "pickle": lambda network: pickle.loads(pickle.dumps(network))}


@pytest.mark.parametrize("copier", COPIERS)
def test_a_copy_does_what_the_original_does(copier, state_dict, preset, rows):
    network = make_network(state_dict=state_dict, preset=preset, hidden_sizes=(3,))
    network.train_stages(2)

    twin = COPIERS[copier](network)

    assert is_same(bits(twin), bits(network))
    assert torch.equal(outputs(twin, rows), outputs(network, rows))
    learns = [parameter.requires_grad for parameter in network.parameters()]
    assert [parameter.requires_grad for parameter in twin.parameters()] == learns
