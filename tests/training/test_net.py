import copy
import gc
import io
import pickle
import warnings
import weakref

import joblib
import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, roc_auc_score
from skorch import callbacks as skorch_callbacks
from torch import nn

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, Perceptron
from sknets.exceptions import DeviceMovedWarning
from tests.training._fitting import dense_layers, fit


@pytest.fixture
def table(rng):
    X = rng.normal(size=(60, 4))
    return X, (X[:, 0] + 0.5 * rng.normal(size=60) > 0).astype(int)


@pytest.fixture
def validation(rng):
    X = rng.normal(size=(25, 4))
    return {"X_val": X, "y_val": (X[:, 0] > 0).astype(int)}


@pytest.fixture
def no_collector():
    gc.disable()
    yield
    gc.enable()


def mlp(*callbacks, **parameters):
    parameters = {"batch_size": 20, "max_iter": 5, "learning_rate_init": 0.02, "random_state": 0} | parameters
    return MLPClassifier((5,), callbacks=list(callbacks), **parameters)


def logged(estimator, key):
    return [row[key] for row in estimator.history_]


# -------------------------------------------------------------------------------------------- copies


def pickled(estimator):
    return pickle.loads(pickle.dumps(estimator))


def dumped_by_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


COPIES = [pickled, copy.deepcopy, dumped_by_joblib]


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adam"},
        {"solver": "sgd", "momentum": 0.9},
        {"solver": "adamw", "alpha": 0.1},
        {"dropout": 0.3},
        {"normalization": "batch"},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"precision": "float32"},
    ],
    ids=str,
)
def test_a_copy_goes_on_training_as_the_original_does(table, copied, parameters):
    clf = mlp(**parameters)
    for _ in range(3):
        clf.partial_fit(*table, classes=[0, 1])

    twin = copied(clf)

    np.testing.assert_array_equal(twin.predict_proba(table[0]), clf.predict_proba(table[0]))
    for estimator in (clf, twin):
        for _ in range(3):
            estimator.partial_fit(*table)
    assert twin.loss_curve_ == clf.loss_curve_
    for ours, theirs in zip(twin.coefs_, clf.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_trains_for_itself(table, copied):
    clf = mlp().partial_fit(*table, classes=[0, 1])
    before = clf.coefs_[0].copy()

    copied(clf).partial_fit(*table)

    np.testing.assert_array_equal(clf.coefs_[0], before)
    assert len(clf.history_) == 1


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        LinearRegression(penalty="l1", alpha=0.01),
        LogisticRegression(),
        Perceptron(),
        MLPRegressor(early_stopping=True, tol=1.0, hidden_layer_sizes=(3,)),
    ],
    ids=str,
)
def test_every_kind_of_estimator_can_be_copied(table, copied, estimator):
    estimator = estimator.fit(*table)

    twin = copied(estimator)

    np.testing.assert_array_equal(twin.predict(table[0]), estimator.predict(table[0]))
    assert twin.history_ == estimator.history_
    assert twin.net_.solver is estimator.net_.solver


@pytest.mark.parametrize("copied", COPIES)
def test_a_warm_start_after_a_copy_is_one_without(table, copied):
    clf = fit(mlp(warm_start=True, early_stopping=True), *table)
    twin = copied(clf)

    fit(clf, *table)
    fit(twin, *table)

    assert twin.validation_scores_ == clf.validation_scores_
    np.testing.assert_array_equal(twin.coefs_[0], clf.coefs_[0])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device that is to be missing")
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_model_of_a_missing_device_is_loaded_on_the_cpu_with_a_warning(table, dropout):
    clf = mlp(dropout=dropout).partial_fit(*table, classes=[0, 1])
    expected = clf.predict_proba(table[0])
    clf.net_.device = "cuda"
    file = pickle.dumps(clf)

    with pytest.warns(
        DeviceMovedWarning, match="trained on cuda, which this machine does not have; it is now on the CPU"
    ):
        loaded = pickle.loads(file)

    assert loaded.device_ == torch.device("cpu")
    np.testing.assert_array_equal(loaded.predict_proba(table[0]), expected)
    loaded.partial_fit(*table)
    assert np.isfinite(loaded.loss_)
    # Once moved, it is a model of the CPU like any other.
    assert pickled(loaded).device_ == torch.device("cpu")


def test_nothing_of_the_training_rows_is_kept(table):
    X, y = table
    wide = np.hstack([X, np.zeros((60, 2000))])

    clf = fit(MLPClassifier((1,), max_iter=1, solver="sgd", momentum=0), wide, y)

    n_weights = sum(array.size for array in clf.coefs_ + clf.intercepts_)
    assert len(pickle.dumps(clf)) < 4 * 8 * n_weights + 20_000 < wide.nbytes


# -------------------------------------------------------------------------------------------- precision


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_bfloat16_trains_and_answers_in_the_dtype_of_the_data(table, dtype, solver):
    X, y = table[0].astype(dtype), table[1]
    clf = MLPClassifier(
        (16,), solver=solver, precision="bfloat16", max_iter=30, learning_rate_init=0.02, random_state=0
    )

    if solver == "lbfgs":
        # In steps of half a percent the loss may not fall to where the walk would end by itself.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            clf.fit(X, y)
    else:
        fit(clf, X, y)

    assert clf.coefs_[0].dtype == np.float32
    assert clf.predict_proba(X).dtype == dtype
    assert clf.score(X, y) > 0.7
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1, rtol=1e-6)


def test_bfloat16_multiplies_in_half_precision(table):
    X, y = table
    wide = mlp(precision="float32").initialize(X, y)
    half = mlp(precision="bfloat16").initialize(X, y)

    difference = np.abs(wide.decision_function(X) - half.decision_function(X)).max()

    # Eight bits of mantissa: errors near 2 ** -8 and not near 2 ** -24.
    assert 1e-4 < difference < 5e-2


@pytest.mark.parametrize(
    ("precision", "X_dtype", "expected"),
    [
        ("auto", np.float64, np.float64),
        ("auto", np.float32, np.float32),
        ("float32", np.float64, np.float32),
        ("float64", np.float32, np.float64),
    ],
)
def test_parameters_have_the_precision_that_was_asked_for(table, precision, X_dtype, expected):
    X, y = table[0].astype(X_dtype), table[1]

    clf = fit(mlp(precision=precision, device="cpu"), X, y)

    assert clf.coefs_[0].dtype == expected
    assert clf.predict_proba(X).dtype == X_dtype


@pytest.mark.parametrize(
    "parameters",
    [{}, {"early_stopping": True}, {"solver": "nadam"}, {"solver": torch.optim.RAdam}, {"solver": "lbfgs", "tol": 1}],
    ids=["machine code", "early stopping", "operations", "autograd", "all rows at once"],
)
def test_a_networks_memory_is_free_as_soon_as_the_estimator_is_gone(parameters, table, no_collector):
    estimator = fit(mlp(**parameters), *table)
    module = weakref.ref(estimator.module_)

    del estimator

    assert module() is None


# -------------------------------------------------------------------------------------------- skorch's callbacks


@pytest.mark.parametrize("use_caching", [True, False])
@pytest.mark.parametrize(("scoring", "metric"), [("accuracy", accuracy_score), ("roc_auc", roc_auc_score)])
def test_epoch_scoring_scores_the_validation_rows(table, validation, scoring, metric, use_caching):
    scorer = skorch_callbacks.EpochScoring(scoring, lower_is_better=False, name="own", use_caching=use_caching)

    clf = fit(mlp(scorer), *table, **validation)

    X, y = validation.values()
    assert len(logged(clf, "own")) == 5
    predicted = clf.predict(X) if scoring == "accuracy" else clf.predict_proba(X)[:, 1]
    assert logged(clf, "own")[-1] == pytest.approx(metric(y, predicted), rel=1e-12)
    if scoring == "accuracy":
        np.testing.assert_allclose(logged(clf, "own"), logged(clf, "valid_score"), rtol=1e-12)


def test_epoch_scoring_scores_the_training_rows(table):
    scorer = skorch_callbacks.EpochScoring("accuracy", name="own", on_train=True, use_caching=False)

    clf = fit(mlp(scorer), *table)

    assert logged(clf, "own")[-1] == pytest.approx(clf.score(*table), rel=1e-12)


def test_epoch_scoring_scores_numbers(rng):
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    scorer = skorch_callbacks.EpochScoring("r2", name="own", on_train=True, use_caching=False)

    reg = fit(MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, callbacks=[scorer]), X, y)

    assert logged(reg, "own")[-1] == pytest.approx(reg.score(X, y), rel=1e-9)


def test_epoch_scoring_without_validation_rows_says_nothing(table):
    clf = fit(mlp(skorch_callbacks.EpochScoring("accuracy", name="own", use_caching=False)), *table)

    assert "own" not in clf.history_[-1]


def test_batch_scoring_scores_the_validation_rows(table, validation):
    clf = fit(mlp(skorch_callbacks.BatchScoring("accuracy", name="own", lower_is_better=False)), *table, **validation)

    np.testing.assert_allclose(logged(clf, "own"), logged(clf, "valid_score"), rtol=1e-12)


def test_a_checkpoint_holds_the_best_epochs_weights(table, validation, tmp_path):
    checkpoint = skorch_callbacks.Checkpoint(dirname=tmp_path, monitor="valid_loss_best", load_best=True)

    clf = fit(mlp(checkpoint, learning_rate_init=0.3, max_iter=15), *table, **validation)

    losses = logged(clf, "valid_loss")
    best = int(np.argmin(losses))
    assert best < 14
    assert (tmp_path / "params.pt").exists()
    shorter = fit(mlp(learning_rate_init=0.3, max_iter=best + 1), *table)
    np.testing.assert_array_equal(clf.coefs_[0], shorter.coefs_[0])


def test_a_checkpoint_watches_the_training_loss_too(table, tmp_path):
    checkpoint = skorch_callbacks.Checkpoint(dirname=tmp_path, monitor="train_loss_best")

    clf = fit(mlp(checkpoint), *table)

    losses = np.array(logged(clf, "train_loss"))
    assert logged(clf, "event_cp") == [bool(loss == losses[: k + 1].min()) for k, loss in enumerate(losses)]


def test_the_parameters_at_the_end_are_saved_and_loaded(table, tmp_path):
    clf = fit(mlp(skorch_callbacks.TrainEndCheckpoint(dirname=tmp_path)), *table)
    other = mlp(random_state=1).initialize(*table)

    other.net_.load_params(tmp_path / "train_end_params.pt")

    np.testing.assert_array_equal(other.predict_proba(table[0]), clf.predict_proba(table[0]))


@pytest.mark.filterwarnings("error")
def test_skorchs_early_stopping_ends_training_quietly(table, validation):
    stopping = skorch_callbacks.EarlyStopping(monitor="valid_loss", patience=3, threshold=10.0, threshold_mode="abs")

    clf = mlp(stopping, max_iter=50).fit(*table, **validation)

    # The first loss is better than infinity, the three after it are not by 10.
    assert clf.n_iter_ == len(clf.history_) == 4


def test_skorchs_early_stopping_can_load_the_best_weights(table, validation):
    stopping = skorch_callbacks.EarlyStopping(patience=5, load_best=True)

    clf = mlp(stopping, max_iter=100, learning_rate_init=0.3).fit(*table, **validation)

    best = int(np.argmin(logged(clf, "valid_loss")))
    shorter = fit(mlp(learning_rate_init=0.3, max_iter=best + 1), *table)
    np.testing.assert_array_equal(clf.coefs_[0], shorter.coefs_[0])


def test_gradients_are_clipped_before_the_step(table):
    parameters = {"solver": "sgd", "momentum": 0.0, "batch_size": 60, "max_iter": 1, "learning_rate_init": 1.0}
    start = mlp(**parameters).initialize(*table)

    clf = fit(mlp(skorch_callbacks.GradientNormClipping(1e-3), **parameters), *table)

    steps = [
        ours - theirs
        for ours, theirs in zip(clf.coefs_ + clf.intercepts_, start.coefs_ + start.intercepts_, strict=True)
    ]
    assert np.sqrt(sum((step**2).sum() for step in steps)) == pytest.approx(1e-3, rel=1e-3)


def test_gradients_that_callbacks_see_hold_the_penalty(table):
    seen = []

    class Record(skorch_callbacks.Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            seen.extend(parameter.grad.abs().max().item() for _, parameter in named_parameters if parameter.ndim > 1)

    fit(mlp(Record(), alpha=1e6, max_iter=1, batch_size=60, learning_rate_init=1e-200, solver="sgd"), *table)

    start = mlp().initialize(*table)
    np.testing.assert_allclose(seen, [1e6 / 60 * np.abs(coef).max() for coef in start.coefs_], rtol=1e-3)


def test_a_learning_rate_scheduler_lowers_the_rate_of_the_steps(table):
    scheduler = skorch_callbacks.LRScheduler("StepLR", step_size=1, gamma=0.1)

    clf = fit(mlp(scheduler, solver="sgd"), *table)

    np.testing.assert_allclose(logged(clf, "learning_rate"), 0.02 * 0.1 ** np.arange(5), rtol=1e-9)


def test_a_learning_rate_scheduler_steps_after_every_batch(table):
    scheduler = skorch_callbacks.LRScheduler("StepLR", step_size=1, gamma=0.5, step_every="batch")

    clf = fit(mlp(scheduler, solver="sgd"), *table)

    # Three batches an epoch, and the log is written after the last one's step.
    np.testing.assert_allclose(logged(clf, "learning_rate"), 0.02 * 0.5 ** (3.0 * np.arange(1, 6)), rtol=1e-9)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("at", [1, 3])
def test_frozen_layers_stay_as_they_are(table, at, solver):
    seen = []

    class Record(skorch_callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(dense_layers(net.module_)[0].weight.detach().clone())

    fit(mlp(skorch_callbacks.Freezer("0.*", at=at), Record(), solver=solver), *table)

    frozen_from = max(at - 2, 0)
    assert all(torch.equal(weight, seen[frozen_from]) for weight in seen[frozen_from:])
    if at == 3:
        assert not torch.equal(seen[0], seen[1])


def test_an_initializer_sets_the_first_weights(table):
    initializer = skorch_callbacks.Initializer("*", fn=nn.init.zeros_)

    clf = fit(mlp(initializer, learning_rate_init=1e-200, solver="sgd"), *table)

    assert all(np.abs(coef).max() < 1e-150 for coef in clf.coefs_)


def test_the_printed_log_has_the_columns_of_the_history(table, validation):
    lines = []

    fit(mlp(skorch_callbacks.PrintLog(sink=lines.append)), *table, **validation)

    assert len(lines) == 2 + 5
    assert lines[0].split() == ["epoch", "learning_rate", "seconds", "train_loss", "valid_loss", "valid_score"]


def test_the_printed_log_appears_where_it_was_asked_for(table, capsys):
    fit(mlp(skorch_callbacks.PrintLog()), *table)

    assert "train_loss" in capsys.readouterr().out


def test_the_progress_bar_counts_the_batches(table, capsys):
    pytest.importorskip("tqdm")

    fit(mlp(skorch_callbacks.ProgressBar(detect_notebook=False), max_iter=2), *table)

    # 60 rows in batches of 20.
    assert "/3 [" in capsys.readouterr().err


def test_an_epoch_timer_writes_its_column(table, validation):
    timer = skorch_callbacks.EpochTimer()

    clf = fit(mlp(timer), *table, **validation)

    assert all(seconds > 0 for seconds in logged(clf, "dur"))


@pytest.mark.parametrize("estimator", [LinearRegression(), LogisticRegression(), Perceptron()], ids=str)
def test_callbacks_work_on_solvers_without_batches(table, estimator):
    scorer = skorch_callbacks.EpochScoring(
        "r2" if isinstance(estimator, LinearRegression) else "accuracy", name="own", on_train=True, use_caching=False
    )

    estimator.set_params(callbacks=[scorer]).fit(*table)

    assert logged(estimator, "own")[-1] == pytest.approx(estimator.score(*table), rel=1e-9)


# -------------------------------------------------------------------------------------------- skorch's verbs


def test_the_net_predicts_what_the_estimator_predicts(table):
    clf = fit(mlp(), *table)

    np.testing.assert_allclose(clf.net_.predict_proba(table[0]), clf.predict_proba(table[0]), rtol=1e-12)
    np.testing.assert_array_equal(clf.net_.predict(table[0]), clf.predict(table[0]))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_the_net_of_a_regressor_predicts_expected_values(rng, loss):
    X, y = rng.normal(size=(30, 3)), rng.poisson(2, 30).astype(float)

    reg = fit(MLPRegressor(loss=loss, hidden_layer_sizes=(4,), max_iter=3), X, y)

    np.testing.assert_allclose(reg.net_.predict(X).ravel(), reg.predict(X), rtol=1e-12)


@pytest.mark.parametrize("verb", ["fit", "partial_fit"])
def test_the_net_does_not_train_past_its_estimator(table, verb):
    clf = fit(mlp(), *table)
    before = clf.predict_proba(table[0])

    with pytest.raises(TypeError, match=r"Call fit or partial_fit of the estimator instead of its net_; got ndarray"):
        getattr(clf.net_, verb)(*table)

    np.testing.assert_array_equal(clf.predict_proba(table[0]), before)


def test_parameters_optimizer_and_history_are_saved_and_loaded(table, tmp_path):
    clf = fit(mlp(), *table)
    files = {"f_params": tmp_path / "a", "f_optimizer": tmp_path / "b", "f_history": tmp_path / "c"}
    clf.net_.save_params(**files)
    other = fit(mlp(random_state=1, max_iter=1), *table)

    other.net_.load_params(**files)

    np.testing.assert_array_equal(other.predict_proba(table[0]), clf.predict_proba(table[0]))
    assert other.net_.history[:, "train_loss"] == clf.loss_curve_


def test_the_module_is_left_ready_for_prediction(table):
    clf = fit(mlp(dropout=0.5), *table)

    assert not clf.module_.training
    np.testing.assert_array_equal(clf.predict_proba(table[0]), clf.predict_proba(table[0]))
