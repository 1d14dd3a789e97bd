"""A deadline and a look for left-over threads around every test of this folder."""

import faulthandler
import os
import signal
import threading
import time
import warnings

import joblib
import numpy as np
import pytest
import torch

from sknets.batching._coordinator import coordinator
from sknets.batching._here import here
from tests.batching._engine import Engine
from tests.batching._tasks import NUDGE

DEADLINE_SECONDS = 300


@pytest.fixture(scope="session")
def real_stderr(request):
    """Where the stacks of a test that hangs are written: past pytest's capture, which ends with the process."""
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        return os.dup(2)


@pytest.fixture(autouse=True)
def _nothing_stays(real_stderr):
    """End the process with all stacks if a test hangs; fail one that leaves threads or settings behind."""
    before = _world()
    faulthandler.dump_traceback_later(DEADLINE_SECONDS, exit=True, file=real_stderr)
    yield
    faulthandler.cancel_dump_traceback_later()
    _wait_for_threads()
    assert _own_threads() == []
    assert not coordinator.schedule.sessions
    assert here.task is None
    assert not here.is_training
    assert _world() == before


@pytest.fixture(autouse=True)
def _nudges_do_nothing():
    handler = signal.signal(NUDGE, lambda *_: None)
    yield
    signal.signal(NUDGE, handler)


def _world():
    with joblib.parallel_config() as config:
        joblib_config = dict(config)
    return torch.get_num_threads(), torch.is_grad_enabled(), joblib_config, id(warnings.filters), warnings.showwarning


def _own_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sknets-")]


def _wait_for_threads():
    # The last thread may need a moment to end after it has let the caller go.
    end = time.monotonic() + 20
    while _own_threads() and time.monotonic() < end:
        time.sleep(0.001)


@pytest.fixture
def engine(monkeypatch):
    return Engine().install(monkeypatch)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = np.arange(42) % 3
    return rng.normal(size=(42, 4)) + y[:, None], y
