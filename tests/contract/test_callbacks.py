"""scikit-learn's callbacks and skorch's: told of every epoch, able to end training, and left as they were."""

import contextlib
import io

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, Perceptron
from tests.contract._cases import FEW_EPOCHS, ONE_EACH, STEPWISE, assert_same_bits, make_targets, name_of

quietly = pytest.mark.filterwarnings(FEW_EPOCHS)

EPOCHS = [
    *STEPWISE,
    LinearRegression(penalty="l1", alpha=0.01),
    LogisticRegression(max_iter=8),
    MLPClassifier((8,), solver="lbfgs", max_iter=8, random_state=0),
]


def n_epochs(estimator):
    return int(np.ravel(estimator.n_iter_)[0])


def score_name(estimator):
    return "accuracy" if is_classifier(estimator) else "r2"


def epoch_rows(monitor):
    """Return the monitor's rows that are of epochs, not of whole fits."""
    table = monitor.get_logs().data_as_pandas
    return table[table["task_name"].isin(["epoch", "lbfgs-iter"])]


class Recorder:
    """A FitCallback of scikit-learn's protocol."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.begun, self.ended, self.scores = [], [], []

    def setup(self, estimator, context):
        self.set_up = True

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.begun.append(context.task_name)
        self.metadata = metadata

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.ended.append(context.task_name)
        if fitted_estimator is not None and X is not None:
            self.scores.append(fitted_estimator.score(X, y))
        return self.stop_after is not None and self.ended.count("epoch") >= self.stop_after

    def teardown(self, estimator, context):
        self.torn_down = True


@quietly
@pytest.mark.parametrize("estimator", EPOCHS, ids=name_of)
def test_scoring_monitor_logs_one_score_an_epoch(estimator, X):
    monitor = ScoringMonitor(scoring=score_name(estimator))
    y = make_targets(estimator, X)

    fitted = clone(estimator).set_callbacks(monitor).fit(X, y)

    scored = epoch_rows(monitor)[score_name(estimator)].dropna()
    assert len(scored) == n_epochs(fitted)
    np.testing.assert_allclose(scored.iloc[-1], fitted.score(X, y))


@quietly
@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_scoring_monitor_sees_the_model_as_it_was_after_each_epoch(estimator, X):
    monitor = ScoringMonitor(scoring=score_name(estimator))
    y = make_targets(estimator, X)

    fitted = clone(estimator).set_callbacks(monitor).fit(X, y)

    by_hand = []
    for n in range(1, n_epochs(fitted) + 1):
        by_hand.append(clone(estimator).set_params(max_iter=n).fit(X, y).score(X, y))
    np.testing.assert_allclose(epoch_rows(monitor)[score_name(estimator)], by_hand)


@quietly
@pytest.mark.parametrize("estimator", EPOCHS, ids=name_of)
def test_being_watched_does_not_change_a_model(estimator, X):
    y = make_targets(estimator, X)

    assert_same_bits(clone(estimator).set_callbacks(Recorder()).fit(X, y), clone(estimator).fit(X, y))


@quietly
@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_scoring_monitor_works_through_a_pipeline(estimator, X):
    monitor = ScoringMonitor(scoring=score_name(estimator))
    y = make_targets(estimator, X)

    pipeline = make_pipeline(StandardScaler(), clone(estimator).set_callbacks(monitor)).fit(X, y)

    assert len(epoch_rows(monitor)) == n_epochs(pipeline[-1])


@quietly
@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scoring_monitor_works_through_a_search_in_several_jobs(n_jobs, X):
    monitor = ScoringMonitor(scoring="accuracy")
    clf = MLPClassifier((8,), batch_size=16, max_iter=4, random_state=0).set_callbacks(monitor)
    y = make_targets(clf, X)

    search = GridSearchCV(
        make_pipeline(StandardScaler(), clf), {"mlpclassifier__alpha": [1e-4, 1e-2]}, cv=3, n_jobs=n_jobs
    )
    search.fit(X, y)

    table = epoch_rows(monitor)
    per_fit = table.groupby("parent_task_id_path").size()
    # Two candidates in three folds, and the refit; four epochs each.
    assert per_fit.tolist() == [4] * 7


@quietly
@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_bar_works_on_a_search_in_several_jobs(n_jobs, X, capsys):
    clf = MLPClassifier((8,), batch_size=16, max_iter=4, random_state=0)
    y = make_targets(clf, X)
    search = GridSearchCV(make_pipeline(StandardScaler(), clf), {"mlpclassifier__alpha": [1e-4]}, cv=2, n_jobs=n_jobs)

    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)

    shown = capsys.readouterr().out
    assert "GridSearchCV" in shown
    assert "MLPClassifier" in shown


@quietly
@pytest.mark.parametrize("estimator", EPOCHS, ids=name_of)
def test_progress_bar_shows_the_estimator(estimator, X, capsys):
    clone(estimator).set_callbacks(ProgressBar()).fit(X, make_targets(estimator, X))

    shown = capsys.readouterr().out
    assert type(estimator).__name__ in shown
    assert "100%" in shown


@quietly
@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_every_epoch_begins_and_ends_once(estimator, X):
    recorder = Recorder()

    fitted = clone(estimator).set_callbacks(recorder).fit(X, make_targets(estimator, X))

    assert recorder.set_up
    assert recorder.torn_down
    assert recorder.begun == ["fit"] + ["epoch"] * n_epochs(fitted)
    assert recorder.ended == ["epoch"] * n_epochs(fitted) + ["fit"]
    assert len(recorder.scores) >= n_epochs(fitted)


@pytest.mark.parametrize("stop_after", [1, 3])
@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_a_callback_that_returns_true_ends_training_without_a_warning(stop_after, estimator, X):
    recorder = Recorder(stop_after)
    y = make_targets(estimator, X)
    estimator = clone(estimator).set_params(max_iter=50).set_callbacks(recorder)
    y = np.where(np.arange(60) % 7 == 0, 1 - y, y) if is_classifier(estimator) else y

    estimator.fit(X, y)

    assert n_epochs(estimator) == len(estimator.history_) == stop_after
    assert recorder.torn_down
    assert estimator.predict(X).shape == y.shape


@quietly
@pytest.mark.parametrize("estimator", ONE_EACH, ids=name_of)
def test_callbacks_are_given_the_sample_weights(estimator, X):
    recorder = Recorder()
    weights = np.linspace(1, 2, len(X))

    clone(estimator).set_callbacks(recorder).fit(X, make_targets(estimator, X), sample_weight=weights)

    np.testing.assert_array_equal(recorder.metadata["sample_weight"], weights)


@quietly
def test_a_stopped_early_stopping_run_keeps_its_best_weights(X):
    clf = MLPClassifier((8,), early_stopping=True, learning_rate_init=0.1, max_iter=50, random_state=0)
    y = make_targets(clf, X)

    clf.set_callbacks(Recorder(stop_after=6)).fit(X, y, X_val=X, y_val=y)

    assert clf.n_iter_ == 6
    assert clf.score(X, y) == clf.best_validation_score_ == max(clf.validation_scores_)


@quietly
@pytest.mark.parametrize("estimator", ONE_EACH, ids=name_of)
def test_a_failed_fit_can_be_repeated_under_callbacks(estimator, X):
    y = make_targets(estimator, X)
    estimator = clone(estimator).set_callbacks(Recorder())

    with pytest.raises(ValueError, match="contains NaN"):
        estimator.fit(np.full_like(X, np.nan), y)

    assert estimator.fit(X, y).predict(X).shape == y.shape


class Collector(Callback):
    """Collects epochs in a list of its own and tells a handle that it shares with its maker."""

    def __init__(self, handle=None):
        self.handle = handle
        self.epochs = []
        self.n_calls = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_calls += 1
        if self.handle is not None:
            self.handle.append(net.history[-1]["train_loss"])


@quietly
@pytest.mark.parametrize("estimator", [*STEPWISE, *EPOCHS[-3:], LinearRegression()], ids=name_of)
def test_skorch_callbacks_are_told_of_every_epoch(estimator, X):
    handle = []

    fitted = clone(estimator).set_params(callbacks=[Collector(handle)]).fit(X, make_targets(estimator, X))

    assert handle == fitted.loss_curve_


@quietly
@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_the_users_callback_object_stays_as_it_was(estimator, X):
    collector = Collector()
    before = dict(vars(collector))

    fitted = clone(estimator).set_params(callbacks=[collector]).fit(X, make_targets(estimator, X))

    assert vars(collector) == before
    assert fitted.net_.callbacks_[0][1].n_calls == n_epochs(fitted)


@quietly
def test_each_fit_begins_with_fresh_copies_of_the_callbacks(X):
    clf = MLPClassifier((4,), max_iter=3, callbacks=[("collector", Collector())], random_state=0)
    y = make_targets(clf, X)

    for _ in range(2):
        clf.fit(X, y)
        assert dict(clf.net_.callbacks_)["collector"].n_calls == 3


@quietly
def test_partial_fit_goes_on_with_the_same_callbacks(X):
    clf = MLPClassifier((4,), callbacks=[Collector()], random_state=0)

    for _ in range(3):
        clf.partial_fit(X, make_targets(clf, X), classes=[0, 1])

    assert clf.net_.callbacks_[0][1].n_calls == 3


class PrunedError(Exception):
    pass


class Trial:
    """As Optuna's: reported to, and asked whether to go on."""

    def __init__(self, prune_at):
        self.prune_at, self.reported = prune_at, []

    def report(self, value, step):
        self.reported.append((step, value))


class Pruning(Callback):
    def __init__(self, trial):
        self.trial = trial

    def on_epoch_end(self, net, **kwargs):
        self.trial.report(net.history[-1, "valid_loss"], net.history[-1, "epoch"])
        if len(self.trial.reported) >= self.trial.prune_at:
            raise PrunedError("trial was pruned")


@quietly
def test_a_pruning_callback_reports_to_the_trial_that_it_holds(X):
    trial = Trial(prune_at=3)
    clf = MLPClassifier((4,), max_iter=10, callbacks=[Pruning(trial)], random_state=0)
    y = make_targets(clf, X)

    with pytest.raises(PrunedError, match="pruned"):
        clf.fit(X, y, X_val=X, y_val=y)

    assert [step for step, _ in trial.reported] == [1, 2, 3]
    assert all(np.isfinite(value) for _, value in trial.reported)


@pytest.mark.parametrize(
    "estimator",
    [STEPWISE[0], STEPWISE[1], STEPWISE[3], STEPWISE[4]],
    ids=name_of,
)
def test_skorchs_early_stopping_ends_training_without_a_convergence_warning(estimator, X):
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0, threshold_mode="abs", sink=lambda text: None)
    estimator = clone(estimator).set_params(callbacks=[stop], max_iter=30)

    estimator.fit(X, make_targets(estimator, X))

    # The first epoch gains over none at all; the two after it do not.
    assert n_epochs(estimator) == 3


@quietly
def test_skorchs_early_stopping_watches_the_validation_loss(X):
    stop = EarlyStopping(monitor="valid_loss", patience=3, sink=lambda text: None)
    reg = MLPRegressor(
        hidden_layer_sizes=(30,), learning_rate_init=0.05, max_iter=300, callbacks=[stop], random_state=0
    )
    y = make_targets(reg, X)

    reg.fit(X[:30], y[:30], X_val=X[30:], y_val=y[30:])

    assert reg.n_iter_ < 300
    losses = [row["valid_loss"] for row in reg.history_]
    # Three rows without gain: the best one, then three that are not better.
    assert min(losses[-3:]) >= min(losses[:-3]) * (1 - 1e-4)


@quietly
def test_skorchs_checkpoint_writes_the_best_epochs_parameters(X, tmp_path):
    checkpoint = Checkpoint(monitor="train_loss_best", dirname=tmp_path, f_params="best.pt", sink=lambda text: None)
    clf = MLPClassifier((4,), max_iter=3, callbacks=[checkpoint], random_state=0)

    clf.fit(X, make_targets(clf, X))

    assert (tmp_path / "best.pt").exists()


@quietly
def test_skorchs_epoch_scoring_adds_a_column_to_the_history(X):
    scoring = EpochScoring(
        lambda net, X, y=None: 0.25, name="quarter", on_train=False, use_caching=False, lower_is_better=False
    )
    clf = MLPClassifier((4,), max_iter=3, callbacks=[scoring], random_state=0)
    y = make_targets(clf, X)

    clf.fit(X, y, X_val=X, y_val=y)

    assert [row["quarter"] for row in clf.history_] == [0.25] * 3


@quietly
def test_callbacks_on_batches_are_told_of_every_batch(X):
    seen = []

    class Batches(Callback):
        def on_batch_end(self, net, batch=None, training=None, **kwargs):
            seen.append(len(batch[0]))

    clf = MLPClassifier((4,), batch_size=25, max_iter=2, callbacks=[Batches()], random_state=0)
    clf.fit(X, make_targets(clf, X))

    assert seen == [25, 25, 10, 25, 25, 10]


@quietly
@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_skorch_callbacks_do_not_change_a_model(estimator, X):
    y = make_targets(estimator, X)

    watched = clone(estimator).set_params(callbacks=[Collector()]).fit(X, y)

    assert_same_bits(watched, clone(estimator).fit(X, y))


@quietly
def test_estimators_with_callbacks_are_cloned_and_searched(X):
    clf = MLPClassifier((4,), max_iter=2, callbacks=[EarlyStopping(monitor="train_loss", sink=lambda text: None)])
    y = make_targets(clf, X)

    search = GridSearchCV(clf, {"alpha": [0.0, 1.0]}, cv=2, error_score="raise").fit(X, y)

    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_perceptron_that_reaches_its_last_pass_warns_unless_stopped(X):
    y = np.where(np.arange(60) % 7 == 0, X[:, 0] > 0, X[:, 0] < 0)

    with pytest.warns(ConvergenceWarning, match=r"\(3\) reached"):
        Perceptron(max_iter=3).fit(X, y)


def test_verbose_prints_one_line_an_epoch(X):
    clf = MLPClassifier((4,), max_iter=3, verbose=True, tol=0, random_state=0)
    shown = io.StringIO()

    with contextlib.redirect_stdout(shown), pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\)"):
        clf.fit(X, make_targets(clf, X))

    lines = [line for line in shown.getvalue().splitlines() if line.startswith("Iteration ")]
    assert [line.split(",")[0] for line in lines] == ["Iteration 1", "Iteration 2", "Iteration 3"]
