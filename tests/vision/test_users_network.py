"""A function of the user's own as architecture: its start, its random numbers, and what it may not return."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sknets import CNNClassifier, CNNRegressor
from tests.vision._pictures import assert_same_bits, differ, make_pictures

QUICK = {"batch_size": 16, "max_iter": 3, "random_state": 0}


def plain(image_shape, n_outputs):
    n_channels, height, width = image_shape
    return nn.Sequential(
        nn.Conv2d(n_channels, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * (height - 2) * (width - 2), n_outputs)
    )


def with_dropout(image_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(int(np.prod(image_shape)), n_outputs))


def with_a_start_of_its_own(image_shape, n_outputs):
    network = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(image_shape)), n_outputs))
    nn.init.constant_(network[1].weight, 0.25)
    nn.init.normal_(network[1].bias)
    return network


class Pair(nn.Module):
    def forward(self, images):
        return images, images


@pytest.fixture
def pictures(rng):
    return make_pictures(rng)


@pytest.mark.parametrize("architecture", [plain, with_dropout])
def test_a_users_network_trains_and_predicts(architecture, pictures):
    X, y = pictures

    clf = CNNClassifier(architecture, learning_rate_init=0.02, **{**QUICK, "max_iter": 30}).fit(X, y)
    reg = CNNRegressor(architecture, learning_rate_init=0.02, **{**QUICK, "max_iter": 30}).fit(X, y.astype(float))

    assert clf.score(X, y) > 0.9
    assert reg.score(X, y) > 0.5
    assert clf.net_.recipe.module.initialiser is None


def test_it_is_called_with_the_shape_of_the_images_and_the_number_of_outputs(rng):
    calls = []

    def note(image_shape, n_outputs):
        calls.append((image_shape, n_outputs))
        return plain(image_shape, n_outputs)

    CNNClassifier(note, **QUICK).fit(rng.integers(0, 256, (30, 6, 5, 3), dtype=np.uint8), np.arange(30) % 3)

    assert set(calls) == {((3, 6, 5), 3)}


def test_a_lambda_will_do(pictures):
    X, y = pictures
    architecture = lambda shape, n: nn.Sequential(nn.Flatten(), nn.Linear(64, n))  # noqa: E731

    assert CNNClassifier(architecture, **QUICK).fit(X, y).predict(X).shape == (40,)


def test_weights_start_as_the_function_leaves_them(pictures):
    body = CNNClassifier(with_a_start_of_its_own, random_state=0).initialize(*pictures).module_.body

    layer = next(layer for layer in body.modules() if isinstance(layer, nn.Linear))
    assert torch.equal(layer.weight, torch.full((2, 64), 0.25))
    assert layer.bias.detach().abs().min() > 0


@pytest.mark.parametrize("architecture", [plain, with_dropout, with_a_start_of_its_own])
def test_a_seed_repeats_all_that_a_users_network_draws(architecture, pictures):
    first = CNNClassifier(architecture, **QUICK).fit(*pictures)

    torch.rand(17)
    second = CNNClassifier(architecture, **QUICK).fit(*pictures)
    other = CNNClassifier(architecture, **{**QUICK, "random_state": 1}).fit(*pictures)

    assert_same_bits(first, second)
    assert differ(first, other)


def test_torchs_generator_is_not_moved(pictures):
    X, y = pictures
    before = torch.get_rng_state()

    CNNClassifier(with_dropout, **QUICK).fit(X, y).predict(X)

    assert torch.equal(torch.get_rng_state(), before)


def test_its_dropout_acts_in_training_only(pictures):
    X, y = pictures
    clf = CNNClassifier(with_dropout, **QUICK).fit(X, y)

    np.testing.assert_array_equal(clf.predict_proba(X), clf.predict_proba(X))
    without = CNNClassifier(lambda shape, n: nn.Sequential(nn.Flatten(), nn.Identity(), nn.Linear(64, n)), **QUICK)
    assert clf.loss_curve_ != without.fit(X, y).loss_curve_


def test_its_inputs_have_channels_of_mean_zero_and_spread_one(rng):
    X, y = make_pictures(rng, n=50)
    seen = []

    class Spy(nn.Sequential):
        def forward(self, images):
            if self.training:
                seen.append(images.detach().clone())
            return super().forward(images)

    architecture = lambda shape, n: Spy(nn.Flatten(), nn.Linear(64, n))  # noqa: E731
    CNNClassifier(architecture, batch_size=50, max_iter=1, random_state=0).fit(X, y)

    (images,) = seen
    assert images.shape == (50, 1, 8, 8)
    assert float(images.mean()) == pytest.approx(0, abs=1e-5)
    assert float(images.std(correction=0)) == pytest.approx(1, rel=1e-5)


def test_copies_go_on_as_the_original_does(pictures):
    X, y = pictures
    clf = CNNClassifier(with_dropout, learning_rate="constant", **QUICK).partial_fit(X, y, classes=[0, 1])

    copied = pickle.loads(pickle.dumps(clf))

    assert_same_bits(copied.partial_fit(X, y), clf.partial_fit(X, y))


def test_a_batch_normalization_of_torchs_gets_no_batch_of_one_row(rng):
    def architecture(image_shape, n_outputs):
        return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, n_outputs))

    X, y = make_pictures(rng, n=33)

    assert CNNClassifier(architecture, **QUICK).fit(X, y).n_iter_ == 3


@pytest.mark.parametrize(
    ("architecture", "error", "message"),
    [
        (lambda shape, n: nn.Flatten(), ValueError, r"outputs of shape \(n, 2\); for n = 2 it gave \(2, 64\).*Linear"),
        (lambda shape, n: nn.Conv2d(1, 2, 8), ValueError, r"for n = 2 it gave \(2, 2, 1, 1\)"),
        (lambda shape, n: Pair(), ValueError, r"for n = 2 it gave tuple"),
        (lambda shape, n: "resnet", TypeError, r"must return a torch.nn.Module; got str\. Return the network"),
        (lambda shape, n: nn.Linear, TypeError, r"must return a torch.nn.Module; got type"),
        (lambda shape, n: None, TypeError, r"architecture\(image_shape=\(1, 8, 8\), n_outputs=2\).*got NoneType"),
    ],
)
def test_what_is_no_network_for_these_pictures_is_refused(architecture, error, message, pictures):
    clf = CNNClassifier(architecture, **QUICK)

    with pytest.raises(error, match=message):
        clf.fit(*pictures)
    assert not hasattr(clf, "net_")
