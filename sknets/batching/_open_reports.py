"""Which reports the present thread writes to."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sknets.batching._report import BatchingReport

# A context variable, so that tasks inherit it with the rest of their caller's context.
_of_this_context: ContextVar[tuple[BatchingReport, ...]] = ContextVar("sknets_reports", default=())

# All that are open in the process, for fits in threads that belong to no context.
_of_all_threads: list[BatchingReport] = []


@contextmanager
def opened(report: BatchingReport) -> Iterator[None]:
    """Write to ``report``, too, inside the block."""
    _of_this_context.set((*_of_this_context.get(), report))
    _of_all_threads.append(report)
    try:
        yield
    finally:
        _of_all_threads.remove(report)
        # Not by the variable's token: a notebook may run `__exit__` in another context than `__enter__`.
        _of_this_context.set(tuple(other for other in _of_this_context.get() if other is not report))


def open_reports() -> tuple[BatchingReport, ...]:
    """Return the reports of the contexts around the present code, outermost first."""
    return _of_this_context.get()


def reports_elsewhere() -> tuple[BatchingReport, ...]:
    """Return the reports that are open anywhere in the process."""
    return tuple(_of_all_threads)
