"""What becomes of the process when numba is loaded, and what is done where it cannot be."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

import sknets.training
from sknets.training._compiled_pass import load_kernel
from tests.training._fitting import fit
from tests.training._ways import OPERATIONS, fit_some, make_small, watch_ways

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


@pytest.fixture
def table(rng):
    return rng.normal(size=(50, 4)), rng.integers(0, 3, 50)


@pytest.fixture
def without_numba(monkeypatch):
    load_kernel.cache_clear()
    # Both, or it would be found where an earlier import has left it.
    monkeypatch.delitem(sys.modules, "sknets.training._compiled_kernel", raising=False)
    monkeypatch.delattr(sknets.training, "_compiled_kernel", raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    yield
    load_kernel.cache_clear()


@pytest.mark.usefixtures("without_numba")
def test_without_numba_one_warning_says_what_to_do(table):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for seed in range(3):
            fit(make_small(random_state=seed), *table)

    assert [warning.category for warning in caught] == [UserWarning]
    assert "numba cannot be used" in str(caught[0].message)
    assert "Install a numba that goes with this Python and numpy" in str(caught[0].message)
    assert caught[0].filename == fit.__code__.co_filename


@pytest.mark.parametrize("n_networks", [1, 3])
def test_without_numba_operations_give_the_same_networks(n_networks, table, request, monkeypatch):
    compiled = fit_some(n_networks, *table, dropout=0.2)
    request.getfixturevalue("without_numba")
    ways = watch_ways(monkeypatch)
    by_operations = fit_some(n_networks, *table, dropout=0.2)

    assert set(ways) == {OPERATIONS}
    for ours, reference in zip(compiled, by_operations, strict=True):
        assert ours.loss_curve_ == pytest.approx(reference.loss_curve_, rel=1e-9)
        for one, other in zip(ours.coefs_, reference.coefs_, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)
