"""What every test may use."""

import os

# Before scipy is imported anywhere: without it scikit-learn skips its check of array API input.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

# The tests compare with scikit-learn in double precision, which is the CPU's.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

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
