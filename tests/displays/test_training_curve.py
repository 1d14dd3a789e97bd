import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, Perceptron
from sknets.displays import TrainingCurveDisplay
from sknets.model_selection import OptunaSearchCV, ValidationMonitor, epoch_curves


@pytest.fixture
def table(rng):
    X = rng.normal(size=(60, 4))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def fit(estimator, *data, **more):
    """Fit for as many epochs as max_iter says: here nobody minds that this is too few."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*data, **more)


@pytest.fixture
def stopped(table):
    """A classifier that early stopping ended some epochs after its best."""
    return MLPClassifier((8,), early_stopping=True, n_iter_no_change=5, learning_rate_init=0.03, random_state=0).fit(
        *table
    )


@pytest.fixture
def unwatched(table):
    return fit(MLPClassifier((8,), max_iter=6, random_state=0), *table)


# ---------------------------------------------------------------------------------------------------- numbers


def test_the_curves_are_the_estimators_own(stopped):
    display = TrainingCurveDisplay.from_estimator(stopped)

    np.testing.assert_array_equal(display.epochs, np.arange(1, stopped.n_iter_ + 1))
    np.testing.assert_array_equal(display.train_loss, stopped.loss_curve_)
    np.testing.assert_array_equal(display.valid_score, stopped.validation_scores_)
    np.testing.assert_array_equal(display.valid_loss, [row["valid_loss"] for row in stopped.history_])


def test_the_best_epoch_is_the_first_with_the_best_validation_score(stopped):
    display = TrainingCurveDisplay.from_estimator(stopped)

    assert display.best_epoch == 1 + np.argmax(stopped.validation_scores_)
    assert display.valid_score[display.best_epoch - 1] == stopped.best_validation_score_


def test_without_validation_rows_there_is_the_training_loss_alone(unwatched):
    display = TrainingCurveDisplay.from_estimator(unwatched)

    assert len(display.train_loss) == 6
    assert display.valid_loss is None
    assert display.valid_score is None
    assert display.best_epoch is None


def test_rows_that_are_only_watched_have_curves_but_no_best_epoch(table):
    X, y = table
    clf = fit(MLPClassifier((8,), max_iter=6, random_state=0), X[:40], y[:40], X_val=X[40:], y_val=y[40:])

    display = TrainingCurveDisplay.from_estimator(clf)

    assert display.valid_score.shape == display.valid_loss.shape == (6,)
    assert display.best_epoch is None


@pytest.mark.parametrize(
    ("estimator", "score_name"),
    [
        (MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0), "R²"),
        (LinearRegression(), "R²"),
        (LinearRegression(solver="sgd", max_iter=3), "R²"),
        (LogisticRegression(), "accuracy"),
        (LogisticRegression(solver="adam", max_iter=3), "accuracy"),
        (Perceptron(max_iter=3), "accuracy"),
    ],
)
def test_every_estimator_has_a_curve(table, estimator, score_name):
    display = TrainingCurveDisplay.from_estimator(fit(estimator, *table))

    assert len(display.train_loss) == len(display.epochs) >= 1
    assert np.isfinite(display.train_loss).all()
    assert display.score_name == score_name


@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf: make_pipeline(StandardScaler(), clf),
        lambda clf: make_pipeline(StandardScaler(), Pipeline([("inner", clf)])),
    ],
)
def test_of_a_pipeline_the_last_step_is_taken(table, wrap):
    pipeline = fit(wrap(MLPClassifier((8,), max_iter=4, random_state=0)), *table)

    assert len(TrainingCurveDisplay.from_estimator(pipeline).epochs) == 4


def test_an_epoch_without_validation_is_a_gap(unwatched):
    # As when a training that was only watched for a while goes on without watching.
    unwatched.net_.history[2]["valid_loss"] = 0.5

    valid_loss = TrainingCurveDisplay.from_estimator(unwatched).valid_loss

    assert valid_loss[2] == 0.5
    assert np.isnan(np.delete(valid_loss, 2)).all()


def test_early_stopping_ends_after_the_last_epoch(stopped, unwatched):
    assert TrainingCurveDisplay.from_estimator(stopped).stopped_epochs == [stopped.n_iter_]
    assert TrainingCurveDisplay.from_estimator(unwatched).stopped_epochs == []


def test_a_training_that_ends_at_max_iter_or_by_its_own_loss_was_not_stopped_early(table):
    to_the_end = fit(MLPClassifier((8,), early_stopping=True, max_iter=4, random_state=0), *table)
    converged = MLPClassifier((8,), tol=10, n_iter_no_change=2, random_state=0).fit(*table)

    for clf in (to_the_end, converged):
        assert TrainingCurveDisplay.from_estimator(clf).stopped_epochs == []


class Enough(Callback):
    """End after two epochs."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_a_callback_that_ends_training_stops_it_early(table):
    clf = fit(MLPClassifier((8,), max_iter=6, callbacks=[Enough()], random_state=0), *table)

    assert TrainingCurveDisplay.from_estimator(clf).stopped_epochs == [2]


# ---------------------------------------------------------------------------------------------------- folds


@pytest.fixture
def watched(table):
    """A grid whose folds end at different epochs, watched by a monitor."""
    network = MLPClassifier((4,), learning_rate_init=0.05, tol=1e-2, n_iter_no_change=2, max_iter=60, random_state=0)
    search = GridSearchCV(network.set_callbacks(ValidationMonitor()), {"alpha": [1e-4, 1.0]}, cv=3)
    return fit(search, *table)


def average_by_hand(search, candidate, name):
    """Return mean and standard deviation over folds; one that has ended counts with its last figure."""
    table = epoch_curves(search)
    own = table[table["candidate"] == candidate]
    folds = [fold[name].to_list() for _, fold in own.groupby("fold")]
    longest = max(map(len, folds))
    padded = np.array([fold + [fold[-1]] * (longest - len(fold)) for fold in folds])
    return padded.mean(axis=0), padded.std(axis=0)


@pytest.mark.parametrize("candidate", [None, 0, 1])
def test_curves_of_a_candidate_are_the_means_of_its_folds(candidate, watched):
    display = TrainingCurveDisplay.from_search(watched, candidate)

    number = watched.best_index_ if candidate is None else candidate
    for name in ("train_loss", "valid_loss", "train_score", "valid_score"):
        mean, spread = average_by_hand(watched, number, name)
        np.testing.assert_allclose(getattr(display, name), mean)
        np.testing.assert_allclose(display.spread[name], spread, atol=1e-12)
    assert display.epochs.tolist() == list(range(1, len(display.train_loss) + 1))
    assert display.best_epoch == 1 + np.argmax(display.valid_score)
    assert display.score_name == "accuracy"


def test_folds_that_end_before_others_are_marked(watched):
    table = epoch_curves(watched)
    ends = table[table["candidate"] == 0].groupby("fold")["epoch"].max().tolist()
    assert len(set(ends)) > 1  # or this test shows nothing

    display = TrainingCurveDisplay.from_search(watched, 0)

    assert display.stopped_epochs == sorted(end for end in ends if end < max(ends))


def test_the_best_epoch_is_the_one_that_optunas_search_refits_at(table):
    network = MLPClassifier((4,), learning_rate_init=0.05, max_iter=6, random_state=0)
    search = fit(OptunaSearchCV(network, {"alpha": [1e-4, 1e-2]}, n_trials=3, cv=2, random_state=0), *table)

    display = TrainingCurveDisplay.from_search(search)

    assert display.best_epoch == search.cv_results_["best_epoch"][search.best_index_] == search.best_estimator_.n_iter_
    assert display.train_score is None


@pytest.mark.parametrize(
    ("settings", "score_name"),
    [
        ({"scoring": "neg_log_loss"}, "neg log loss"),
        ({"scoring": ["f1", "accuracy"], "refit": "f1"}, "f1"),
        ({"scoring": lambda estimator, X, y: 0.5}, "score"),
    ],
)
def test_scores_are_called_what_the_search_calls_them(settings, score_name, table):
    network = MLPClassifier((2,), max_iter=2, random_state=0).set_callbacks(ValidationMonitor())
    search = fit(GridSearchCV(network, {"alpha": [0.1]}, cv=2, **settings), *table)

    assert TrainingCurveDisplay.from_search(search).score_name == score_name


def test_a_cross_validation_has_the_mean_of_its_folds(table):
    network = MLPClassifier((4,), max_iter=4, random_state=0).set_callbacks(ValidationMonitor())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        results = cross_validate(network, *table, cv=3, return_estimator=True)

    display = TrainingCurveDisplay.from_cv_results(results)

    losses = [estimator.loss_curve_ for estimator in results["estimator"]]
    np.testing.assert_allclose(display.train_loss, np.mean(losses, axis=0))
    assert display.valid_score[-1] == pytest.approx(results["test_score"].mean())
    assert display.stopped_epochs == []


def test_without_validation_folds_have_training_losses_only(table):
    regressor = MLPRegressor(hidden_layer_sizes=(2,), max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        results = cross_validate(regressor, *table, cv=2, return_estimator=True)

    display = TrainingCurveDisplay.from_cv_results(results)

    assert (display.valid_loss, display.valid_score, display.best_epoch) == (None, None, None)
    assert display.score_name == "R²"


def test_an_unknown_candidate_is_refused(watched):
    with pytest.raises(ValueError, match=r"candidate must be.*one of \[0, 1\]; got 2"):
        TrainingCurveDisplay.from_search(watched, 2)


# ---------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("estimator", "found"),
    [
        (SklearnLogisticRegression(), "LogisticRegression"),
        (make_pipeline(MLPClassifier(), StandardScaler()), "a Pipeline that ends with StandardScaler"),
        ("clf", "'clf'"),
    ],
)
def test_other_estimators_are_refused(estimator, found):
    with pytest.raises(TypeError, match=rf"must be a fitted estimator of sknets, or a Pipeline.*got {found}"):
        TrainingCurveDisplay.from_estimator(estimator)


def test_a_search_is_refused_with_a_hint_to_its_best_estimator(table):
    search = fit(GridSearchCV(MLPClassifier((2,), max_iter=2), {"alpha": [0.1]}, cv=2), *table)

    with pytest.raises(TypeError, match="Give its best_estimator_, or call from_search"):
        TrainingCurveDisplay.from_estimator(search)


@pytest.mark.parametrize("estimator", [MLPClassifier(), make_pipeline(StandardScaler(), MLPClassifier())])
def test_an_unfitted_estimator_is_refused(estimator):
    with pytest.raises(NotFittedError, match="MLPClassifier instance is not fitted yet"):
        TrainingCurveDisplay.from_estimator(estimator)


def test_a_network_that_was_never_trained_is_refused(table):
    with pytest.raises(ValueError, match=r"at least one epoch.*got a MLPClassifier without any"):
        TrainingCurveDisplay.from_estimator(MLPClassifier((2,)).initialize(*table))


# ---------------------------------------------------------------------------------------------------- drawing


def test_plot_draws_every_curve_and_marks_the_best_epoch(stopped, figures):
    display = TrainingCurveDisplay.from_estimator(stopped)

    assert display.plot() is display

    names = [
        *("training loss", "validation loss", "validation accuracy"),
        *(f"best epoch: {display.best_epoch}", f"stopped early: {stopped.n_iter_}"),
    ]
    assert [line.get_label() for line in display.line_] == names
    assert [text.get_text() for text in display.score_ax_.get_legend().get_texts()] == names
    np.testing.assert_array_equal(display.line_[0].get_ydata(), display.train_loss)
    np.testing.assert_array_equal(display.line_[2].get_ydata(), display.valid_score)
    assert display.ax_.get_xlabel() == "epoch"
    assert display.figure_ is display.ax_.figure
    display.figure_.canvas.draw()


def test_plot_without_validation_has_no_second_scale(unwatched, figures):
    display = TrainingCurveDisplay.from_estimator(unwatched).plot()

    assert display.score_ax_ is None
    assert len(display.line_) == len(display.figure_.axes) == 1


def test_plot_draws_where_it_is_told_and_makes_no_figure(unwatched, figures):
    _, ax = figures.subplots()
    numbers = figures.get_fignums()

    display = TrainingCurveDisplay.from_estimator(unwatched).plot(ax)

    assert display.ax_ is ax
    assert figures.get_fignums() == numbers


def test_keywords_of_plot_reach_every_curve(stopped, figures):
    display = TrainingCurveDisplay.from_estimator(stopped).plot(linewidth=5)

    assert [line.get_linewidth() for line in display.line_[:3]] == [5, 5, 5]


def test_a_single_epoch_is_drawn_as_a_point_over_a_whole_number(table, figures):
    display = TrainingCurveDisplay.from_estimator(LinearRegression().fit(*table)).plot()

    assert display.line_[0].get_marker() == "o"
    assert [tick for tick in display.ax_.get_xticks() if 0.9 < tick < 1.1] == [1]


def crossing_curves(**changes):
    """Curves that leave no room for a legend between them."""
    epochs = np.arange(1, 31)
    curves = {
        "epochs": epochs,
        "train_loss": np.linspace(1, 0, 30),
        "valid_loss": np.linspace(0, 1, 30),
        "valid_score": 0.5 + 0.5 * np.sin(epochs),
    }
    return TrainingCurveDisplay(**(curves | changes))


def test_the_legend_covers_no_curve(figures):
    display = crossing_curves().plot()

    display.figure_.canvas.draw()
    legend_box = display.score_ax_.get_legend().get_window_extent()
    for line in display.line_:
        assert not legend_box.count_contains(line.get_transform().transform(line.get_xydata()))


def test_no_score_above_one_is_on_the_scale(figures):
    ticks = crossing_curves(valid_score=np.full(30, 0.99)).plot().score_ax_.get_yticks()

    assert len(ticks) > 1
    assert max(ticks) <= 1


@pytest.mark.parametrize("name", ["train_loss", "valid_loss", "valid_score"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_training_that_diverged_is_drawn_as_far_as_it_is_finite(name, value, figures):
    curve = np.linspace(0.2, 0.9, 30)
    curve[-1] = value

    display = crossing_curves(**{name: curve}).plot()

    display.figure_.canvas.draw()
    assert display.ax_.get_ylim()[1] < 2
    assert display.score_ax_.get_ylim()[1] < 2


def test_a_loss_may_be_shown_on_a_logarithmic_scale(figures):
    display = crossing_curves().plot()

    display.ax_.set_yscale("log")

    display.figure_.canvas.draw()
    assert display.ax_.get_ylim()[0] > 0


def test_plot_draws_the_folds_as_bands_around_their_means(watched, figures):
    display = TrainingCurveDisplay.from_search(watched).plot()

    assert len(display.band_) == 4
    vertices = display.band_[0].get_paths()[0].vertices
    mean, spread = display.train_loss, display.spread["train_loss"]
    assert vertices[:, 1].max() == pytest.approx((mean + spread).max())
    assert display.line_[-1].get_xdata().tolist() == display.stopped_epochs
    assert "a fold stopped early" in [text.get_text() for text in display.score_ax_.get_legend().get_texts()]


def test_a_legend_of_three_lines_covers_no_band(figures):
    spread = {name: np.full(30, 0.1) for name in ("train_loss", "valid_score")}

    display = crossing_curves(
        train_score=np.linspace(0, 1, 30), best_epoch=7, stopped_epochs=[30], spread=spread
    ).plot()

    display.figure_.canvas.draw()
    legend_box = display.score_ax_.get_legend().get_window_extent()
    for band in display.band_:
        assert not legend_box.count_contains(band.get_transform().transform(band.get_paths()[0].vertices))
