"""What every test may use."""

import numpy as np
import pytest
import torch

from tests.sklearn_suites import _summary


def pytest_configure(config):
    # Here because the process that prints under xdist reads only the outermost conftest.
    _summary.register(config)
    # Two workers with two threads each on two cores wait for one another more than they work.
    torch.set_num_threads(1)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
