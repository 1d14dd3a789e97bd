"""The parametrised cases of a test: count them, and leave some of them out."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

Case = dict[str, Any]  # argument name -> value, of one case of one `parametrize` mark
Rule = Callable[[Case], bool]  # whether the case is left out


def leave_out_cases(test: Callable, rules: Iterable[Rule]) -> None:
    """Take the cases that a rule leaves out from the marks of `test`."""
    for index, mark in enumerate(getattr(test, "pytestmark", [])):
        if mark.name == "parametrize":
            values = [value for value, case in _cases(mark) if not any(leaves_out(case) for leaves_out in rules)]
            test.pytestmark[index] = pytest.mark.parametrize(mark.args[0], values, **mark.kwargs).mark


def count_cases(test: Callable, rules: Iterable[Rule] = ()) -> int:
    """How many cases of `test` no rule leaves out."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    return math.prod(sum(not any(rule(case) for rule in rules) for _, case in _cases(mark)) for mark in marks)


def _cases(mark: pytest.Mark) -> Iterator[tuple[Any, Case]]:
    names, values = mark.args
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",")]
    for value in values:
        yield value, dict(zip(names, value if len(names) > 1 else [value], strict=True))
