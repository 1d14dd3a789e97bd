import os

import pytest
import torch

from sknets.batching import _memory
from sknets.batching._memory import ASSUMED_FREE_BYTES, default_limit, free_bytes

CPU = torch.device("cpu")


@pytest.fixture
def silent_system(monkeypatch, tmp_path):
    """A system that says nothing about its memory."""

    def unknown(name):
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(_memory, "Path", lambda path: tmp_path / "missing")
    monkeypatch.setattr(os, "sysconf", unknown, raising=False)


def test_free_memory_is_a_plausible_number():
    assert 2**20 < free_bytes(CPU) < 2**50


def test_the_default_is_a_share_of_it(monkeypatch):
    monkeypatch.setattr(_memory, "free_bytes", lambda device: 1000)

    assert default_limit(CPU) == 250


def test_where_the_system_says_nothing_some_gibibytes_are_assumed(silent_system):
    assert free_bytes(CPU) == ASSUMED_FREE_BYTES


def test_free_pages_serve_where_linux_tells_no_more(silent_system, monkeypatch):
    monkeypatch.setattr(os, "sysconf", {"SC_AVPHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}.get)

    assert free_bytes(CPU) == 40960


def test_graphics_memory_is_asked_for_on_its_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (77, 100))

    assert free_bytes(torch.device("cuda:0")) == 77
