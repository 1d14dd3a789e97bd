import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression as OtherLogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
from sknets.displays import LinearWeightsDisplay
from tests.displays._drawn import boxes, overlaps


@pytest.fixture
def rows(rng):
    """Return thirty rows of 4 x 4 pixels, and three classes."""
    return rng.normal(size=(30, 16)), np.arange(30) % 3


def test_each_class_has_its_weights_as_a_picture(rows):
    X, y = rows
    model = LogisticRegression().fit(X, np.array(["cat", "dog", "emu"])[y])

    display = LinearWeightsDisplay.from_estimator(model)

    np.testing.assert_array_equal(display.weights, model.coef_.reshape(3, 4, 4))
    assert display.names == ["cat", "dog", "emu"]


@pytest.mark.parametrize("model", [LogisticRegression(), OtherLogisticRegression()])
def test_of_two_classes_there_is_one_picture_which_speaks_for_the_second(model, rows):
    X, y = rows

    display = LinearWeightsDisplay.from_estimator(make_pipeline(StandardScaler(), model).fit(X, y > 0))

    assert display.weights.shape == (1, 4, 4)
    assert display.names == ["for True"]


def test_a_perceptron_shows_its_first_layer(rows):
    model = MLPClassifier((5,), learning_rate="cosine", max_iter=1, random_state=0).fit(*rows)

    display = LinearWeightsDisplay.from_estimator(model)

    np.testing.assert_array_equal(display.weights, model.coefs_[0].T.reshape(5, 4, 4))
    assert display.names == [f"unit {i}" for i in range(5)]


@pytest.mark.parametrize(("outputs", "names"), [(1, ["weights"]), (2, ["output 0", "output 1"])])
def test_a_regression_has_a_picture_for_each_output(outputs, names, rows, rng):
    y = rng.normal(size=(30, outputs))

    display = LinearWeightsDisplay.from_estimator(LinearRegression().fit(rows[0], y.squeeze()))

    assert display.names == names
    assert display.weights.shape == (outputs, 4, 4)


def test_colours_are_told_by_image_shape(rng):
    X = rng.normal(size=(20, 3 * 2 * 4))
    model = LinearRegression(penalty="l2").fit(X, rng.normal(size=20))

    display = LinearWeightsDisplay.from_estimator(model, image_shape=(3, 2, 4))

    np.testing.assert_array_equal(display.weights[0, :, :, 1], model.coef_.reshape(3, 2, 4)[1])


@pytest.mark.parametrize(
    ("estimator", "image_shape", "kind", "words"),
    [
        (DecisionTreeClassifier(), None, TypeError, "with coef_ or coefs_.*got DecisionTreeClassifier"),
        (LogisticRegression(), (3, 5), ValueError, r"\(1, 3, 5\) has 15 values, but X has 16 features"),
    ],
)
def test_what_has_no_such_weights_is_refused(estimator, image_shape, kind, words, rows):
    with pytest.raises(kind, match=words):
        LinearWeightsDisplay.from_estimator(estimator.fit(*rows), image_shape=image_shape)


def test_rows_that_are_no_square_need_a_shape(rng):
    model = LinearRegression().fit(rng.normal(size=(20, 15)), rng.normal(size=20))

    with pytest.raises(ValueError, match="image_shape must say what rows of 15 values are pictures of"):
        LinearWeightsDisplay.from_estimator(model)


# ---------------------------------------------------------------------------------------------------- drawing


def test_zero_is_the_middle_of_a_scale_that_all_pictures_share(rows, figures):
    display = LinearWeightsDisplay.from_estimator(LogisticRegression().fit(*rows))

    assert display.plot() is display

    largest = np.abs(display.weights).max()
    assert {image.get_clim() for image in display.image_} == {(-largest, largest)}
    assert [text.get_text() for text in display.ax_.texts] == ["0", "1", "2"]
    assert overlaps(boxes(display, display.ax_.texts)) == []


def test_only_so_many_units_are_drawn_where_it_is_told(rows, figures):
    model = MLPRegressor(hidden_layer_sizes=(40,), learning_rate="cosine", max_iter=1, random_state=0).fit(*rows)
    _, ax = figures.subplots()

    display = LinearWeightsDisplay.from_estimator(model).plot(ax, n_units=7, n_columns=3)

    assert display.ax_ is ax
    assert len(display.image_) == 7
    assert overlaps(boxes(display, ax.texts)) == []


def test_colours_are_grey_at_zero(figures):
    weights = np.zeros((1, 2, 2, 3))
    weights[0, 0, 0] = [3.0, 0.0, -3.0]

    display = LinearWeightsDisplay(weights, names=["all"]).plot()

    np.testing.assert_array_equal(display.image_[0].get_array()[0, 0], [1.0, 0.5, 0.0])
    np.testing.assert_array_equal(display.image_[0].get_array()[1, 1], [0.5, 0.5, 0.5])
