import numpy as np
import pytest

from sknets import MLPClassifier, TransferClassifier
from sknets.displays import FilterDisplay
from tests.vision._pictures import make_pictures
from tests.vision._pretrained import BACKBONE

# ---------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("layer", "name"), [(0, "body.0"), (1, "body.4"), (-1, "body.4"), ("body.4", "body.4"), ("4", "body.4")]
)
def test_a_layer_is_chosen_by_number_or_name(layer, name, cnn):
    display = FilterDisplay.from_estimator(cnn, layer)

    assert display.layer == name
    weights = cnn.module_.get_submodule(name).weight.detach().numpy()
    np.testing.assert_allclose(display.filters, weights, rtol=1e-6)


@pytest.mark.parametrize("layer", [2, -3, "body.1", "body"])
def test_a_layer_that_is_not_there_is_refused_with_those_that_are(layer, cnn):
    with pytest.raises(ValueError, match=rf"layer must be.*'body.0', 'body.4'.*0 to 1; got {layer!r}"):
        FilterDisplay.from_estimator(cnn, layer)


def test_a_perceptron_is_refused_with_the_display_that_it_needs(pictures):
    perceptron = MLPClassifier((2,)).initialize(pictures[0].reshape(12, -1), pictures[1])

    with pytest.raises(TypeError, match="LinearWeightsDisplay draws the weights of other networks"):
        FilterDisplay.from_estimator(perceptron)


# ---------------------------------------------------------------------------------------------------- drawing


def test_one_scale_reaches_as_far_below_zero_as_above(cnn, figures):
    display = FilterDisplay.from_estimator(cnn)

    assert display.plot() is display

    largest = np.abs(display.filters).max()
    assert display.image_.get_clim() == pytest.approx((-largest, largest))
    display.figure_.canvas.draw()


def test_every_weight_is_drawn_and_nothing_else(cnn, figures):
    display = FilterDisplay.from_estimator(cnn).plot()

    drawn = display.image_.get_array()
    assert set(drawn.compressed()) == set(display.filters.ravel().astype(float))


def test_colours_are_grey_at_zero(figures):
    filters = np.zeros((2, 3, 3, 3))
    filters[1, 0, 0, 0], filters[1, 2, 0, 0] = 2.0, -2.0

    drawn = FilterDisplay(filters, layer="first").plot().image_.get_array()

    colours = {tuple(pixel) for pixel in drawn.reshape(-1, 4).tolist()}
    # Zero; all red and no blue; a gap.
    assert colours == {(0.5, 0.5, 0.5, 1.0), (1.0, 0.5, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0)}


def test_filters_of_many_channels_have_a_row_each(cnn, figures):
    display = FilterDisplay.from_estimator(cnn, 1).plot(n_filters=5, n_channels=2)

    assert (display.ax_.get_ylabel(), display.ax_.get_xlabel()) == ("filter", "channel, 2 of 4")
    assert display.ax_.get_title() == "body.4: 5 of 6 filters"
    height, width = display.image_.get_array().shape
    assert height > 2 * width
    assert set(display.image_.get_array().compressed()) == set(display.filters[:5, :2].ravel().astype(float))


def test_filters_that_are_all_zero_are_drawn(figures):
    display = FilterDisplay(np.zeros((2, 1, 3, 3))).plot()

    display.figure_.canvas.draw()
    assert display.image_.get_clim() == (-1, 1)


def test_a_transferred_network_has_short_names(rng, figures):
    X, y = make_pictures(rng, n=4, shape=(32, 32))
    network = TransferClassifier(BACKBONE, weights=None, freeze=False, random_state=0).initialize(X, y)

    display = FilterDisplay.from_estimator(network, "conv1.0").plot()

    assert display.ax_.get_title() == "conv1.0: 24 filters"


def test_plot_draws_where_it_is_told(cnn, figures):
    _, ax = figures.subplots()

    display = FilterDisplay.from_estimator(cnn).plot(ax, cmap="viridis")

    assert display.ax_ is ax
    assert display.image_.get_cmap().name == "viridis"
    assert figures.get_fignums() == [1]
