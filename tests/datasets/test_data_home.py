from pathlib import Path

import pytest

from sknets.datasets._data_home import find_data_home


@pytest.fixture
def no_variable(monkeypatch):
    monkeypatch.delenv("SKNETS_DATA", raising=False)


def test_the_argument_comes_first(monkeypatch):
    monkeypatch.setenv("SKNETS_DATA", "/from/variable")

    assert find_data_home("/from/argument") == Path("/from/argument")


def test_the_variable_comes_second(monkeypatch):
    monkeypatch.setenv("SKNETS_DATA", "/from/variable")

    assert find_data_home() == Path("/from/variable")


def test_the_home_folder_comes_last(no_variable):
    assert find_data_home() == Path.home() / "sknets_data"


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("SKNETS_DATA", "")

    assert find_data_home() == Path.home() / "sknets_data"


def test_a_tilde_is_the_home_folder():
    assert find_data_home("~/elsewhere") == Path.home() / "elsewhere"
