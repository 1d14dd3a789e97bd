"""One table with every candidate, fold and epoch, whatever tool has run them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # makes HalvingGridSearchCV importable
from sklearn.linear_model import LogisticRegression as OtherLogisticRegression
from sklearn.metrics import accuracy_score, log_loss, make_scorer, r2_score
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold, ShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import MLPClassifier, MLPRegressor, batched_fits
from sknets.model_selection import EarlyStopping, OptunaSearchCV, ValidationMonitor, epoch_curves
from tests.contract._cases import FEW_EPOCHS

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

GRID = {"mlpclassifier__alpha": [1e-4, 1e-2, 1.0], "mlpclassifier__learning_rate_init": [1e-3, 1e-2, 1e-1]}
COLUMNS = ["candidate", "fold", "epoch", "train_loss", "valid_loss", "train_score", "valid_score"]


@pytest.fixture
def monitored(pipeline):
    pipeline[-1].set_callbacks(ValidationMonitor())
    return pipeline


def assert_ends_with_split_scores(curves, search):
    last = curves.groupby(["candidate", "fold"])[["valid_score", "train_score"]].last().unstack()
    for fold in range(search.n_splits_):
        np.testing.assert_array_equal(last["valid_score"][fold], search.cv_results_[f"split{fold}_test_score"])
        if search.return_train_score:
            np.testing.assert_array_equal(last["train_score"][fold], search.cv_results_[f"split{fold}_train_score"])


def test_all_rows_of_a_grid_and_its_scores_exactly(monitored, tumours):
    search = GridSearchCV(monitored, GRID, cv=5, return_train_score=True).fit(*tumours)

    curves = epoch_curves(search)

    assert list(curves) == COLUMNS
    assert len(curves) == 9 * 5 * 8
    assert curves[["candidate", "fold", "epoch"]].drop_duplicates().shape == (360, 3)
    assert curves.notna().all(axis=None)
    assert_ends_with_split_scores(curves, search)


def own_score(name):
    """A scorer that computes the same, but is not known by its function."""
    return make_scorer(lambda y, predictions: SCORE_FUNCTIONS[name](y, predictions))


SCORE_FUNCTIONS = {"accuracy": accuracy_score, "r2": r2_score}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", ["accuracy", "r2", "r2 of transformed targets"])
def test_scores_that_are_computed_the_short_way_are_those_of_scikit_learn(case, dtype, rng):
    X, name = rng.normal(size=(90, 3)).astype(dtype), case.split()[0]
    y = 3 + 5 * X[:, 0] + rng.normal(size=90).astype(dtype)
    Network = MLPRegressor if name == "r2" else MLPClassifier
    network = Network(hidden_layer_sizes=(4,), max_iter=5, random_state=0).set_callbacks(ValidationMonitor())
    model = make_pipeline(StandardScaler(), network)
    if case == "r2 of transformed targets":
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    targets = y if name == "r2" else (y > 3).astype(int)

    short, long, default = (
        epoch_curves(cross_validate(model, X, targets, cv=3, scoring=scoring, return_estimator=True))
        for scoring in (name, own_score(name), None)
    )

    pd.testing.assert_frame_equal(short, long, check_exact=True)
    pd.testing.assert_frame_equal(short, default, check_exact=True)
    assert short["valid_score"].nunique() > 1


def test_a_constant_target_has_the_r2_that_scikit_learn_gives_it(rng):
    X, y = rng.normal(size=(30, 2)), np.zeros(30)
    network = MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0).set_callbacks(ValidationMonitor())

    curves = epoch_curves(cross_validate(network, X, y, cv=3, return_estimator=True))

    assert set(curves["valid_score"]) == {0.0}


def test_a_stack_and_single_fits_give_the_same_table(monitored, tumours):
    search = GridSearchCV(monitored, GRID, cv=3)
    one_by_one = epoch_curves(search.fit(*tumours))

    with batched_fits() as report:
        together = epoch_curves(search.fit(*tumours))

    assert report.stack_sizes == [27]
    pd.testing.assert_frame_equal(one_by_one, together)
    assert_ends_with_split_scores(together, search)


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
def test_a_regressions_last_score_is_exact_in_a_stack(scoring, regression, diabetes):
    regression[-1].set_callbacks(ValidationMonitor())
    search = GridSearchCV(regression, {"mlpregressor__alpha": [1e-4, 1.0]}, cv=3, scoring=scoring)

    with batched_fits():
        search.fit(*diabetes)

    assert_ends_with_split_scores(epoch_curves(search), search)


@pytest.mark.slow
def test_two_processes_give_the_same_table(monitored, tumours):
    search = GridSearchCV(monitored, GRID, cv=5)
    one = epoch_curves(search.fit(*tumours))

    two = epoch_curves(search.set_params(n_jobs=2).fit(*tumours))

    pd.testing.assert_frame_equal(one, two)
    assert_ends_with_split_scores(two, search)


def test_a_search_can_be_run_for_its_curves_and_stays_as_it_was(pipeline, tumours):
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1.0]}, cv=3)

    curves = epoch_curves(search, *tumours)

    assert len(curves) == 2 * 3 * 8
    assert not hasattr(search, "cv_results_")
    assert not hasattr(pipeline[-1], "_skl_callbacks")
    last = curves.groupby(["candidate", "fold"])["valid_score"].last().unstack()
    np.testing.assert_array_equal(last[0], clone(search).fit(*tumours).cv_results_["split0_test_score"])


def test_each_fit_of_a_search_has_curves_of_its_own(monitored, tumours):
    search = GridSearchCV(monitored, {"mlpclassifier__max_iter": [2]}, cv=2).fit(*tumours)

    search.set_params(param_grid={"mlpclassifier__max_iter": [4]}).fit(*tumours)

    assert len(epoch_curves(search)) == 2 * 4


def test_random_splits_are_those_of_the_search(monitored, tumours):
    search = GridSearchCV(monitored, {"mlpclassifier__alpha": [1e-4]}, cv=ShuffleSplit(3)).fit(*tumours)

    assert_ends_with_split_scores(epoch_curves(search), search)


@pytest.mark.slow
def test_halving_numbers_the_candidates_of_all_rounds(monitored, tumours):
    search = HalvingGridSearchCV(monitored, GRID, cv=3, factor=3, min_resources=40, random_state=0).fit(*tumours)

    curves = epoch_curves(search)

    assert curves["candidate"].nunique() == len(search.cv_results_["params"])
    last = curves.groupby(["candidate", "fold"])["valid_score"].last().unstack()
    for fold in range(3):
        np.testing.assert_array_equal(last[fold], search.cv_results_[f"split{fold}_test_score"])


def test_a_cross_validation_returns_estimators_with_curves(monitored, tumours):
    results = cross_validate(monitored, *tumours, cv=3, return_estimator=True)

    curves = epoch_curves(results)

    assert curves["candidate"].unique().tolist() == [0]
    np.testing.assert_array_equal(curves.groupby("fold")["valid_score"].last(), results["test_score"])


def test_a_cross_validation_that_nothing_watched_has_training_losses(pipeline, tumours):
    curves = epoch_curves(cross_validate(pipeline, *tumours, cv=3, return_estimator=True))

    assert curves["train_loss"].notna().all()
    assert curves["valid_score"].isna().all()


def test_the_held_out_rows_are_not_those_of_early_stopping(monitored, tumours):
    X, y = tumours
    monitored.set_params(mlpclassifier__early_stopping=True, mlpclassifier__n_iter_no_change=2)
    plain = clone(monitored)
    plain[-1].set_callbacks()

    watched = cross_validate(monitored, X, y, cv=3, return_estimator=True)

    unwatched = cross_validate(plain, X, y, cv=3, return_estimator=True)
    for own, other in zip(watched["estimator"], unwatched["estimator"], strict=True):
        np.testing.assert_array_equal(own[-1].validation_scores_, other[-1].validation_scores_)
        np.testing.assert_array_equal(own[-1].coefs_[0], other[-1].coefs_[0])


def test_losses_are_those_of_the_held_out_fold(monitored, tumours):
    X, y = tumours
    results = cross_validate(monitored, X, y, cv=3, return_estimator=True, return_indices=True)

    last = epoch_curves(results).groupby("fold")["valid_loss"].last()

    by_hand = [
        log_loss(y[test], pipeline.predict_proba(X[test]))
        for pipeline, test in zip(results["estimator"], results["indices"]["test"], strict=True)
    ]
    np.testing.assert_allclose(last, by_hand)


def test_a_class_that_the_fold_lacks_has_a_score_and_no_loss(monitored, tumours):
    X, y = tumours
    y = np.where(np.arange(len(y)) == len(y) - 1, 2, y)
    search = GridSearchCV(monitored, {"mlpclassifier__alpha": [1e-4]}, cv=KFold(3)).fit(X, y)

    curves = epoch_curves(search)

    assert curves.groupby("fold")["valid_loss"].apply(lambda losses: losses.isna().all()).tolist() == [
        False,
        False,
        True,
    ]
    assert_ends_with_split_scores(curves, search)


def test_a_monitor_may_have_a_score_of_its_own(pipeline, tumours):
    pipeline[-1].set_callbacks(ValidationMonitor(scoring="neg_log_loss", train_scores=False))
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4]}, cv=2).fit(*tumours)

    curves = epoch_curves(search)

    np.testing.assert_allclose(curves["valid_score"], -curves["valid_loss"])
    assert curves["train_score"].isna().all()


def test_training_scores_of_optunas_search_on_demand(pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=2, random_state=0)

    assert epoch_curves(clone(search).fit(*tumours))["train_score"].isna().all()
    curves = epoch_curves(search, *tumours)
    assert curves["train_score"].notna().all()


def test_what_has_no_curves_says_what_to_do(pipeline, tumours):
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4]}, cv=2).fit(*tumours)

    with pytest.raises(ValueError, match=r"epoch_curves\(search, X, y\).*ValidationMonitor"):
        epoch_curves(search)
    with pytest.raises(ValueError, match="return_estimator=True"):
        epoch_curves(cross_validate(pipeline, *tumours, cv=2))
    with pytest.raises(TypeError, match="history_"):
        epoch_curves(search.best_estimator_[-1])
    with pytest.raises(TypeError, match="network of sknets"):
        epoch_curves(GridSearchCV(OtherLogisticRegression(), {"C": [1.0]}), *tumours)
    with pytest.raises(TypeError, match="StandardScaler"):
        epoch_curves({"estimator": [StandardScaler()]})


def test_early_stopping_ends_each_fold_by_its_own_held_out_score(pipeline, tumours):
    pipeline.set_params(mlpclassifier__max_iter=40, mlpclassifier__learning_rate_init=0.03)
    monitored = clone(pipeline)
    monitored[-1].set_callbacks(ValidationMonitor())
    whole = epoch_curves(cross_validate(monitored, *tumours, cv=3, return_estimator=True))
    pipeline[-1].set_callbacks(EarlyStopping(patience=3), ValidationMonitor())

    with batched_fits() as report:
        stopped = epoch_curves(GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4]}, cv=3).fit(*tumours))

    assert report.stack_sizes == [3]
    for fold, curve in stopped.groupby("fold"):
        scores = whole[whole["fold"] == fold]["valid_score"].to_numpy()
        n_epochs = len(curve)
        assert n_epochs < 40
        np.testing.assert_allclose(curve["valid_score"], scores[:n_epochs])
        assert scores[:n_epochs].argmax() == n_epochs - 1 - 3


def test_early_stopping_by_rows_of_ones_own(tumours, pipeline):
    X, y = tumours
    network = pipeline[-1].set_params(max_iter=60, learning_rate_init=0.05)
    rows = StandardScaler().fit_transform(X)

    network.set_callbacks(EarlyStopping(patience=2, min_gain=0.01, X_val=rows[100:], y_val=y[100:])).fit(
        rows[:100], y[:100]
    )

    assert network.n_iter_ < 60


def test_early_stopping_needs_rows(tumours, pipeline):
    pipeline[-1].set_callbacks(EarlyStopping())

    with pytest.raises(ValueError, match="X_val="):
        pipeline.fit(*tumours)
    with pytest.raises(ValueError, match="together"):
        EarlyStopping(X_val=tumours[0])
    with pytest.raises(ValueError, match="patience"):
        EarlyStopping(patience=0)
