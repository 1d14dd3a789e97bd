"""The harness swaps what it says it swaps, and its list of left-out tests is the whole of it."""

import ast
import re

import pytest

from tests.sklearn_suites._cases import count_cases
from tests.sklearn_suites._logistic import LOGISTIC
from tests.sklearn_suites._mlp import MLP
from tests.sklearn_suites._suite import load_suite, loaded_tests


@pytest.fixture(scope="module", params=[MLP, LOGISTIC], ids=["mlp", "logistic"])
def suite(request):
    return request.param


@pytest.fixture(scope="module")
def namespace(suite):
    """The suite as the test modules load it."""
    loaded = {"__name__": __name__}
    load_suite(suite, loaded)
    return loaded


def test_swapped_classes_are_those_of_sknets(suite, namespace):
    modules = {name: namespace[name].__module__ for name in suite.swapped}

    assert all(module.startswith("sknets.") for module in modules.values()), modules


def test_comparisons_take_only_the_other_solvers_from_scikit_learn():
    by_solver = LOGISTIC.helpers["by_solver"]

    assert type(by_solver(solver="lbfgs")).__module__.startswith("sknets.")
    assert type(by_solver(solver="newton-cg")).__module__.startswith("sklearn.")


def test_left_out_names_exist_in_the_installed_file(suite):
    assert suite.left_out.keys() <= suite.tests_in_file().keys()


def test_every_test_is_run_or_left_out(suite, namespace):
    in_file = suite.tests_in_file()
    run = loaded_tests(namespace)

    assert len(run) + len(suite.left_out) == len(in_file)
    assert run.keys() | suite.left_out.keys() == in_file.keys()


def test_every_test_that_runs_keeps_a_case(namespace):
    emptied = [name for name, test in loaded_tests(namespace).items() if count_cases(test) == 0]

    assert not emptied


def test_every_edit_finds_what_it_replaces(suite):
    in_file = suite.tests_in_file()
    missing = {name: set(edits) - _words(in_file[name]) for name, edits in suite.edits.items()}

    assert not any(missing.values()), missing


def test_tests_that_run_touch_no_private_attribute(suite):
    touched = {name: _private_attributes(test) for name, test in suite.tests_in_file().items()}
    touched = {name: private for name, private in touched.items() if private and name not in suite.left_out}

    assert not touched


def test_private_attribute_given_as_reason_is_in_the_test(suite):
    named = {name: re.search("`(.+)`", reason) for name, reason in suite.left_out.items()}
    tests = suite.tests_in_file()
    wrong = [name for name, match in named.items() if match and match[1] not in _private_attributes(tests[name])]

    assert not wrong


def _words(test):
    nodes = list(ast.walk(test))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _private_attributes(test):
    attributes = {node.attr for node in ast.walk(test) if isinstance(node, ast.Attribute)}
    return {name for name in attributes if name.startswith("_") and not name.endswith("__")}
