"""Calls without anything to train together, which run as they would without the context."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from functools import partial
from inspect import unwrap
from itertools import islice
from typing import Any

from joblib import Parallel, delayed
from joblib.parallel import BatchedCalls, LokyBackend, ParallelBackendBase, SequentialBackend, ThreadingBackend
from sklearn.base import BaseEstimator

#: Solvers that take no steps along batches, so that their networks share no stack.
_ALONE = {"lbfgs", "exact"}

#: Elements of a container that are looked at: longer ones are rows.
_MAX_ELEMENTS = 1000

#: Whose functions, types and estimators fit nothing but what they are given.
_KNOWN_PACKAGES = ("sklearn", "sknets.preprocessing", "numpy", "scipy", "pandas", "builtins")


class Holds(IntEnum):
    """What networks are in a task, as far as can be seen before it runs."""

    NO_NETWORK = 0
    NETWORKS_ALONE = 1
    NETWORKS = 2


def look_into(things: Iterable[Any]) -> Holds:
    """Return what is in estimators and in joblib's tasks.

    Only what scikit-learn's own functions and estimators are given is known: another function or estimator may make
    networks itself.
    """
    return _of_all(things)


def own_backend(
    n_jobs: int, hints: Mapping[str, Any], outer: ParallelBackendBase | None, nesting_level: int | None = None
) -> ParallelBackendBase:
    """Return the backend that joblib would take without the context, be it the user's or joblib's choice."""
    if n_jobs == 1:
        return SequentialBackend(nesting_level=nesting_level)
    if outer is not None:
        has_what_it_needs = hints.get("require") != "sharedmem" or outer.supports_sharedmem
        return outer if has_what_it_needs else ThreadingBackend(nesting_level=nesting_level)
    wants_threads = hints.get("prefer") == "threads" or hints.get("require") == "sharedmem"
    return (ThreadingBackend if wants_threads else LokyBackend)(nesting_level=nesting_level)


def run_elsewhere(functions: Sequence[Any], n_jobs: int, backend: ParallelBackendBase) -> list[Any]:
    """Run tasks by another backend and return their results."""
    # Without joblib's wrapping, which would have the workers load this package.
    calls = [call for function in functions for call in function.items]
    results = iter(Parallel(n_jobs=n_jobs, backend=backend)(_delay(*call) for call in calls))
    return [list(islice(results, len(function.items))) for function in functions]


def _delay(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return delayed(function)(*args, **kwargs)


def _of(value: Any) -> Holds:
    if isinstance(value, BaseEstimator):
        return _of_estimator(value)
    if isinstance(value, BatchedCalls):
        return _of_all(value.items)
    if isinstance(value, Mapping):
        if any(isinstance(key, str) and key.endswith("solver") for key in value):
            return Holds.NETWORKS  # parameters that the task will set
        return _of_all(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return _of_all(islice(value, _MAX_ELEMENTS))
    if isinstance(value, partial):
        return _of_all([value.func, value.args, value.keywords])
    if callable(value):
        return _of_function(unwrap(value))
    # What fits without being scikit-learn's estimator; all else is data.
    return Holds.NETWORKS if hasattr(value, "fit") else Holds.NO_NETWORK


def _of_function(function: Callable[..., Any]) -> Holds:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, BaseEstimator):
        return _of_estimator(owner)
    return Holds.NO_NETWORK if _is_known(function) else Holds.NETWORKS


def _of_all(values: Iterable[Any]) -> Holds:
    found = Holds.NO_NETWORK
    for value in values:
        found = max(found, _of(value))
        if found is Holds.NETWORKS:
            break
    return found


def _of_estimator(estimator: BaseEstimator) -> Holds:
    if _is_known(estimator):
        return _of_all(estimator.get_params(deep=False).values())
    is_ours = type(estimator).__module__.startswith("sknets.")
    return Holds.NETWORKS_ALONE if is_ours and getattr(estimator, "solver", None) in _ALONE else Holds.NETWORKS


def _is_known(thing: Any) -> bool:
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return any(f"{module}.".startswith(f"{package}.") for package in _KNOWN_PACKAGES)
