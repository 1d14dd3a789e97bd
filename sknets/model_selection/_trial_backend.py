"""joblib's side of a search: takes the folds of all trials that scikit-learn hands over, and has them run by trials."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from joblib.parallel import FallbackToBackend, ParallelBackendBase

# joblib hands over twice as many tasks at once.
MANY = 100_000

Function = Callable[[], list[Any]]


class TrialBackend(ParallelBackendBase):
    """Takes the calls of the search's own ``Parallel``; all others go to the backend around it.

    Parameters
    ----------
    run : callable
        Called with functions that fit and score one fold each, in scikit-learn's order; returns their results.
    outside : joblib.parallel.ParallelBackendBase
        The backend that was active.
    """

    supports_retrieve_callback = True
    supports_timeout = False

    def __init__(self, run: Callable[[list[Function]], list[Any]], outside: ParallelBackendBase) -> None:
        super().__init__(nesting_level=outside.nesting_level)
        self.run = run
        self.outside = outside
        self._is_taken = False

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Ask the backend around it."""
        return int(self.outside.effective_n_jobs(n_jobs))

    def configure(self, n_jobs: int = 1, **kwargs: Any) -> int:
        """Serve the first that asks, which is the search."""
        if self._is_taken:
            raise FallbackToBackend(self.outside)
        self._is_taken = True
        raise FallbackToBackend(_SearchBackend(self.run, self.nesting_level))


class _Future:
    def __init__(self, function: Function, callback: Callable[[Any], Any] | None) -> None:
        self.function: Function | None = function
        self.callback = callback
        self.result: Any = None


class _SearchBackend(ParallelBackendBase):
    supports_retrieve_callback = True
    supports_timeout = False

    def __init__(self, run: Callable[[list[Function]], list[Any]], nesting_level: int | None) -> None:
        super().__init__(nesting_level=nesting_level)
        self._run = run
        self._futures: list[_Future] = []

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Ask for all tasks at once."""
        return MANY

    def configure(self, n_jobs: int = 1, **kwargs: Any) -> int:
        """Ask for all tasks at once."""
        return MANY

    def submit(self, func: Function, callback: Callable[[Any], Any] | None = None) -> _Future:
        """Take a task; it is run when a result is asked for."""
        future = _Future(func, callback)
        self._futures.append(future)
        return future

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        """Run everything: joblib is about to look for the first result."""
        futures, self._futures = self._futures, []
        results = self._run([future.function for future in futures if future.function is not None])
        for future, result in zip(futures, results, strict=True):
            future.result, future.function = [result], None
            if future.callback is not None:
                future.callback(future)
        yield

    def retrieve_result_callback(self, out: _Future) -> Any:
        """Return the result of a task."""
        return out.result

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Drop what has not begun."""
        self._futures.clear()

    def terminate(self) -> None:
        """Drop what has not begun."""
        self._futures.clear()
