"""What scikit-learn's tests take from scikit-learn's own conftest."""

import os

import joblib
import pytest
from threadpoolctl import threadpool_limits

from tests.sklearn_suites import _summary


def pytest_configure(config):
    _summary.register(config)


# scikit-learn draws the seed from 0 to 99 and demands that every one passes; 42 is its own default.
@pytest.fixture(params=[42, pytest.param(0, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.slow)])
def global_random_seed(request):
    """Seed of scikit-learn's tests that must not depend on it."""
    return request.param


@pytest.fixture(scope="module", autouse=True)
def _a_worker_keeps_to_its_cores():
    # Several test processes, each with a thread for every core, take five times as long.
    n_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with threadpool_limits(max(1, joblib.cpu_count(only_physical_cores=True) // n_workers)):
        yield
