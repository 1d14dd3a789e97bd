"""A search of Optuna's is a search of scikit-learn's that ends hopeless trials early."""

import pickle

import numpy as np
import optuna
import pandas as pd
import pytest
import sklearn
import torch
from joblib import parallel_config
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.callback import ProgressBar
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression as OtherLogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from skorch.callbacks import Callback

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, batched_fits
from sknets.model_selection import OptunaSearchCV, epoch_curves
from tests.contract._cases import FEW_EPOCHS
from tests.model_selection.conftest import assert_same_search

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)


class PrunesAt(optuna.pruners.BasePruner):
    """Prunes trials of certain numbers at one epoch, and notes what it is shown."""

    def __init__(self, epoch, numbers):
        self.epoch, self.numbers = epoch, numbers

    def prune(self, study, trial):
        return trial.number in self.numbers and trial.last_step >= self.epoch


def test_the_first_trial_is_the_estimator_itself(pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=3, random_state=0).fit(*tumours)

    own = pipeline.get_params()
    assert search.cv_results_["params"][0] == {name: own[name] for name in space}
    np.testing.assert_array_equal(
        [search.cv_results_[f"split{fold}_test_score"][0] for fold in range(3)],
        cross_val_score(pipeline, *tumours, cv=3),
    )


def test_it_behaves_as_the_searches_of_scikit_learn(pipeline, space, tumours):
    X, y = tumours
    search = OptunaSearchCV(pipeline, space, n_trials=4, cv=3, random_state=0)
    with pytest.raises(NotFittedError):
        search.predict(X)

    search.fit(X, y)

    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]
    assert search.predict_proba(X).shape == (len(X), 2)
    assert search.score(X, y) == accuracy_score(y, search.predict(X))
    assert is_classifier(search)
    assert search.n_features_in_ == 30
    assert search.classes_.tolist() == [0, 1]
    assert clone(search).get_params()["n_trials"] == 4
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(search)).predict(X), search.predict(X))


def test_the_table_has_optunas_columns(pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=4, cv=2, random_state=0).fit(*tumours)

    table = pd.DataFrame(search.cv_results_)
    assert table["number"].tolist() == [trial.number for trial in search.study_.trials]
    assert table["state"].tolist() == [trial.state.name for trial in search.study_.trials]
    np.testing.assert_allclose(table["mean_test_score"], [trial.value for trial in search.study_.trials])
    assert (table["duration"] == table["datetime_complete"] - table["datetime_start"]).all()
    assert set(search.study_.best_params) == set(space)


def test_a_pruned_trial_ends_in_all_folds_at_the_same_epoch(pipeline, space, tumours):
    pruner = PrunesAt(4, numbers={1, 2})

    search = OptunaSearchCV(pipeline, space, n_trials=4, cv=3, pruner=pruner, random_state=0).fit(*tumours)

    assert search.cv_results_["state"].tolist() == ["COMPLETE", "PRUNED", "PRUNED", "COMPLETE"]
    assert search.cv_results_["n_epochs"].tolist() == [8, 4, 4, 8]
    assert epoch_curves(search).groupby(["candidate", "fold"]).size().tolist() == [8] * 3 + [4] * 6 + [8] * 3
    # Their scores are of unfinished trainings: they come last, however good.
    assert sorted(search.cv_results_["rank_test_score"][[0, 3]]) == [1, 2]
    assert search.cv_results_["rank_test_score"][[1, 2]].min() == 3


def test_what_the_pruner_sees_is_the_mean_over_the_folds(pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=3, random_state=0).fit(*tumours)

    curves = epoch_curves(search)
    for candidate, trial in enumerate(search.study_.trials):
        means = curves[curves["candidate"] == candidate].groupby("epoch")["valid_score"].mean()
        np.testing.assert_allclose(list(trial.intermediate_values.values()), means)
        assert list(trial.intermediate_values) == means.index.tolist()


@pytest.mark.parametrize("name", ["median", "hyperband", "successive_halving"])
def test_pruners_have_names(name, pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=8, cv=2, pruner=name, random_state=0).fit(*tumours)

    assert "PRUNED" in search.cv_results_["state"]


@pytest.mark.parametrize("trials_at_once", [1, 3])
def test_a_stack_gives_the_same_search(trials_at_once, pipeline, space, tumours):
    search = OptunaSearchCV(
        pipeline, space, n_trials=7, cv=2, trials_at_once=trials_at_once, return_train_score=True, random_state=0
    )

    plain = clone(search).fit(*tumours)
    with batched_fits() as report:
        together = clone(search).fit(*tumours)

    assert_same_search(plain, together)
    pd.testing.assert_frame_equal(epoch_curves(plain), epoch_curves(together))
    assert max(report.stack_sizes) >= 2 * trials_at_once - 2


@pytest.mark.parametrize("trials_at_once", [1, 2])
def test_threads_give_the_same_search(trials_at_once, pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=7, cv=2, trials_at_once=trials_at_once, random_state=0)

    plain = clone(search).fit(*tumours)
    with parallel_config(backend="threading", n_jobs=2):
        threaded = clone(search).fit(*tumours)

    assert_same_search(plain, threaded)
    pd.testing.assert_frame_equal(epoch_curves(plain), epoch_curves(threaded))


@pytest.mark.slow
@pytest.mark.parametrize("trials_at_once", [1, 2, 3])
@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband", None])
def test_two_processes_give_the_same_search(trials_at_once, pruner, pipeline, space, tumours):
    search = OptunaSearchCV(
        pipeline, space, n_trials=9, cv=3, trials_at_once=trials_at_once, pruner=pruner, random_state=0
    )

    plain, two = clone(search).fit(*tumours), clone(search).set_params(n_jobs=2).fit(*tumours)

    assert_same_search(plain, two)
    pd.testing.assert_frame_equal(epoch_curves(plain), epoch_curves(two))


def test_networks_that_no_stack_takes_are_pruned_in_step(tumours):
    network = MLPClassifier((4,), activation=torch.nn.Softsign, max_iter=6, random_state=0)
    space = {"learning_rate_init": FloatDistribution(1e-4, 1e-1, log=True)}
    with batched_fits() as report:
        search = OptunaSearchCV(network, space, n_trials=3, cv=3, pruner=PrunesAt(2, {1}), random_state=0).fit(*tumours)

    assert search.cv_results_["n_epochs"].tolist() == [6, 2, 6]
    # The refit, and two epochs of three folds: no fold of trial 1 went on by itself.
    assert report.n_alone == 10


SAMPLERS = {
    "default": lambda: None,
    "random": optuna.samplers.RandomSampler,
    "independent": lambda: optuna.samplers.TPESampler(multivariate=False, n_startup_trials=2),
    "quasi-random": lambda: optuna.samplers.QMCSampler(scramble=True, warn_independent_sampling=False),
    "genetic": lambda: optuna.samplers.NSGAIISampler(population_size=4),
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_same_random_state_proposes_the_same_trials(name, pipeline, tumours):
    sampler = SAMPLERS[name]()
    pipeline.set_params(mlpclassifier__max_iter=2)
    space = {
        "mlpclassifier__alpha": FloatDistribution(1e-6, 1.0),
        "mlpclassifier__beta_1": FloatDistribution(0.5, 0.95),
    }
    search = OptunaSearchCV(pipeline, space, n_trials=6, cv=2, sampler=sampler, random_state=3)

    first, second = (clone(search).fit(*tumours).cv_results_["params"] for _ in range(2))
    other = clone(search).set_params(random_state=4).fit(*tumours).cv_results_["params"]

    assert first == second
    assert first[1:] != other[1:]


def test_the_last_fit_ends_at_the_best_epoch_of_the_folds(pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=3, cv=3, random_state=0).fit(*tumours)

    means = epoch_curves(search).query("candidate == @search.best_index_").groupby("epoch")["valid_score"].mean()
    assert search.best_estimator_[-1].n_iter_ == means.idxmax() == search.cv_results_["best_epoch"][search.best_index_]
    assert search.best_estimator_[-1].max_iter == 8


def test_the_last_fit_holds_nothing_out(pipeline, space, tumours):
    pipeline.set_params(mlpclassifier__early_stopping=True)
    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=2, random_state=0).fit(*tumours)

    network = search.best_estimator_[-1]
    assert network.t_ == network.n_iter_ * len(tumours[0])
    assert network.early_stopping


def test_without_refit_epochs_the_estimators_own_rule_ends_the_last_fit(pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=2, refit_epochs=None, random_state=0).fit(*tumours)

    assert search.best_estimator_[-1].n_iter_ == 8


def test_several_scores_and_the_one_to_maximise(pipeline, space, tumours):
    scoring = {"right": "accuracy", "area": "roc_auc"}
    search = OptunaSearchCV(pipeline, space, n_trials=3, cv=2, scoring=scoring, refit="area", random_state=0)

    search.fit(*tumours)

    np.testing.assert_allclose([trial.value for trial in search.study_.trials], search.cv_results_["mean_test_area"])
    assert search.best_index_ == search.cv_results_["rank_test_area"].argmin()
    curves = epoch_curves(search)
    assert {"valid_right", "valid_area"} <= set(curves)
    last = curves.groupby(["candidate", "fold"]).last()
    for name in scoring:
        for fold in range(2):
            np.testing.assert_array_equal(
                last.xs(fold, level="fold")[f"valid_{name}"], search.cv_results_[f"split{fold}_test_{name}"]
            )
    np.testing.assert_array_equal(curves["valid_score"], curves["valid_area"])


def test_a_function_may_choose_the_best(pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=3, cv=2, refit=lambda results: 1, random_state=0).fit(*tumours)

    assert search.best_index_ == 1
    assert not hasattr(search, "best_score_")


def test_without_refit_there_is_nothing_to_predict_with(pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=2, refit=False, random_state=0).fit(*tumours)

    assert not hasattr(search, "best_estimator_")
    assert search.best_params_


def test_sample_weights_reach_fits_and_scores(pipeline, space, tumours):
    X, y = tumours
    weights = np.where(np.arange(len(y)) % 2, 1.0, 3.0)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline[0].set_fit_request(sample_weight=False)
        pipeline[-1].set_fit_request(sample_weight=True)
        scoring = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        search = OptunaSearchCV(pipeline, space, n_trials=2, cv=2, scoring=scoring, random_state=0)

        search.fit(X, y, sample_weight=weights)
        by_hand = cross_validate(pipeline, X, y, cv=2, scoring=scoring, params={"sample_weight": weights})

    own = [search.cv_results_[f"split{fold}_test_score"][0] for fold in range(2)]
    np.testing.assert_array_equal(own, by_hand["test_score"])
    last = epoch_curves(search).query("candidate == 0").groupby("fold")["valid_score"].last()
    np.testing.assert_array_equal(last, own)


def test_a_function_from_trial_to_parameters(pipeline, tumours):
    def suggest(trial):
        depth = trial.suggest_int("depth", 1, 2)
        return {"mlpclassifier__hidden_layer_sizes": (trial.suggest_int("width", 4, 8),) * depth}

    search = OptunaSearchCV(pipeline, suggest, n_trials=3, cv=2, random_state=0).fit(*tumours)

    sizes = search.best_params_["mlpclassifier__hidden_layer_sizes"]
    assert len(sizes) == search.study_.best_params["depth"]
    assert search.best_estimator_[-1].hidden_layer_sizes == sizes


def test_choices_that_optuna_cannot_store(pipeline, tumours):
    space = {
        "mlpclassifier__hidden_layer_sizes": [(4,), (8,), (4, 4)],
        "mlpclassifier__class_weight": [None, "balanced"],
    }
    search = OptunaSearchCV(pipeline, space, n_trials=4, cv=2, random_state=0).fit(*tumours)

    assert search.cv_results_["params"][0]["mlpclassifier__hidden_layer_sizes"] == (8,)
    assert search.study_.trials[0].params["mlpclassifier__hidden_layer_sizes"] == "(8,)"


def test_whole_estimators_can_be_searched(tumours):
    pipeline = make_pipeline(StandardScaler(), OtherLogisticRegression())
    space = {"logisticregression": [MLPClassifier((4,), max_iter=5, random_state=0), LogisticRegression()]}

    search = OptunaSearchCV(pipeline, space, n_trials=3, cv=2, random_state=0).fit(*tumours)

    assert (search.cv_results_["n_epochs"] > 0).all()


def test_transformed_targets(regression, diabetes):
    target = TransformedTargetRegressor(regression, transformer=StandardScaler())
    space = {"regressor__mlpregressor__learning_rate_init": FloatDistribution(1e-3, 1e-1, log=True)}
    X, y = diabetes

    search = OptunaSearchCV(target, space, n_trials=3, cv=2, random_state=0).fit(X, y)

    assert is_regressor(search)
    curves = epoch_curves(search)
    last = curves.groupby(["candidate", "fold"])["valid_score"].last().unstack()
    np.testing.assert_array_equal(last[0], search.cv_results_["split0_test_score"])
    assert search.best_estimator_.regressor_[-1].n_iter_ == search.cv_results_["best_epoch"][search.best_index_]


@pytest.mark.parametrize("estimator", [LinearRegression(), LogisticRegression(), OtherLogisticRegression()])
def test_estimators_with_few_epochs_or_none(estimator, tumours):
    name, low, high = ("alpha", 0.5, 5) if isinstance(estimator, LinearRegression) else ("C", 0.5, 5)
    search = OptunaSearchCV(
        make_pipeline(StandardScaler(), estimator), {}, n_trials=3, cv=2, pruner=None, random_state=0
    )
    search.param_distributions = {f"{type(estimator).__name__.lower()}__{name}": FloatDistribution(low, high)}

    search.fit(*tumours)

    assert (search.cv_results_["state"] == "COMPLETE").all()


def test_trials_that_fail_are_counted_and_told(pipeline, tumours):
    space = {"mlpclassifier__alpha": CategoricalDistribution([1e-4, -1.0])}
    search = OptunaSearchCV(pipeline, space, n_trials=5, cv=2, random_state=0)

    with (
        pytest.warns(FitFailedWarning, match=r"of 5 trials failed.*'alpha' parameter"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(*tumours)

    has_failed = np.isnan(search.cv_results_["mean_test_score"])
    assert 0 < has_failed.sum() < 5
    assert (search.cv_results_["state"][has_failed] == "FAIL").all()
    assert search.best_params_ == {"mlpclassifier__alpha": 1e-4}


def test_one_error_can_end_the_search(pipeline, tumours):
    space = {"mlpclassifier__alpha": CategoricalDistribution([1e-4, -1.0])}
    search = OptunaSearchCV(pipeline, space, n_trials=9, cv=2, error_score="raise", random_state=0)

    with pytest.raises(ValueError, match="'alpha' parameter"):
        search.fit(*tumours)


def test_timeout_ends_the_search_after_the_trial_that_runs(pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=None, timeout=0.05, cv=2, random_state=0).fit(*tumours)

    assert len(search.cv_results_["params"]) >= 1


def test_scikit_learns_progress_bar_shows_the_search(pipeline, space, tumours, capsys):
    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=2, random_state=0)

    search.set_callbacks(ProgressBar()).fit(*tumours)

    assert "OptunaSearchCV" in capsys.readouterr().out


def test_verbose_tells_of_every_trial(pipeline, space, tumours, capsys):
    OptunaSearchCV(pipeline, space, n_trials=2, cv=2, verbose=1, pruner=PrunesAt(3, {1}), random_state=0).fit(*tumours)

    said = capsys.readouterr().out
    assert "Trial 0: score 0." in said
    assert "Trial 1: pruned after epoch 3" in said


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"param_distributions": {}}, ValueError, "param_distributions is empty"),
        ({"param_distributions": {"gamma": [1, 2]}}, ValueError, r"does not have: \['gamma'\].*mlpclassifier__alpha"),
        ({"param_distributions": {"mlpclassifier__alpha": 3}}, TypeError, "FloatDistribution"),
        ({"param_distributions": lambda trial: None}, TypeError, "must return a dictionary"),
        ({"param_distributions": lambda trial: {"gamma": 1}}, ValueError, r"does not have: \['gamma'\]"),
        ({"n_trials": None}, ValueError, "n_trials and timeout"),
        ({"n_trials": 0}, ValueError, "n_trials"),
        ({"pruner": "medium"}, ValueError, "pruner"),
        ({"trials_at_once": 0}, ValueError, "trials_at_once"),
        ({"refit_epochs": 3}, ValueError, "refit_epochs"),
        ({"storage": "sqlite:////no/such/folder/study.db"}, ValueError, "(?s)cannot be reached.*None"),
        ({"storage": "postgresql://nobody@127.0.0.1:1/none"}, ValueError, "cannot be reached"),
    ],
)
def test_bad_parameters_say_what_to_do_and_change_nothing(changes, error, words, pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=2).set_params(**changes)
    before = set(vars(search))

    with pytest.raises(error, match=words):
        search.fit(*tumours)

    assert set(vars(search)) == before


def test_a_pruner_needs_epochs(tumours):
    search = OptunaSearchCV(OtherLogisticRegression(), {"C": FloatDistribution(0.1, 10)}, n_trials=2)

    with pytest.raises(ValueError, match=r"needs a network of sknets.*pruner=None"):
        search.fit(*tumours)


def test_trials_that_all_fail_show_the_estimators_own_error(pipeline, space, tumours):
    X, y = tumours

    with pytest.raises(ValueError, match="contains NaN"):
        OptunaSearchCV(pipeline, space, n_trials=2, cv=2).fit(np.where(X[0] == X, np.nan, X), y)


def test_trials_that_all_fail_by_their_parameters(pipeline, tumours):
    search = OptunaSearchCV(pipeline, {"mlpclassifier__alpha": CategoricalDistribution([-1.0])}, n_trials=2, cv=2)

    with pytest.raises(ValueError, match=r"All 2 trials failed.*'alpha' parameter.*param_distributions"):
        search.fit(*tumours)


def test_a_failed_search_keeps_the_results_of_the_last(pipeline, space, tumours):
    X, y = tumours
    search = OptunaSearchCV(pipeline, space, n_trials=2, cv=2, random_state=0).fit(X, y)
    before = search.predict(X)

    with pytest.raises(ValueError, match="NaN"):
        search.fit(np.where(X[0] == X, np.nan, X), y)

    np.testing.assert_array_equal(search.predict(X), before)
    assert not hasattr(search, "_during_fit")


class Interrupts(Callback):
    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore:Training interrupted by user")
def test_an_interrupt_in_training_ends_the_search(pipeline, space, tumours):
    pipeline.set_params(mlpclassifier__callbacks=[Interrupts()])

    with pytest.raises(KeyboardInterrupt):
        OptunaSearchCV(pipeline, space, n_trials=3, cv=2).fit(*tumours)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (LogisticRegression(), "C"),
        (LinearRegression(), "alpha"),
        (MLPClassifier((8,), max_iter=60, learning_rate_init=0.02, random_state=0), "alpha"),
        (MLPRegressor(hidden_layer_sizes=(8,), max_iter=60, learning_rate_init=0.02, random_state=0), "alpha"),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else None,
)
@pytest.mark.filterwarnings("ignore")
def test_it_passes_scikit_learns_checks(estimator, name):
    space = {name: FloatDistribution(1e-5, 10.0 if name == "C" else 1e-3, log=True)}

    check_estimator(OptunaSearchCV(estimator, space, n_trials=2, cv=2, random_state=0), on_skip=None)
