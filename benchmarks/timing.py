"""Seconds of several contenders that do the same work, in alternating order."""

import gc
import time
from collections.abc import Callable
from statistics import median
from typing import Any

THREADS = (1, 2)


def alternate(
    contenders: dict[str, Callable[[], Any]], n_runs: int, collect_garbage: bool = True, warm_up: bool = True
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Call A B C A B C ...; return the seconds of every call, and what each contender's warm-up returned.

    Neighbouring calls meet the machine in the same state, so ratios within a round are steadier than the seconds.
    """
    warm_up_results = {name: call() for name, call in contenders.items()} if warm_up else {}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(n_runs):
        for name, call in contenders.items():
            if collect_garbage:  # one contender's leftovers are not to be cleared in another's time
                gc.collect()
            start = time.perf_counter()
            result = call()
            seconds[name].append(time.perf_counter() - start)
            del result
    return seconds, warm_up_results


def paired_ratio(seconds: dict[str, list[float]], name: str, other: str) -> float:
    """Return the median over rounds of ``name``'s seconds divided by ``other``'s."""
    return median(a / b for a, b in zip(seconds[name], seconds[other], strict=True))


def paired_difference(seconds: dict[str, list[float]], name: str, other: str) -> float:
    """Return the median over rounds of ``name``'s seconds minus ``other``'s."""
    return median(a - b for a, b in zip(seconds[name], seconds[other], strict=True))
