import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from sknets import CNNClassifier, LogisticRegression, MLPClassifier, TransferClassifier
from sknets.inspection import convolution_filters, feature_maps
from sknets.preprocessing import ImageReshaper
from tests.vision._pictures import make_pictures, weights_of
from tests.vision._pretrained import BACKBONE

NETWORK = {"channels": (4, 6), "hidden_layer_sizes": (5,), "random_state": 0}


@pytest.fixture
def pictures(rng):
    return make_pictures(rng, n=12)


@pytest.fixture
def cnn(pictures):
    return CNNClassifier(**NETWORK).initialize(*pictures)


# ---------------------------------------------------------------------------------------------------- filters


def test_filters_are_the_weights_of_every_convolution_in_their_order(cnn):
    filters = convolution_filters(cnn)

    assert [own.shape for own in filters.values()] == [(4, 1, 3, 3), (6, 4, 3, 3)]
    for name, own in filters.items():
        np.testing.assert_allclose(own, cnn.module_.get_submodule(name).weight.detach().numpy(), rtol=1e-6)


def test_a_transferred_network_has_the_filters_of_its_backbone(rng):
    X, y = make_pictures(rng, n=4, shape=(32, 32))
    network = TransferClassifier(BACKBONE, weights=None, freeze=False, random_state=0).initialize(X, y)

    first = next(iter(convolution_filters(network).values()))

    assert first.shape == (24, 3, 3, 3)


@pytest.mark.parametrize("look", [convolution_filters, lambda estimator: feature_maps(estimator, np.zeros((8, 8)))])
@pytest.mark.parametrize(
    ("estimator", "kind", "words"),
    [
        (MLPClassifier((2,)), TypeError, "looks at pictures.*got a MLPClassifier"),
        (LogisticRegression(), NotFittedError, "needs a network; this LogisticRegression has none yet. Call fit"),
        (CNNClassifier(), NotFittedError, "Call fit, or initialize"),
        (PCA(), TypeError, "must be an estimator of sknets.*type PCA"),
    ],
)
def test_what_has_no_convolutions_is_refused(look, estimator, kind, words, pictures):
    if isinstance(estimator, MLPClassifier):
        estimator.initialize(pictures[0].reshape(12, -1), pictures[1])

    with pytest.raises(kind, match=words):
        look(estimator)


@pytest.mark.parametrize("look", [convolution_filters, lambda estimator: feature_maps(estimator, np.zeros((8, 8)))])
def test_a_network_for_pictures_without_a_convolution_is_refused(look, pictures):
    perceptron = CNNClassifier(channels=(), random_state=0).initialize(*pictures)

    with pytest.raises(ValueError, match=r"must have a convolution.*CNNClassifier"):
        look(perceptron)


# ---------------------------------------------------------------------------------------------------- maps


def test_maps_are_what_stands_behind_each_activation(cnn, pictures):
    images = torch.from_numpy(pictures[0][:1])
    with torch.no_grad():
        # Convolution, normalization, activation, pool; twice.
        layers = list(cnn.module_.body.eval())
        first = nn.Sequential(*layers[:3])(cnn.module_.input(images))
        second = nn.Sequential(*layers[:7])(cnn.module_.input(images))

    maps = feature_maps(cnn, pictures[0][0])

    assert list(maps) == ["body.0", "body.4"]
    np.testing.assert_allclose(maps["body.0"], first[0].numpy(), rtol=1e-6)
    np.testing.assert_allclose(maps["body.4"], second[0].numpy(), rtol=1e-6)


def test_the_network_stays_as_it_was(cnn, pictures):
    before, mode = weights_of(cnn), cnn.module_.training
    state = torch.get_rng_state()

    feature_maps(cnn, pictures[0][0])

    assert cnn.module_.training == mode
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in cnn.module_.modules())
    for one, other in zip(before, weights_of(cnn), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("wrap", [np.asarray, torch.from_numpy, pd.DataFrame])
def test_one_picture_may_come_in_any_form(wrap, cnn, pictures):
    flat = wrap(pictures[0].reshape(12, 64).astype(float))
    if isinstance(flat, pd.DataFrame):
        flat.columns = [f"pixel{i}" for i in range(64)]
    network = CNNClassifier(**NETWORK).initialize(flat, pictures[1])
    row = flat.iloc[0] if isinstance(flat, pd.DataFrame) else flat[0]

    maps = feature_maps(network, row)

    assert maps["body.0"].shape == (4, 8, 8)


def test_steps_before_the_network_transform_the_picture(cnn, pictures):
    rows = pictures[0].reshape(12, 64)
    pipeline = make_pipeline(ImageReshaper(), CNNClassifier(**NETWORK, learning_rate="cosine", max_iter=1))
    search = GridSearchCV(pipeline, {"cnnclassifier__dropout": [0.1]}, cv=2).fit(rows, pictures[1])

    maps = feature_maps(search, rows[0])

    direct = feature_maps(search.best_estimator_[-1], pictures[0][0])
    np.testing.assert_array_equal(maps["body.4"], direct["body.4"])


def test_an_activation_that_writes_over_its_input_is_seen(pictures):
    def build(image_shape, n_outputs):
        return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(3 * 36, n_outputs))

    network = CNNClassifier(build, random_state=0).initialize(*pictures)

    (maps,) = feature_maps(network, pictures[0][0]).values()

    assert maps.min() == 0 < maps.max()


def test_a_picture_of_another_size_is_refused(cnn):
    with pytest.raises(ValueError, match="8 pixels high and 8 wide, as in fit"):
        feature_maps(cnn, np.zeros((9, 9)))
