"""Searches on a Dask cluster: two worker processes on the loopback address."""

import os

import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sknets.model_selection import OptunaSearchCV, ValidationMonitor, epoch_curves
from tests.contract._cases import FEW_EPOCHS
from tests.model_selection.conftest import assert_same_search

distributed = pytest.importorskip("distributed")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(FEW_EPOCHS)]


@pytest.fixture(scope="module")
def cluster():
    options = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with distributed.LocalCluster(processes=True, **options) as cluster, distributed.Client(cluster):
        yield cluster


@pytest.mark.parametrize("trials_at_once", [1, 2])
def test_a_search_of_optunas_gives_the_same_trials(trials_at_once, cluster, pipeline, space, tumours):
    search = OptunaSearchCV(pipeline, space, n_trials=8, cv=3, trials_at_once=trials_at_once, random_state=0)
    here = clone(search).fit(*tumours)

    with parallel_config(backend="dask"):
        there = clone(search).fit(*tumours)

    assert_same_search(here, there)
    pd.testing.assert_frame_equal(epoch_curves(here), epoch_curves(there))


def score_and_process(estimator, X, y):
    return {"score": estimator.score(X, y), "process": os.getpid()}


def test_the_work_is_done_by_the_workers(cluster, pipeline, space, tumours):
    search = OptunaSearchCV(
        pipeline, space, n_trials=4, cv=2, trials_at_once=2, scoring=score_and_process, refit="score", random_state=0
    )

    with parallel_config(backend="dask"):
        search.fit(*tumours)

    processes = {int(number) for number in search.cv_results_["mean_test_process"]}
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_a_search_of_scikit_learns_sends_its_curves_home(cluster, pipeline, tumours):
    pipeline[-1].set_callbacks(ValidationMonitor())
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1e-2, 1.0]}, cv=3)
    here = epoch_curves(search.fit(*tumours))

    with parallel_config(backend="dask"):
        there = epoch_curves(search.fit(*tumours))

    pd.testing.assert_frame_equal(here, there)
