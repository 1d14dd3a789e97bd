import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression as OtherLogisticRegression
from sklearn.model_selection import ShuffleSplit, validation_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import MLPClassifier, MLPRegressor
from sknets.displays import CapacityCurveDisplay
from tests.displays._drawn import boxes, overlaps

SIZES = [(1,), (2,), (8, 4)]


@pytest.fixture
def table(rng):
    X = rng.normal(size=(60, 4))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


@pytest.fixture
def network():
    return MLPClassifier(learning_rate="cosine", learning_rate_init=0.05, max_iter=3, random_state=0)


# ---------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
def test_scores_are_those_of_scikit_learns_validation_curve(scoring, network, table):
    cv = ShuffleSplit(3, random_state=0)
    choice = {"param_name": "hidden_layer_sizes", "param_range": SIZES, "cv": cv, "scoring": scoring}

    display = CapacityCurveDisplay.from_estimator(network, *table, **choice)

    train_scores, test_scores = validation_curve(network, *table, **choice)
    np.testing.assert_allclose(display.train_scores, train_scores, rtol=1e-9)
    np.testing.assert_allclose(display.test_scores, test_scores, rtol=1e-9)
    assert display.score_name == ("accuracy" if scoring is None else "neg log loss")
    assert display.param_values == SIZES


def test_weights_and_biases_are_counted(network, table):
    pipeline = make_pipeline(StandardScaler(), network)

    display = CapacityCurveDisplay.from_estimator(
        pipeline, *table, param_name="mlpclassifier__hidden_layer_sizes", param_range=SIZES, cv=2
    )

    # Four inputs, one output: h (4 + 1) + (h + 1); and 8 (4 + 1) + 4 (8 + 1) + (4 + 1).
    assert display.n_parameters.tolist() == [7, 13, 81]


def test_an_estimator_of_scikit_learns_has_no_number_of_parameters(table):
    display = CapacityCurveDisplay.from_estimator(
        OtherLogisticRegression(), *table, param_name="C", param_range=[0.01, 1.0], cv=2
    )

    assert display.n_parameters is None
    assert display.test_scores.shape == (2, 2)
    with pytest.raises(ValueError, match="known of networks of sknets only"):
        display.plot(against="n_parameters")


def test_the_best_value_has_the_highest_mean_validation_score():
    test_scores = np.array([[0.1, 0.9], [0.6, 0.6], [0.6, 0.6]])

    assert CapacityCurveDisplay([1, 2, 3], test_scores, test_scores).best_index == 1


def test_a_regression_is_scored_by_r2(table):
    network = MLPRegressor(hidden_layer_sizes=(4,), learning_rate="cosine", max_iter=2, random_state=0)

    display = CapacityCurveDisplay.from_estimator(network, *table, param_name="alpha", param_range=[0.1, 1], cv=2)

    assert display.score_name == "R²"


# ---------------------------------------------------------------------------------------------------- drawing


def made(values, n_parameters=None):
    scores = np.linspace(0.5, 0.9, 2 * len(values)).reshape(-1, 2)
    return CapacityCurveDisplay(values, scores + 0.05, scores, param_name="mlp__size", n_parameters=n_parameters)


def test_plot_draws_both_scores_their_spread_and_the_best(figures):
    display = made([1, 2, 4])

    assert display.plot() is display

    assert [line.get_label() for line in display.line_] == ["training", "validation", "best: 4"]
    np.testing.assert_allclose(display.line_[1].get_ydata(), display.test_scores.mean(axis=1))
    assert display.line_[0].get_xdata().tolist() == [1, 2, 4]
    assert len(display.band_) == 2
    assert display.ax_.get_xlabel() == "size"
    display.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("values", "scale"), [([1, 2, 4], "linear"), ([1e-4, 1e-2, 1.0], "log"), ([0, 50, 100], "linear")]
)
def test_wide_ranges_stand_on_a_logarithmic_scale(values, scale, figures):
    assert made(values).plot().ax_.get_xscale() == scale


def test_values_that_are_no_numbers_stand_side_by_side_and_can_be_read(figures):
    values = [(64,) * depth for depth in range(1, 9)]

    display = made(values).plot()

    ticks = display.ax_.get_xticklabels()
    assert [tick.get_text() for tick in ticks] == [str(value) for value in values]
    if ticks[0].get_rotation() == 0:
        assert overlaps(boxes(display, ticks)) == []


def test_the_axis_can_be_the_number_of_parameters(figures):
    display = made([(1,), (2,)], n_parameters=np.array([10, 2000])).plot(against="n_parameters")

    assert display.line_[0].get_xdata().tolist() == [10, 2000]
    assert display.ax_.get_xlabel() == "number of parameters"
    assert display.line_[2].get_label() == "best: 2,000"


def test_another_axis_is_refused(figures):
    with pytest.raises(ValueError, match="against must be 'value' or 'n_parameters'; got 'size'"):
        made([1]).plot(against="size")


def test_plot_draws_where_it_is_told(figures):
    _, ax = figures.subplots()

    assert made([1, 2]).plot(ax, linewidth=4).ax_ is ax
    assert ax.lines[0].get_linewidth() == 4
    assert figures.get_fignums() == [1]
