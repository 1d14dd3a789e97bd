import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression as OtherLogisticRegression
from sklearn.model_selection import GridSearchCV

from sknets import MLPClassifier
from sknets.displays import SearchDisplay
from sknets.model_selection import OptunaSearchCV, parameter_importances


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


@pytest.fixture(scope="module")
def pruned(table):
    """A search of Optuna's some of whose trials were pruned."""
    network = MLPClassifier((4,), learning_rate="cosine", max_iter=8, random_state=0)
    space = {
        "alpha": FloatDistribution(1e-6, 1e-3, log=True),
        "learning_rate_init": FloatDistribution(1e-4, 1e-1, log=True),
    }
    return OptunaSearchCV(network, space, n_trials=14, cv=2, random_state=0).fit(*table)


@pytest.fixture(scope="module")
def grid(table):
    return GridSearchCV(OtherLogisticRegression(), {"C": [0.01, 0.1, 1.0]}, cv=3).fit(*table)


# ---------------------------------------------------------------------------------------------------- numbers


def test_scores_and_states_are_the_searchs_own(pruned):
    display = SearchDisplay.from_search(pruned)

    np.testing.assert_array_equal(display.scores, pruned.cv_results_["mean_test_score"])
    assert display.is_pruned.any()
    np.testing.assert_array_equal(display.is_pruned, pruned.cv_results_["state"] == "PRUNED")
    assert display.best_index == pruned.best_index_
    assert display.importances == parameter_importances(pruned)
    assert display.score_name == "accuracy"


def test_the_best_so_far_is_that_of_optunas_study(pruned):
    best = -np.inf
    expected = []
    for trial in pruned.study_.trials:
        best = max(best, trial.value) if trial.state.name == "COMPLETE" else best
        expected.append(best)

    np.testing.assert_array_equal(SearchDisplay.from_search(pruned).running_best, expected)


def test_before_the_first_complete_trial_there_is_no_best():
    display = SearchDisplay(
        np.array([0.9, np.nan, 0.5, 0.4]), is_pruned=np.array([True, False, False, False]), is_sequence=True
    )

    np.testing.assert_array_equal(display.running_best, [np.nan, np.nan, 0.5, 0.5])


def test_a_search_of_scikit_learns_has_candidates_and_their_spread(grid):
    display = SearchDisplay.from_search(grid)

    np.testing.assert_array_equal(display.scores, grid.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(display.spread, grid.cv_results_["std_test_score"])
    assert display.best_index == grid.best_index_
    assert (display.is_pruned, display.importances, display.is_sequence) == (None, None, False)


def test_one_of_several_scores_is_named(table):
    search = GridSearchCV(
        OtherLogisticRegression(), {"C": [0.01, 1.0]}, cv=3, scoring=["f1", "neg_log_loss"], refit="f1"
    ).fit(*table)

    default, named = SearchDisplay.from_search(search), SearchDisplay.from_search(search, metric="neg_log_loss")

    np.testing.assert_array_equal(default.scores, search.cv_results_["mean_test_f1"])
    np.testing.assert_array_equal(named.scores, search.cv_results_["mean_test_neg_log_loss"])
    assert (default.score_name, named.score_name) == ("f1", "neg log loss")
    assert named.best_index == np.argmax(named.scores)


def test_an_unknown_score_is_refused_with_those_that_are_there(table):
    search = GridSearchCV(OtherLogisticRegression(), {"C": [1.0]}, cv=2, scoring=["f1", "accuracy"], refit=False).fit(
        *table
    )

    with pytest.raises(ValueError, match=r"metric must name one.*\['accuracy', 'f1'\]; got None"):
        SearchDisplay.from_search(search)


def test_an_unfitted_search_is_refused():
    with pytest.raises(NotFittedError, match="GridSearchCV instance is not fitted yet"):
        SearchDisplay.from_search(GridSearchCV(OtherLogisticRegression(), {"C": [1.0]}))


# ---------------------------------------------------------------------------------------------------- drawing


def test_plot_draws_trials_and_importances_side_by_side(pruned, figures):
    display = SearchDisplay.from_search(pruned)

    assert display.plot() is display

    labels = [line.get_label() for line in display.line_]
    assert labels == ["complete", "pruned", "best so far", f"best: {pruned.best_index_}"]
    assert len(display.line_[1].get_xdata()) == display.is_pruned.sum()
    assert display.line_[0].get_marker() != display.line_[1].get_marker()
    assert [bar.get_width() for bar in display.bar_] == list(display.importances.values())
    assert [tick.get_text() for tick in display.importance_ax_.get_yticklabels()] == list(display.importances)
    display.figure_.canvas.draw()


def test_plot_in_one_given_axes_leaves_importances_out(pruned, figures):
    _, ax = figures.subplots()

    display = SearchDisplay.from_search(pruned).plot(ax)

    assert (display.ax_, display.importance_ax_, display.bar_) == (ax, None, None)
    assert figures.get_fignums() == [1]


def test_plot_takes_a_pair_of_axes(pruned, figures):
    _, axes = figures.subplots(2)

    display = SearchDisplay.from_search(pruned).plot(axes)

    assert [display.ax_, display.importance_ax_] == list(axes)


def test_candidates_are_drawn_with_error_bars(grid, figures):
    display = SearchDisplay.from_search(grid).plot()

    assert [line.get_label() for line in display.line_] == ["candidate", f"best: {grid.best_index_}"]
    assert display.importance_ax_ is None
    assert len(display.ax_.collections) == 1
    display.figure_.canvas.draw()


def test_failed_trials_are_left_out(figures):
    display = SearchDisplay(np.array([0.5, np.nan, 0.7]), best_index=2).plot()

    assert display.line_[0].get_xdata().tolist() == [0, 2]
