"""joblib's side: a backend that collects the tasks of a call and runs them when the first result is asked for."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from joblib import cpu_count
from joblib.parallel import FallbackToBackend, ParallelBackendBase, SequentialBackend, register_parallel_backend

from sknets.batching._call import Call
from sknets.batching._caller import Caller
from sknets.batching._coordinator import coordinator
from sknets.batching._here import here
from sknets.batching._open_reports import open_reports
from sknets.batching._plain_calls import Holds, look_into, own_backend, run_elsewhere
from sknets.batching._session import Session
from sknets.batching._task import Task

#: The name for ``joblib.parallel_config(backend="sknets")``.
NAME = "sknets"

# Number of jobs that joblib is told. It hands over twice as many tasks at once by default, each by itself, and one more
# whenever one is done; that is far more than may be live. joblib takes no result above a million for `pre_dispatch`, so
# that "n_jobs**2" is allowed.
MANY = 1000

# scikit-learn's modules that ask how many jobs there are in order to know how many fits to make at once: one at a time
# if the answer is one (RFECV), or as many slices of estimators (BaggingClassifier). Others slice rows and would slice
# them thinly.
_DIVIDES_FITS = {"sklearn.ensemble._base", "sklearn.feature_selection._rfe"}


class BatchedFitsBackend(ParallelBackendBase):
    """What stands in joblib's configuration; every call of ``Parallel`` gets a backend of its own from it.

    Parameters
    ----------
    max_memory : int, default=None
        Bytes that waiting networks may take; None for a share of what is free.
    outer : ParallelBackendBase, default=None
        What runs calls that hold no network, if the user has chosen a backend; None for joblib's default.
    nesting_level : int, default=None
        joblib's own.
    """

    uses_threads = True
    supports_sharedmem = True
    supports_retrieve_callback = True
    # A network may wait for others for as long as it takes.
    supports_timeout = False

    def __init__(
        self,
        max_memory: int | None = None,
        outer: ParallelBackendBase | None = None,
        nesting_level: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(nesting_level=nesting_level, **kwargs)
        self.max_memory = max_memory
        self.outer = outer

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return how many tasks run at a time; to tools that divide fits by it, as many as there are."""
        if here.has_no_network:
            return count_jobs(n_jobs)
        # Frame 1 is joblib's function of this name.
        asker = sys._getframe(1).f_back
        return MANY if asker is not None and _divides_fits_of_networks(asker) else count_jobs(n_jobs)

    def configure(self, n_jobs: int = 1, **kwargs: Any) -> int:
        """Give the ``Parallel`` that asks a backend of its own."""
        count_jobs(n_jobs)
        if here.is_training:
            # A callback of a network in training: the thread that would have to train its fits is this one.
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        if here.has_no_network:
            raise FallbackToBackend(own_backend(count_jobs(n_jobs), kwargs, self.outer, self.nesting_level))
        raise FallbackToBackend(OneCallBackend(self.max_memory, self.outer, self.nesting_level))


class OneCallBackend(BatchedFitsBackend):
    """The backend of one ``Parallel``, which makes one call at a time."""

    def __init__(self, max_memory: int | None, outer: ParallelBackendBase | None, nesting_level: int | None) -> None:
        super().__init__(max_memory, outer, nesting_level)
        self._n_running = 1
        self._hints: dict[str, Any] = {}
        self._tasks: list[Task] = []
        self._call: Call | None = None

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Ask for all tasks at once."""
        return MANY

    def configure(self, n_jobs: int = 1, **kwargs: Any) -> int:
        """Note how many tasks may run at a time; ask for all."""
        self._n_running = count_jobs(n_jobs)
        self._hints = kwargs
        return MANY

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None) -> Task:
        """Take a task; it starts when a result is asked for."""
        task = Task(func, callback or _ignore)
        if self._call is not None:
            # joblib submits the next when one is done, where `pre_dispatch` holds tasks back.
            coordinator.post(coordinator.schedule.add, self._call, task)
        else:
            self._tasks.append(task)
        return task

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        """Run everything: joblib is about to look for the first result."""
        self._run_plain_tasks()
        tasks, self._tasks = self._tasks, []
        if tasks:
            call = self._call = Call(tasks, Caller())
            del tasks
            try:
                self._carry_out(call)
            finally:
                self._call = None
            call.raise_failure()
        yield

    def retrieve_result_callback(self, out: Task) -> Any:
        """Return the result of a task."""
        result, out.result = out.result, None
        return result

    def get_nested_backend(self) -> tuple[ParallelBackendBase, None]:
        """Return the backend for calls within the tasks."""
        return BatchedFitsBackend(self.max_memory, self.outer, nesting_level=(self.nesting_level or 0) + 1), None

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Drop what has not begun."""
        self._tasks.clear()

    def terminate(self) -> None:
        """Drop what has not begun."""
        self._tasks.clear()

    def _run_plain_tasks(self) -> None:
        """Run tasks as joblib would without the context, as long as there is nothing in them to train together."""
        runs_one_by_one = here.task is not None or self._n_running == 1
        # The callbacks of tasks that are done submit further ones.
        while self._tasks and runs_one_by_one and look_into([self._tasks[0].function]) is Holds.NO_NETWORK:
            task = self._tasks.pop(0)
            with _no_network():
                result = task.function()
            task.take_result(result)
        while self._tasks and not runs_one_by_one and look_into(t.function for t in self._tasks) < Holds.NETWORKS:
            tasks, self._tasks = self._tasks, []
            functions = [task.function for task in tasks]
            results = run_elsewhere(functions, self._n_running, own_backend(self._n_running, self._hints, self.outer))
            for report in open_reports():
                report._add_elsewhere(len(tasks))
            for task, result in zip(tasks, results, strict=True):
                task.take_result(result)

    def _carry_out(self, call: Call) -> None:
        if here.task is not None:
            here.task.wait_for(call)
        else:
            Session(call, self._n_running, self.max_memory, coordinator).run()


@contextmanager
def _no_network() -> Iterator[None]:
    before, here.has_no_network = here.has_no_network, True
    try:
        yield
    finally:
        here.has_no_network = before


def count_jobs(n_jobs: int | None) -> int:
    """Return how many tasks ``n_jobs`` means."""
    if n_jobs == 0:
        raise ValueError("n_jobs == 0 in Parallel has no meaning")
    if n_jobs is None:
        return 1
    return n_jobs if n_jobs > 0 else max(cpu_count() + 1 + n_jobs, 1)


def _divides_fits_of_networks(asker: FrameType) -> bool:
    if asker.f_globals.get("__name__") not in _DIVIDES_FITS:
        return False
    frames = [asker, *([asker.f_back] if asker.f_back is not None else [])]
    tool = next((frame.f_locals["self"] for frame in frames if "self" in frame.f_locals), None)
    return tool is None or look_into([tool]) is Holds.NETWORKS


def register() -> None:
    """Make the backend known to joblib by its name."""
    register_parallel_backend(NAME, BatchedFitsBackend)


def _ignore(task: Task) -> None:
    pass
