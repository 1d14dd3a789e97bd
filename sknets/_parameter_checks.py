"""The vocabulary of parameter tables, from scikit-learn's private validation module, and what we add to it."""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Hidden, Interval, Options, StrOptions

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
