import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from sknets import MLPClassifier
from sknets.displays import DiagnosisDisplay
from sknets.inspection import diagnose

mpl.use("Agg")


@pytest.fixture(scope="module")
def verdict():
    X, y = load_iris(return_X_y=True)
    return diagnose(MLPClassifier((4,), max_iter=5, random_state=0), X, y, cv=2)


@pytest.fixture
def figures():
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def make_display(gains=(-0.5, 0.1), noise=(0.1, 0.05), scores=(0.2, 0.9), constant=0.3):
    folds = {"fold": [0, 0], "train_score": scores, "valid_score": scores}
    names = ["constant", "network"]
    return DiagnosisDisplay(
        curves=pd.DataFrame({**folds, "epoch": [1, 2]}),
        learning_curve=pd.DataFrame({**folds, "n_rows": [10, 20]}),
        baselines=pd.DataFrame(
            {"train_score": [constant, scores[1]], "valid_score": [constant, scores[1]], "valid_spread": 0.0},
            index=names,
        ),
        probes=pd.DataFrame({"name": ["a", "b"], "gain": gains, "noise": noise, "is_clear": [False, True]}),
    )


def test_the_numbers_are_the_verdicts_and_changes_are_in_the_order_of_their_gains(verdict):
    display = DiagnosisDisplay.from_diagnosis(verdict)

    assert display.curves is verdict.curves
    assert display.baselines is verdict.baselines
    assert display.probes["gain"].is_monotonic_increasing
    assert set(display.probes["name"]) == set(verdict.probes["name"])
    assert display.title == verdict.headline


def test_scores_far_below_the_constants_are_not_drawn():
    low, high = make_display(scores=(-1e9, 0.9), constant=0.0).score_limits()

    assert -0.5 < low < 0.0
    assert 0.9 < high < 1.0


def test_large_losses_leave_room_for_small_gains():
    low, high = make_display(gains=(-50.0, 0.1), noise=(1.0, 0.05)).gain_limits()

    assert high > 0.15
    assert -1.0 < low < -0.15


def test_nothing_but_losses_can_be_drawn():
    low, high = make_display(gains=(-0.5, -0.2), noise=(0.1, 0.1)).gain_limits()

    assert low < -0.5
    assert high > 0.0


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_draws_a_line_for_each_change_and_names_it(verdict, figures, style):
    with figures.style.context(style):
        display = verdict.plot()
        display.figure_.canvas.draw()

    assert [label.get_text() for label in display.axes_[3].get_yticklabels()] == list(display.probes["name"])
    np.testing.assert_array_equal(display.axes_[0].lines[0].get_xdata(), np.arange(1, 6))


def test_draws_on_given_axes_and_wants_four(verdict, figures):
    _, axes = figures.subplots(1, 4)

    assert verdict.plot(axes).axes_[2] is axes[2]
    with pytest.raises(ValueError, match="must be 4 matplotlib Axes; got 3"):
        verdict.plot(axes[:3])


def test_draws_without_epochs(figures):
    display = make_display()
    display.curves = display.curves.iloc[:0]

    display.plot()

    assert [text.get_text() for text in display.axes_[0].texts] == ["no epochs"]
