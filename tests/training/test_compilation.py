"""Compilation and its traces in the process, each time in a fresh Python."""

import json
import subprocess
import sys

import pytest

TWO_THREADS = """
import json, sys, threading, warnings
import numpy as np
from sknets import MLPRegressor

rng = np.random.default_rng(0)
X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
all_are_there = threading.Barrier(2)
errors = []

def train():
    try:
        all_are_there.wait()
        MLPRegressor(hidden_layer_sizes=(4,), random_state=0).partial_fit(X, y)
    except BaseException as error:
        errors.append(repr(error))

# What torch loads at its first training adds filters, too.
MLPRegressor(hidden_layer_sizes=(4,), normalization="batch").partial_fit(X, y)
assert "numba" not in sys.modules
before = list(warnings.filters)
threads = [threading.Thread(target=train) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps([errors, [repr(f) for f in before], [repr(f) for f in warnings.filters]]))
"""


def in_a_fresh_python(program):
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(finished.stdout)


@pytest.mark.slow
def test_two_threads_that_train_first_leave_the_warning_filters_as_they_were():
    errors, before, after = in_a_fresh_python(TWO_THREADS)

    assert errors == []
    assert after == before
