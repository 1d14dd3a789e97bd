"""The vocabulary of parameter tables, from scikit-learn's private validation module, and what we add to it."""

import inspect
from collections.abc import Mapping
from functools import cache
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import (
    Hidden,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
)

__all__ = [
    "COUNT",
    "NON_NEGATIVE",
    "POSITIVE",
    "Hidden",
    "Integral",
    "Interval",
    "Options",
    "Real",
    "StrOptions",
    "check_parameters",
    "store_parameters",
]

COUNT = Interval(Integral, 1, None, closed="left")
NON_NEGATIVE = Interval(Real, 0, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")


def store_parameters(estimator: Any, arguments: Mapping[str, Any]) -> None:
    """Store a constructor's arguments, its ``locals()``, under their own names, untouched."""
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)


def check_parameters(estimator: Any) -> None:
    """Check an estimator's parameters by its table; those that are at their defaults need no look."""
    estimator_class: Any = type(estimator)
    defaults = _valid_defaults(estimator_class)
    parameters = estimator.get_params(deep=False)
    changed = {name: value for name, value in parameters.items() if value is not defaults.get(name, _NOTHING)}
    validate_parameter_constraints(estimator._parameter_constraints, changed, estimator_class.__name__)


_NOTHING = object()


@cache
def _valid_defaults(estimator_class: Any) -> dict[str, Any]:
    """Return the defaults of a constructor's parameters, without those that the class itself would refuse."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(estimator_class).parameters.items()}
    return {name: value for name, value in defaults.items() if _is_valid(estimator_class, name, value)}


def _is_valid(estimator_class: Any, name: str, value: Any) -> bool:
    try:
        validate_parameter_constraints(estimator_class._parameter_constraints, {name: value}, estimator_class.__name__)
    except InvalidParameterError:
        return False
    return True
