import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression as OtherLogisticRegression
from sklearn.model_selection import GridSearchCV

from sknets.model_selection import OptunaSearchCV, parameter_importances


def search_logistic(tumours, **changes):
    settings = {"n_trials": 8, "cv": 2, "pruner": None, "random_state": 0}
    space = {"C": FloatDistribution(1e-6, 1.0, log=True), "tol": FloatDistribution(1e-6, 1e-5)}
    return OptunaSearchCV(OtherLogisticRegression(solver="liblinear"), space, **(settings | changes)).fit(*tumours)


def test_the_parameter_that_decides_comes_first_and_all_add_up_to_one(tumours):
    search = search_logistic(tumours, n_trials=25, scoring=lambda estimator, X, y: np.log10(estimator.C))

    importances = parameter_importances(search)

    assert list(importances) == ["C", "tol"]
    assert importances["C"] > 0.7
    assert sum(importances.values()) == pytest.approx(1)


def test_the_same_search_gives_the_same_figures(tumours):
    search = search_logistic(tumours)

    assert parameter_importances(search) == parameter_importances(search)


def test_pruned_trials_do_not_count(tumours):
    search = search_logistic(tumours)
    before = parameter_importances(search)
    pruned = optuna.trial.create_trial(
        params={"C": 0.5, "tol": 1e-6},
        distributions=search.study_.trials[0].distributions,
        value=-1e6,
        state=optuna.trial.TrialState.PRUNED,
    )

    search.study_.add_trial(pruned)

    assert parameter_importances(search) == before


@pytest.mark.parametrize("n_trials", [1, 5])
def test_without_trials_that_differ_there_are_none(n_trials, tumours):
    search = search_logistic(tumours, n_trials=n_trials, scoring=lambda estimator, X, y: 0.5)

    assert parameter_importances(search) == {}


def test_trials_without_a_common_parameter_have_none(tumours):
    def suggest(trial):
        name = "C" if trial.number % 2 else "intercept_scaling"
        return {name: trial.suggest_float(name, 1e-3, 1.0)}

    search = OptunaSearchCV(
        OtherLogisticRegression(solver="liblinear"), suggest, n_trials=4, cv=2, pruner=None, random_state=0
    ).fit(*tumours)

    assert parameter_importances(search) == {}


def test_other_searches_are_refused():
    with pytest.raises(TypeError, match=r"must be an OptunaSearchCV.*got GridSearchCV"):
        parameter_importances(GridSearchCV(OtherLogisticRegression(), {"C": [1.0]}))


def test_an_unfitted_search_is_refused():
    with pytest.raises(NotFittedError, match="OptunaSearchCV instance is not fitted yet"):
        parameter_importances(OptunaSearchCV(OtherLogisticRegression(), {"C": [1.0]}))


def test_global_random_numbers_stay(tumours):
    search = search_logistic(tumours)
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # this very generator

    parameter_importances(search)

    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
