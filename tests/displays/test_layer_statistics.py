import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sknets import MLPClassifier
from sknets.displays import LayerStatisticsDisplay
from sknets.inspection import LayerStatistics, layer_statistics


@pytest.fixture
def network(rng):
    X = rng.normal(size=(40, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MLPClassifier((6, 5), max_iter=6, callbacks=[LayerStatistics()], random_state=0).fit(X, X[:, 0] > 0)


def test_each_statistic_has_a_row_for_each_epoch_and_a_column_for_each_layer(network):
    display = LayerStatisticsDisplay.from_estimator(network)

    table = layer_statistics(network)
    assert display.epochs.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert display.layers == ["0", "2", "4"]
    for name, values in display.statistics.items():
        np.testing.assert_array_equal(values.ravel(), table[name])


def test_a_network_without_a_record_is_refused(rng):
    network = MLPClassifier((2,)).initialize(rng.normal(size=(6, 2)), [0, 1] * 3)

    with pytest.raises(ValueError, match="Nothing has recorded"):
        LayerStatisticsDisplay.from_estimator(network)


# ---------------------------------------------------------------------------------------------------- drawing


def test_plot_draws_the_start_the_end_and_two_epochs_between(network, figures):
    display = LayerStatisticsDisplay.from_estimator(network)

    assert display.plot() is display

    labels = ["at the start", "after epoch 2", "after epoch 4", "after epoch 6"]
    assert [line.get_label() for line in display.line_] == labels
    np.testing.assert_array_equal(display.line_[1].get_ydata(), display.statistics["gradient_ratio"][2])
    assert len({line.get_marker() for line in display.line_}) == 4
    assert display.ax_.get_yscale() == "log"
    display.figure_.canvas.draw()


def test_zero_is_a_gap_on_a_logarithmic_scale(figures):
    values = np.array([[0.0, 1e-3, 1.0]])

    (line,) = (
        LayerStatisticsDisplay(epochs=np.array([0]), layers=["a", "b", "c"], statistics={"spread": values})
        .plot(statistic="spread")
        .line_
    )

    np.testing.assert_array_equal(line.get_ydata(), [np.nan, 1e-3, 1.0])


@pytest.mark.parametrize("statistic", ["saturated", "dead"])
def test_shares_stand_on_a_scale_from_nothing_to_all(statistic, network, figures):
    ax = LayerStatisticsDisplay.from_estimator(network).plot(statistic=statistic).ax_

    assert ax.get_yscale() == "linear"
    assert ax.get_ylim() == pytest.approx((0, 1), abs=0.05)


def test_plot_draws_the_epochs_that_it_is_told_where_it_is_told(network, figures):
    _, ax = figures.subplots()

    display = LayerStatisticsDisplay.from_estimator(network).plot(ax, statistic="spread", epochs=[3], linewidth=4)

    assert display.ax_ is ax
    assert [line.get_label() for line in display.line_] == ["after epoch 3"]
    assert display.line_[0].get_linewidth() == 4
    assert figures.get_fignums() == [1]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"statistic": "loss"}, "statistic must be one of.*'spread'.*got 'loss'"),
        ({"epochs": [7]}, r"one to 4 of those on record, 0 to 6; got \[7\]"),
        ({"epochs": [0, 1, 2, 3, 4]}, "one to 4"),
        ({"epochs": []}, "one to 4"),
    ],
)
def test_what_is_not_on_record_is_refused(choice, words, network, figures):
    with pytest.raises(ValueError, match=words):
        LayerStatisticsDisplay.from_estimator(network).plot(**choice)
