"""The two ways in which dense networks are trained, and how a test makes sure of one of them."""

import pytest

from sknets.training import _compiled_pass
from sknets.training._compiled_pass import CompiledPass
from sknets.training._dense_program import DenseProgram

OPERATIONS, MACHINE_CODE = "operations", "machine code"

in_both_ways = pytest.mark.parametrize("way", [OPERATIONS, MACHINE_CODE])


def take_way(monkeypatch, way):
    """Train small dense networks by torch's operations, or by machine code with one call for each step."""
    if way == OPERATIONS:
        monkeypatch.setattr(_compiled_pass, "MAX_COMPILED_STEP_FLOPS", 0)
    else:
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
