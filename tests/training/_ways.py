"""The ways in which dense networks are trained, and how a test makes sure of one of them."""

import warnings

import pytest

from sknets import MLPClassifier
from sknets.training import _compiled_pass
from sknets.training._compiled_pass import CompiledPass
from sknets.training._dense_program import DenseProgram
from tests.training._stacking import fit_together

OPERATIONS, MACHINE_CODE = "operations", "machine code"

#: By machine code, and several epochs in one call where nobody looks on; what is done outside of tests.
AHEAD = "several epochs at once"

in_both_ways = pytest.mark.parametrize("way", [OPERATIONS, MACHINE_CODE])
in_all_ways = pytest.mark.parametrize("way", [OPERATIONS, MACHINE_CODE, AHEAD])


def take_way(monkeypatch, way):
    """Train small dense networks by torch's operations, or by machine code with one call for each step."""
    if way == OPERATIONS:
        monkeypatch.setattr(_compiled_pass, "MAX_COMPILED_STEP_FLOPS", 0)
    elif way == MACHINE_CODE:
        monkeypatch.setattr(_compiled_pass, "MAX_CALL_FLOPS", 1)


def press_at(monkeypatch, owner, name, k):
    """Press Ctrl-C in the k-th call of a method."""
    original, calls = getattr(owner, name), []

    def method(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == k:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, method)


def press_at_step(monkeypatch, way, k):
    """Press Ctrl-C before the k-th step."""
    take_way(monkeypatch, way)
    if way == OPERATIONS:
        press_at(monkeypatch, DenseProgram, "update", k)
    else:
        press_at(monkeypatch, CompiledPass, "_call", k)


def watch_ways(monkeypatch):
    """Return a list to which every step of operations and every call of machine code adds the way that it is of."""
    ways = []
    for owner, name, way in [(DenseProgram, "update", OPERATIONS), (CompiledPass, "_call", MACHINE_CODE)]:
        monkeypatch.setattr(owner, name, _noted(getattr(owner, name), ways, way))
    return ways


def _noted(original, ways, way):
    def method(self, *args, **kwargs):
        ways.append(way)
        return original(self, *args, **kwargs)

    return method


def make_small(Network=MLPClassifier, **parameters):
    """Return an estimator whose network both ways know."""
    return Network(**({"hidden_layer_sizes": (6,), "batch_size": 16, "max_iter": 3, "random_state": 0} | parameters))


def fit_some(n_networks, *data, **parameters):
    """Return one network, or several that were trained as a stack."""
    estimators = [make_small(random_state=seed, **parameters) for seed in range(n_networks)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [estimators[0].fit(*data)] if n_networks == 1 else fit_together(estimators, *data)
