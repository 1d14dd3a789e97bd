import math
import re
import warnings

import numpy as np
import pytest
import torch
from sklearn import neural_network as scikit_learn
from sklearn.datasets import load_digits, make_multilabel_classification
from skorch.callbacks import Callback

from sknets import LinearRegression, MLPClassifier, MLPRegressor
from sknets.exceptions import DivergenceError, DivergenceWarning
from sknets.training import LOSSES
from sknets.training._gradient_descent import _PassLog
from tests.training._fitting import dense_layers, fit
from tests.training._ways import in_both_ways, press_at, press_at_step

SGD = {"solver": "sgd", "learning_rate_init": 0.05, "hidden_layer_sizes": (6,), "max_iter": 8, "random_state": 5}
N_ROWS = 70


@pytest.fixture
def inputs(rng):
    return rng.normal(size=(N_ROWS, 4))


@pytest.fixture
def targets(inputs, rng):
    """Targets of each kind that depend on the inputs."""
    score = inputs @ rng.normal(size=(4, 3)) + 0.1 * rng.normal(size=(N_ROWS, 3))
    return {
        "binary": (score[:, 0] > 0).astype(int),
        "multiclass": score.argmax(axis=1),
        "multilabel": (score > 0).astype(int),
        "one output": score[:, 0],
        "several outputs": score,
    }


def pair_for(kind):
    is_number = kind in ("one output", "several outputs")
    name = "MLPRegressor" if is_number else "MLPClassifier"
    return (MLPRegressor if is_number else MLPClassifier), getattr(scikit_learn, name)


def assert_same_weights(ours, theirs, rtol):
    for our_array, their_array in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(our_array, their_array, rtol=rtol, atol=rtol)


# -------------------------------------------------------------------------------------------- scikit-learn's path

VARIANTS = {
    "defaults": {},
    "identity": {"activation": "identity"},
    "logistic": {"activation": "logistic"},
    "tanh": {"activation": "tanh"},
    "two layers": {"hidden_layer_sizes": (5, 3)},
    "small batches": {"batch_size": 7},
    "uneven batches": {"batch_size": 32},
    "single rows": {"batch_size": 1, "max_iter": 2, "learning_rate_init": 0.005},
    "no shuffling": {"batch_size": 16, "shuffle": False},
    "no momentum": {"batch_size": 16, "momentum": 0.0},
    "no look ahead": {"batch_size": 16, "nesterovs_momentum": False},
    "strong penalty": {"alpha": 5.0, "batch_size": 16},
    "no penalty": {"alpha": 0.0},
    "falling rate without momentum": {"learning_rate": "invscaling", "momentum": 0.0, "batch_size": 16},
    "adaptive rate without momentum": {
        "learning_rate": "adaptive",
        "momentum": 0.0,
        "tol": 0.1,
        "n_iter_no_change": 1,
        "max_iter": 12,
    },
}


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "one output"])
@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_sgd_takes_scikit_learns_path(inputs, targets, kind, variant):
    ours, theirs = (cls(**(SGD | VARIANTS[variant])) for cls in pair_for(kind))

    fit(ours, inputs, targets[kind])
    fit(theirs, inputs, targets[kind])

    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
    assert_same_weights(ours, theirs, rtol=1e-10)
    assert (ours.n_iter_, ours.t_, ours.n_layers_, ours.n_outputs_, ours.out_activation_) == (
        theirs.n_iter_,
        theirs.t_,
        theirs.n_layers_,
        theirs.n_outputs_,
        theirs.out_activation_,
    )
    assert ours.best_loss_ == pytest.approx(theirs.best_loss_, rel=1e-10)


@pytest.mark.parametrize("variant", ["defaults", "small batches", "strong penalty", "tanh"])
def test_sgd_takes_scikit_learns_path_for_several_outputs(inputs, targets, variant):
    # Only the weights: scikit-learn reports the mean over outputs, of which its steps are not the gradient.
    parameters = SGD | {"tol": 0.0, "n_iter_no_change": 100} | VARIANTS[variant]
    ours, theirs = MLPRegressor(**parameters), scikit_learn.MLPRegressor(**parameters)

    fit(ours, inputs, targets["several outputs"])
    fit(theirs, inputs, targets["several outputs"])

    assert_same_weights(ours, theirs, rtol=1e-10)


def test_sgd_takes_scikit_learns_path_for_counts(inputs, rng):
    counts = rng.poisson(np.exp(0.3 * inputs[:, 0]))
    parameters = SGD | {"loss": "poisson", "batch_size": 16, "learning_rate_init": 0.01}
    ours, theirs = MLPRegressor(**parameters), scikit_learn.MLPRegressor(**parameters)

    fit(ours, inputs, counts)
    fit(theirs, inputs, counts)

    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
    assert_same_weights(ours, theirs, rtol=1e-10)
    np.testing.assert_allclose(ours.predict(inputs), theirs.predict(inputs), rtol=1e-10)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "one output"])
def test_sgd_takes_scikit_learns_path_with_weights_of_the_rows(inputs, targets, rng, kind):
    # One batch: in several, scikit-learn divides by the batch's weight and sknets by its number of rows.
    weights = rng.uniform(0.1, 3, N_ROWS)
    ours, theirs = (cls(**(SGD | {"alpha": 0.5})) for cls in pair_for(kind))

    fit(ours, inputs, targets[kind], weights)
    fit(theirs, inputs, targets[kind], weights)

    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
    assert_same_weights(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("kind", ["binary", "multilabel", "one output"])
def test_early_stopping_takes_scikit_learns_path(inputs, targets, kind):
    parameters = SGD | {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 3, "max_iter": 30}
    ours, theirs = (cls(**parameters) for cls in pair_for(kind))

    fit(ours, inputs, targets[kind])
    fit(theirs, inputs, targets[kind])

    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-10)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
    assert_same_weights(ours, theirs, rtol=1e-10)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_, rel=1e-10)


def test_warm_start_takes_scikit_learns_path_where_no_seed_is_drawn_anew(inputs, targets):
    parameters = SGD | {"warm_start": True, "shuffle": False, "batch_size": 16}
    ours, theirs = MLPClassifier(**parameters), scikit_learn.MLPClassifier(**parameters)

    for _ in range(3):
        fit(ours, inputs, targets["multiclass"])
        fit(theirs, inputs, targets["multiclass"])

    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
    assert_same_weights(ours, theirs, rtol=1e-10)


def test_partial_fit_takes_scikit_learns_path(inputs, targets):
    parameters = SGD | {"shuffle": False, "batch_size": 16}
    ours, theirs = MLPClassifier(**parameters), scikit_learn.MLPClassifier(**parameters)

    for start in (0, 20, 40):
        rows = slice(start, start + 30)
        ours.partial_fit(inputs[rows], targets["multiclass"][rows], classes=[0, 1, 2])
        theirs.partial_fit(inputs[rows], targets["multiclass"][rows], classes=[0, 1, 2])

    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
    assert_same_weights(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "one output"])
def test_adam_stays_close_to_scikit_learns_path(inputs, targets, kind):
    # torch adds epsilon after it corrects the second moment's bias, scikit-learn before.
    parameters = SGD | {"solver": "adam", "learning_rate_init": 0.01, "batch_size": 16, "activation": "tanh"}
    ours, theirs = (cls(**parameters) for cls in pair_for(kind))

    fit(ours, inputs, targets[kind])
    fit(theirs, inputs, targets[kind])

    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-5)
    assert_same_weights(ours, theirs, rtol=1e-4)


@pytest.mark.slow
def test_adam_stays_close_to_scikit_learns_path_on_digits():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    parameters = {"hidden_layer_sizes": (50,), "max_iter": 15, "random_state": 0}
    ours, theirs = MLPClassifier(**parameters), scikit_learn.MLPClassifier(**parameters)

    fit(ours, X, y)
    fit(theirs, X, y)

    # Pixels that are never lit have gradients as small as epsilon, where its place tells.
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-3)


@pytest.mark.slow
def test_sgd_takes_scikit_learns_path_on_real_labels():
    X, Y = make_multilabel_classification(300, 10, n_classes=4, random_state=0)
    parameters = SGD | {"hidden_layer_sizes": (20, 10), "max_iter": 50, "learning_rate_init": 0.01}
    ours, theirs = MLPClassifier(**parameters), scikit_learn.MLPClassifier(**parameters)

    fit(ours, X, Y)
    fit(theirs, X, Y)

    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-8)


# -------------------------------------------------------------------------------------------- divergence


def diverging(**changes):
    """Linear regression without a minimum's reach: every step multiplies the weights."""
    parameters = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 1e3, "max_iter": 500, "tol": 0.0}
    return LinearRegression(n_iter_no_change=np.inf, **(parameters | changes))


def test_a_loss_that_grows_out_of_range_keeps_the_last_finite_weights(inputs, targets):
    with pytest.warns(
        DivergenceWarning, match=r"Training diverged: the loss was (inf|nan) in epoch \d+.*learning_rate_init=1000"
    ):
        reg = diverging().fit(inputs, targets["one output"])

    assert np.isfinite(reg.coef_).all()
    assert np.isfinite(reg.intercept_)
    # They are the last ones: large, and those of the epoch before.
    assert np.abs(reg.coef_).max() > 1e100
    with np.errstate(over="ignore"):
        assert not np.isfinite(reg.loss_)


def test_the_kept_weights_are_those_of_the_epoch_that_is_named(inputs, targets):
    y = targets["one output"]
    with pytest.warns(DivergenceWarning, match=r"The weights of epoch \d+ were kept") as caught:
        reg = diverging().fit(inputs, y)
    diverged, kept = map(int, re.findall(r"epoch (\d+)", str(caught[0].message)))

    assert diverged == reg.n_iter_
    assert kept in (diverged - 1, diverged - 2)
    shorter = fit(diverging(max_iter=kept), inputs, y)
    np.testing.assert_array_equal(reg.coef_, shorter.coef_)


def test_the_kept_weights_predict_finite_numbers(inputs, targets):
    with pytest.warns(DivergenceWarning, match="Training diverged"):
        reg = diverging().fit(inputs, targets["one output"])

    assert np.isfinite(reg.predict(inputs)).all()


def test_the_log_ends_with_the_row_of_the_divergence(inputs, targets):
    with pytest.warns(DivergenceWarning, match="Training diverged"), np.errstate(over="ignore"):
        reg = diverging().fit(inputs, targets["one output"], None, inputs, targets["one output"])

    *finite, last = reg.history_
    assert np.isfinite([row["train_loss"] for row in finite]).all()
    assert not math.isfinite(last["train_loss"])
    assert math.isnan(last["valid_loss"])
    assert math.isnan(last["valid_score"])
    assert reg.n_iter_ == len(reg.history_)
    assert math.isfinite(reg.best_loss_)


def test_divergence_restores_the_best_validation_score_under_early_stopping(inputs, targets):
    y = targets["one output"]

    with pytest.warns(DivergenceWarning, match="Training diverged"), np.errstate(over="ignore"):
        reg = diverging(early_stopping=True).fit(inputs, y, None, inputs, y)

    assert reg.best_validation_score_ == max(score for score in reg.validation_scores_ if math.isfinite(score))
    assert reg.score(inputs, y) == pytest.approx(reg.best_validation_score_, rel=1e-9)


def test_divergence_in_the_first_epoch_is_an_error_with_remedies(inputs, targets):
    with pytest.raises(
        DivergenceError,
        match=r"non-finite.*first epoch: scale X \(StandardScaler\), or lower learning_rate_init=1000",
    ):
        diverging(batch_size=1).fit(inputs * 1e3, targets["one output"])


def test_divergence_in_the_first_epoch_is_scikit_learns_kind_of_error(inputs, targets):
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        MLPRegressor(solver="sgd", learning_rate_init=1e200, batch_size=10).fit(inputs * 1e150, targets["one output"])


def test_a_failed_fit_leaves_an_earlier_one_untouched(inputs, targets):
    y = targets["one output"]
    reg = fit(MLPRegressor(**SGD), inputs, y)
    before, curve = reg.predict(inputs), list(reg.loss_curve_)

    with pytest.raises(DivergenceError, match="first epoch"):
        reg.set_params(learning_rate_init=1e200, batch_size=10).fit(inputs * 1e150, y)

    np.testing.assert_array_equal(reg.predict(inputs), before)
    assert reg.loss_curve_ == curve


@pytest.mark.parametrize("again", ["fit", "partial_fit"])
def test_a_failed_continuation_leaves_the_weights_untouched(inputs, targets, again):
    y = targets["one output"]
    reg = fit(MLPRegressor(warm_start=True, **SGD), inputs, y)
    before, curve = reg.predict(inputs), list(reg.loss_curve_)

    with pytest.raises(DivergenceError, match="first epoch"):
        getattr(reg, again)(inputs * 1e300, y)

    np.testing.assert_array_equal(reg.predict(inputs), before)
    assert reg.loss_curve_ == curve


def test_the_optimizer_begins_anew_after_a_divergence(inputs, targets):
    y = targets["one output"]
    with pytest.warns(DivergenceWarning, match="Training diverged"):
        reg = diverging(momentum=0.9).fit(inputs, y)
    assert not reg.net_.optimizer_.state
    with torch.no_grad():
        for parameter in reg.module_.parameters():
            parameter.zero_()

    reg.set_params(learning_rate_init=1e-2).partial_fit(inputs, y)

    assert np.isfinite(reg.coef_).all()
    assert reg.loss_ == pytest.approx(np.mean(y**2), rel=1e-9)


# -------------------------------------------------------------------------------------------- Ctrl-C


def interruption(moment, k):
    """A callback that presses Ctrl-C at the k-th call of one of the net's moments."""
    calls = []

    def press(self, net, **kwargs):
        calls.append(moment)
        if len(calls) == k:
            raise KeyboardInterrupt

    return type("Interruption", (Callback,), {moment: press})()


def interrupted(estimator, *data, **more):
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        return estimator.fit(*data, **more)


PARAMETERS = SGD | {"batch_size": 10, "shuffle": False}  # seven steps an epoch


@in_both_ways
@pytest.mark.parametrize(("k", "n_whole_steps"), [(10, 9), (7, 6), (8, 7), (2, 1)])
def test_an_interruption_keeps_the_steps_that_were_done(inputs, targets, monkeypatch, way, k, n_whole_steps):
    y = targets["one output"]

    press_at_step(monkeypatch, way, k)
    reg = interrupted(MLPRegressor(**PARAMETERS), inputs, y)
    monkeypatch.undo()

    # The same steps by hand.
    module = MLPRegressor(**PARAMETERS).initialize(inputs, y).module_
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    matrices = [layer.weight for layer in dense_layers(module)]
    for step in range(n_whole_steps):
        rows = slice(step % 7 * 10, step % 7 * 10 + 10)
        optimizer.zero_grad()
        loss = 0.5 * (module(torch.from_numpy(inputs[rows]))[:, 0] - torch.from_numpy(y[rows])).square().mean()
        (loss + sum((matrix**2).sum() for matrix in matrices) * (0.5e-4 / 10)).backward()
        optimizer.step()
    for ours, theirs in zip(reg.module_.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@in_both_ways
@pytest.mark.parametrize(("k", "n_rows_seen", "n_epochs"), [(10, 90, 2), (8, 70, 1), (4, 30, 1), (1, 0, 0)])
def test_an_interrupted_epoch_is_logged_where_it_learnt_something(
    inputs, targets, monkeypatch, way, k, n_rows_seen, n_epochs
):
    press_at_step(monkeypatch, way, k)

    reg = interrupted(MLPRegressor(**PARAMETERS), inputs, targets["one output"])

    assert reg.t_ == n_rows_seen
    assert reg.n_iter_ == len(reg.history_) == len(reg.loss_curve_) == n_epochs
    assert all("seconds" in row for row in reg.history_)
    assert np.isfinite(reg.predict(inputs)).all()


def test_no_convergence_warning_follows_an_interruption(inputs, targets):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        MLPRegressor(**(PARAMETERS | {"max_iter": 2, "callbacks": [interruption("on_batch_end", 9)]})).fit(
            inputs, targets["one output"]
        )

    assert [str(warning.message) for warning in caught] == ["Training interrupted by user."]


@pytest.mark.parametrize("moment", ["on_epoch_begin", "on_batch_begin", "on_grad_computed", "on_batch_end"])
def test_an_interruption_from_any_hook_keeps_what_was_learnt(inputs, targets, moment):
    parameters = PARAMETERS | {"callbacks": [interruption(moment, 3)]}

    reg = interrupted(MLPRegressor(**parameters), inputs, targets["one output"])

    assert reg.n_iter_ == len(reg.history_) == len(reg.loss_curve_)
    assert all({"train_loss", "seconds"} <= set(row) for row in reg.history_)


@in_both_ways
def test_early_stopping_restores_the_best_weights_after_an_interruption(inputs, targets, way, monkeypatch):
    X, y, X_val, y_val = inputs[:50], targets["one output"][:50], inputs[50:], targets["one output"][50:]
    parameters = SGD | {"learning_rate_init": 0.1, "max_iter": 40, "batch_size": 10, "n_iter_no_change": 100}
    press_at_step(monkeypatch, way, 5 * 20 + 3)

    reg = interrupted(MLPRegressor(early_stopping=True, **parameters), X, y, X_val=X_val, y_val=y_val)

    assert len(reg.validation_scores_) == 20
    assert int(np.argmax(reg.validation_scores_)) < 19
    assert reg.best_validation_score_ == max(reg.validation_scores_)
    assert reg.score(X_val, y_val) == pytest.approx(reg.best_validation_score_, rel=1e-12)


def test_an_interruption_while_validation_rows_are_scored_leaves_a_whole_log(inputs, targets, monkeypatch):
    y = targets["one output"]
    # The loss as a module is called for validation rows only.
    press_at(monkeypatch, LOSSES["squared_error"], "forward", 2)

    reg = interrupted(MLPRegressor(**PARAMETERS), inputs, y, X_val=inputs, y_val=y)

    assert reg.n_iter_ == len(reg.history_) == len(reg.loss_curve_)
    assert reg.t_ == N_ROWS * reg.n_iter_
    assert reg.n_iter_ == 2
    assert all("seconds" in row for row in reg.history_)


def test_an_interruption_amid_a_diverging_epoch_keeps_finite_weights(inputs, targets):
    class Interruption(Callback):
        def on_batch_end(self, net, **kwargs):
            self.n_batches = getattr(self, "n_batches", 0) + 1
            if self.n_batches == 16:
                # As a step leaves them that was too long; the epoch's end would see it.
                dense_layers(net.module_)[0].weight.data.fill_(math.nan)
            if self.n_batches == 17:
                raise KeyboardInterrupt

    reg = interrupted(MLPRegressor(**(PARAMETERS | {"callbacks": [Interruption()]})), inputs, targets["one output"])

    assert all(np.isfinite(array).all() for array in reg.coefs_ + reg.intercepts_)


@in_both_ways
def test_training_can_go_on_after_an_interruption(inputs, targets, way, monkeypatch):
    y = targets["one output"]
    press_at_step(monkeypatch, way, 10)
    reg = interrupted(MLPRegressor(**(PARAMETERS | {"warm_start": True})), inputs, y)
    loss = reg.loss_

    fit(reg.set_params(max_iter=20), inputs, y)

    assert reg.n_iter_ == 20
    assert reg.loss_ < loss


# -------------------------------------------------------------------------------------------- best weights


@pytest.mark.parametrize("kind", ["binary", "multiclass", "one output"])
def test_early_stopping_ends_with_the_best_epochs_weights(inputs, targets, kind):
    X, y, X_val, y_val = inputs[:50], targets[kind][:50], inputs[50:], targets[kind][50:]
    parameters = SGD | {"learning_rate_init": 0.2, "max_iter": 60, "n_iter_no_change": 5, "early_stopping": True}

    estimator = fit(pair_for(kind)[0](**parameters), X, y, X_val=X_val, y_val=y_val)

    best = int(np.argmax(estimator.validation_scores_))
    shorter = fit(pair_for(kind)[0](**(parameters | {"max_iter": best + 1})), X, y, X_val=X_val, y_val=y_val)
    assert estimator.score(X_val, y_val) == pytest.approx(max(estimator.validation_scores_), rel=1e-12)
    np.testing.assert_array_equal(estimator.coefs_[0], shorter.coefs_[0])


def test_the_running_statistics_of_batch_normalization_are_restored_with_the_weights(inputs, targets):
    X, y, X_val, y_val = inputs[:50], targets["one output"][:50], inputs[50:], targets["one output"][50:]
    reg = MLPRegressor(
        early_stopping=True,
        normalization="batch",
        **(SGD | {"learning_rate_init": 0.2, "max_iter": 30, "batch_size": 10}),
    )

    fit(reg, X, y, X_val=X_val, y_val=y_val)

    best = int(np.argmax(reg.validation_scores_))
    assert int(reg.module_[1].num_batches_tracked) == 5 * (best + 1)
    assert reg.score(X_val, y_val) == pytest.approx(reg.best_validation_score_, rel=1e-12)


def test_the_log_of_a_pass_keeps_few_tensors_and_gives_the_mean_over_rows(rng):
    sizes = [*[7] * 99, 3]
    losses, penalties = torch.from_numpy(rng.random(100)), torch.from_numpy(rng.random(100))
    log, n_kept = _PassLog(sizes), []

    for loss, penalty in zip(losses, penalties, strict=True):
        log.add(loss, penalty)
        n_kept.append(len(log.losses))

    assert max(n_kept) < 40
    assert log.n_rows == sum(sizes)
    assert log.mean_loss() == pytest.approx(np.average((losses + penalties).numpy(), weights=sizes), rel=1e-14)
