"""Methods that exist only under some parameters."""

from collections.abc import Callable
from functools import update_wrapper
from types import MethodType
from typing import Any


class UnavailableMethodError(AttributeError, ValueError):
    """The method does not go with the estimator's parameters.

    It is an AttributeError so that ``hasattr`` says no, and a ValueError because a parameter's value is the reason.
    """


class available_unless:
    """Decorate a method; ``reason(estimator)`` returns why it is not there, or None."""

    def __init__(self, reason: Callable[[Any], str | None]) -> None:
        self.reason = reason

    def __call__(self, method: Callable[..., Any]) -> Any:
        return _ConditionalMethod(method, self.reason)


class _ConditionalMethod:
    def __init__(self, method: Callable[..., Any], reason: Callable[[Any], str | None]) -> None:
        self.method = method
        self.reason = reason
        update_wrapper(self, method)  # type: ignore[arg-type]  # a descriptor, called through __get__

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        if estimator is None:
            return self.method
        reason = self.reason(estimator)
        if reason is not None:
            raise UnavailableMethodError(reason)
        return MethodType(self.method, estimator)
