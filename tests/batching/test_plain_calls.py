import warnings
from functools import partial

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import RFECV
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sknets import LinearRegression, LogisticRegression, MLPClassifier, batched_fits
from sknets.batching import _joblib_backend
from sknets.batching._plain_calls import Holds, look_into
from sknets.preprocessing import ImageReshaper

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class OwnEstimator(ClassifierMixin, BaseEstimator):
    """Somebody's estimator, which fits a network that nobody sees from outside."""

    def fit(self, X, y):
        self.network_ = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, y)
        self.classes_ = self.network_.classes_
        return self

    def predict(self, X):
        return self.network_.predict(X)


@pytest.fixture
def no_session(monkeypatch):
    def refuse(*args):
        raise AssertionError("tasks without a network were given to the coordinator")

    monkeypatch.setattr(_joblib_backend, "Session", refuse)


@pytest.fixture
def elsewhere(monkeypatch):
    """Numbers of tasks and of jobs that were sent elsewhere, and where to; they run here."""
    sent = []

    def run_elsewhere(functions, n_jobs, backend):
        sent.append((len(functions), n_jobs, type(backend).__name__))
        return [function() for function in functions]

    monkeypatch.setattr(_joblib_backend, "run_elsewhere", run_elsewhere)
    return sent


@pytest.mark.parametrize(
    ("thing", "held"),
    [
        (RandomForestClassifier(), Holds.NO_NETWORK),
        (make_pipeline(ImageReshaper(), StandardScaler(), Ridge()), Holds.NO_NETWORK),
        (OneHotEncoder(dtype=np.float32), Holds.NO_NETWORK),
        ({"criterion": "gini"}, Holds.NO_NETWORK),
        (np.zeros((5, 3)), Holds.NO_NETWORK),
        ([[0.0, 1.0]] * 5000, Holds.NO_NETWORK),
        (DummyClassifier().fit, Holds.NO_NETWORK),
        (LogisticRegression(), Holds.NETWORKS_ALONE),
        (make_pipeline(StandardScaler(), LinearRegression(solver="exact")), Holds.NETWORKS_ALONE),
        ([LogisticRegression(), {"logisticregression__solver": "adam"}], Holds.NETWORKS),
        (LogisticRegression(solver="adam"), Holds.NETWORKS),
        (MLPClassifier().fit, Holds.NETWORKS),
        (partial(MLPClassifier().fit, 0), Holds.NETWORKS),
        (VotingClassifier([("tree", DecisionTreeClassifier()), ("network", MLPClassifier())]), Holds.NETWORKS),
        ({"final": [DecisionTreeClassifier(), MLPClassifier()]}, Holds.NETWORKS),
        (OwnEstimator(), Holds.NETWORKS),
        (lambda: None, Holds.NETWORKS),
    ],
)
def test_what_is_seen_in_a_task(thing, held):
    assert look_into([thing]) is held


def test_a_forest_runs_as_without_the_context(data, no_session):
    forest = RandomForestClassifier(5, random_state=0)
    outside = cross_validate(forest, *data, cv=3)

    with batched_fits() as report:
        inside = cross_validate(forest, *data, cv=3)
        predicted = cross_val_predict(RFECV(DecisionTreeClassifier(random_state=0)), *data, cv=3)

    np.testing.assert_array_equal(inside["test_score"], outside["test_score"])
    assert len(predicted) == len(data[1])
    assert report.n_fits == 0


def test_jobs_without_a_network_go_to_worker_processes(data, elsewhere):
    grid = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, cv=3, n_jobs=2)
    with batched_fits() as report:
        search = grid.fit(*data)

    assert elsewhere == [(9, 2, "LokyBackend")]
    assert report.n_tasks_elsewhere == 9
    assert "9 tasks in worker processes: no network that could share a stack" in str(report)
    outside = grid.set_params(n_jobs=None).fit(*data)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], outside.cv_results_["mean_test_score"])


def test_the_backend_that_the_user_has_chosen_is_taken(data, elsewhere):
    with parallel_config(backend="threading", n_jobs=3), batched_fits(), batched_fits():
        cross_validate(DecisionTreeClassifier(random_state=0), *data, cv=4)

    assert elsewhere == [(4, 3, "ThreadingBackend")]


def test_jobs_of_solvers_that_share_no_stack_go_to_worker_processes(data, elsewhere):
    with batched_fits():
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3, n_jobs=2).fit(*data)

    assert elsewhere == [(6, 2, "LokyBackend")]


def test_a_grid_that_sets_the_solver_stays(data, elsewhere):
    search = GridSearchCV(LogisticRegression(max_iter=3), {"solver": ["adam", "sgd"]}, cv=3, n_jobs=2)
    with batched_fits() as report:
        search.fit(*data)

    assert elsewhere == []
    assert report.stack_sizes == [3, 3]


def test_a_bag_of_networks_alone_does_not_take_a_worker_for_each(data, elsewhere):
    with batched_fits() as report:
        BaggingClassifier(LogisticRegression(), n_estimators=4, random_state=0).fit(*data)

    assert elsewhere == []
    assert report.n_alone == 4


def test_networks_that_nobody_sees_are_still_trained_together(data):
    with batched_fits() as report:
        cross_validate(OwnEstimator(), *data, cv=3)

    assert report.stack_sizes == [3]


def test_the_first_failure_is_raised(data, no_session):
    tree = DecisionTreeClassifier(max_depth=-1)
    with batched_fits(), pytest.raises(ValueError, match="max_depth"):
        cross_validate(tree, *data, cv=3, error_score="raise")


def test_tasks_held_back_by_pre_dispatch_all_run(data, no_session):
    tasks = (delayed(DummyClassifier(strategy="constant", constant=k % 3).fit)(*data) for k in range(7))
    with batched_fits():
        models = Parallel(pre_dispatch=2)(tasks)

    assert [model.predict([[0] * 4])[0] for model in models] == [k % 3 for k in range(7)]


def test_tasks_without_a_network_before_them_do_not_keep_networks_apart(data):
    tasks = [delayed(DummyClassifier().fit)(*data)] * 3 + [
        delayed(MLPClassifier((3,), max_iter=2, random_state=seed).fit)(*data) for seed in range(4)
    ]
    with batched_fits() as report:
        Parallel()(tasks)

    assert report.stack_sizes == [4]


@pytest.mark.slow
def test_worker_processes_give_what_this_one_gives(data):
    with warnings.catch_warnings():
        # loky, if a worker is stopped while it waits.
        warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
        with batched_fits():
            elsewhere = cross_validate(LogisticRegression(), *data, cv=3, n_jobs=2)

    assert elsewhere["test_score"].tolist() == cross_validate(LogisticRegression(), *data, cv=3)["test_score"].tolist()
