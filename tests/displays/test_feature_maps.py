import numpy as np
import pytest

from sknets import CNNClassifier, TransferClassifier
from sknets.displays import FeatureMapDisplay
from sknets.inspection import feature_maps
from tests.displays._drawn import boxes, overlaps
from tests.vision._pictures import make_pictures
from tests.vision._pretrained import BACKBONE


def test_maps_are_those_of_inspection_and_the_picture_comes_along(cnn, pictures):
    display = FeatureMapDisplay.from_estimator(cnn, pictures[0][3])

    np.testing.assert_array_equal(display.image, pictures[0][3])
    for name, maps in feature_maps(cnn, pictures[0][3]).items():
        np.testing.assert_array_equal(display.maps[name], maps)


@pytest.mark.parametrize("layers", [[1], ["body.4"], [-1]])
def test_layers_are_chosen_by_number_or_name(layers, cnn, pictures):
    assert list(FeatureMapDisplay.from_estimator(cnn, pictures[0][0], layers=layers).maps) == ["body.4"]


def test_of_many_layers_six_are_taken_from_first_to_last(pictures):
    deep = CNNClassifier(channels=(2,) * 9, pool=None, normalization=None, random_state=0).initialize(*pictures)
    names = list(feature_maps(deep, pictures[0][0]))

    display = FeatureMapDisplay.from_estimator(deep, pictures[0][0])

    assert len(names) == 9
    assert len(display.maps) == 6
    assert [next(iter(display.maps)), list(display.maps)[-1]] == [names[0], names[-1]]


def test_a_flat_row_is_drawn_as_the_picture_that_the_network_was_told(colours):
    X, y = colours
    rows = X.transpose(0, 3, 1, 2).reshape(12, -1)
    network = CNNClassifier(channels=(2,), image_shape=(3, 8, 6), random_state=0).initialize(rows, y)

    display = FeatureMapDisplay.from_estimator(network, rows[0])

    np.testing.assert_array_equal(display.image, X[0])


def test_plot_draws_the_picture_and_a_row_for_each_layer(cnn, pictures, figures):
    display = FeatureMapDisplay.from_estimator(cnn, pictures[0][0])

    assert display.plot(n_maps=4) is display

    assert len(display.image_) == 1 + 4 + 4
    np.testing.assert_array_equal(display.image_[1].get_array(), display.maps["body.0"][0])
    captions = [text.get_text() for text in display.ax_.texts]
    assert captions == ["picture", "body.0: 4 maps of 8 x 8", "body.4: 4 of 6 maps of 4 x 4"]
    assert overlaps(boxes(display, display.ax_.texts)) == []


def test_maps_of_a_layer_share_a_scale(cnn, pictures, figures):
    display = FeatureMapDisplay.from_estimator(cnn, pictures[0][0]).plot()

    limits = {image.get_clim() for image in display.image_[1:5]}
    maps = display.maps["body.0"]
    assert limits == {(maps.min(), maps.max())}


def test_a_transferred_network_shows_six_layers_of_its_backbone(rng, figures):
    X, y = make_pictures(rng, n=4, shape=(32, 32))
    network = TransferClassifier(BACKBONE, weights=None, freeze=False, random_state=0).initialize(X, y)

    display = FeatureMapDisplay.from_estimator(network, X[0]).plot()

    captions = [text.get_text() for text in display.ax_.texts]
    assert len(captions) == 7
    assert captions[1] == "conv1.0: 8 of 24 maps of 16 x 16"
    assert overlaps(boxes(display, display.ax_.texts)) == []


def test_colours_are_drawn_in_given_axes(colour_cnn, colours, figures):
    _, ax = figures.subplots()

    display = FeatureMapDisplay.from_estimator(colour_cnn, colours[0][0]).plot(ax)

    display.figure_.canvas.draw()
    assert display.ax_ is ax
    assert display.image_[0].get_array().shape == (8, 6, 3)
