"""List at the end of every run what is left out of scikit-learn's own tests, so that nothing is hidden."""

import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest

from tests.sklearn_suites._cases import Rule, count_cases
from tests.sklearn_suites._suite import Suite

TABLES = {
    "test_mlp_suite.py": ("tests.sklearn_suites._mlp", "MLP"),
    "test_logistic_suite.py": ("tests.sklearn_suites._logistic", "LOGISTIC"),
}


def register(config: pytest.Config) -> None:
    """Have the list printed once, whichever conftest asks first."""
    # The process that prints under pytest-xdist collects nothing and so never loads this folder's conftest: the one of
    # tests/ registers as well.
    if not config.pluginmanager.has_plugin("sklearn_suites"):
        config.pluginmanager.register(sys.modules[__name__], "sklearn_suites")
        # A mark of scikit-learn's for tests that must not run in several threads of one process, which none does here.
        config.addinivalue_line("markers", "thread_unsafe: not to be run in threads")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the list, where any of these tests ran."""
    names_run = {file: _names_run(terminalreporter.stats, file) for file in TABLES}
    if any(names_run.values()):
        terminalreporter.section("scikit-learn's own tests")
    for file, names in names_run.items():
        if not names:
            continue
        module, table = TABLES[file]
        suite = getattr(import_module(module), table)
        terminalreporter.line(f"{suite.title}: {len(names)} tests run, {len(suite.left_out)} left out")
        for heading, tests in _sections(suite):
            text = f"{heading}: {', '.join(tests)}"
            terminalreporter.line(textwrap.fill(text, 120, initial_indent="  ", subsequent_indent="    "))


def _names_run(stats: Mapping[str, Iterable[Any]], file: str) -> set[str]:
    reports = [report for group in stats.values() for report in group if isinstance(report, pytest.TestReport)]
    nodes = {report.nodeid.partition("::") for report in reports}
    return {name.partition("[")[0] for path, _, name in nodes if path.endswith(f"sklearn_suites/{file}")}


def _sections(suite: Suite) -> Iterator[tuple[str, list[str]]]:
    for reason in dict.fromkeys(suite.left_out.values()):
        yield f"left out, {reason}", [name for name, given in suite.left_out.items() if given == reason]
    for reason, rule in suite.left_out_cases.items():
        yield f"cases left out, {reason}", list(_cases_left_out(suite, rule))
    edited = [(name, tuple(edits.items())) for name, edits in suite.edits.items()]
    for edits in dict.fromkeys(edits for _, edits in edited):
        changes = " and ".join(f"`{old}` read as `{new}`" for old, new in edits)
        yield f"run with {changes}", [name for name, given in edited if given == edits]


def _cases_left_out(suite: Suite, rule: Rule) -> Iterator[str]:
    original = import_module(suite.module)
    for test in (getattr(original, name) for name in suite.tests_in_file() if name not in suite.left_out):
        n_all, n_run = count_cases(test), count_cases(test, [rule])
        if n_run < n_all:
            yield f"{test.__name__} ({n_all - n_run} of {n_all})"
