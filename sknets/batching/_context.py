"""The context manager that has networks trained together."""

from contextlib import ExitStack
from numbers import Integral
from types import TracebackType

from joblib import parallel_config
from joblib.parallel import ParallelBackendBase

from sknets._garbage import old_objects_set_aside
from sknets.batching._joblib_backend import BatchedFitsBackend
from sknets.batching._open_reports import opened
from sknets.batching._report import BatchingReport


class batched_fits:
    """Train the networks of searches, cross-validations and ensembles together.

    Inside the block every tool of scikit-learn that runs several fits through joblib (``GridSearchCV``,
    ``cross_validate``, ``learning_curve``, ``BaggingClassifier``, ``StackingClassifier``, ``OneVsRestClassifier``,
    ``MultiOutputRegressor``, ...) has its networks trained as stacks, many at once, with the results that it has
    without. Tools inside of tools take part; so do tools in other threads that open the context there, too.

    Parameters
    ----------
    max_memory : int, default=None
        Bytes that networks may take while they wait for one another. None stands for a quarter of the memory that is
        free on their device (of 4 GiB where the system does not say what is free), or for the limit of the context
        around this one.

    Returns
    -------
    report : BatchingReport
        What ``with batched_fits() as report`` gives: how many networks were trained, in which stacks, which alone and
        why, and seconds. It may be read within the block and after it.

    See Also
    --------
    sknets.batching.BatchingReport : What the report tells.

    Notes
    -----
    Each task (one candidate and fold, one estimator of an ensemble) runs as usual until its network is about to be
    trained, and waits there. When all wait, those are grouped that can share a stack, trained, and their tasks go on
    to scoring. Tasks run one at a time, in their order, unless the tool was given ``n_jobs``; then so many run in
    threads at a time; in worker processes, as without the context, if no network that could share a stack is in its
    tasks. ``n_jobs`` of tools inside of tools has no effect. A tool's ``pre_dispatch`` is obeyed: with a
    small number so few networks are trained together.

    What cannot share a stack is trained alone, and the report says why. So is a ``fit`` that no tool runs, or that runs
    in a thread that the context was not opened in, and ``partial_fit``. ``n_jobs=1`` keeps ``BaggingClassifier`` and
    ``RFECV`` from dividing their fits at all; leave it at None.

    ``joblib.parallel_config(backend="sknets")`` does the same without a report, once an estimator of sknets has been
    imported.

    A task that holds a lock while it fits must not keep another from its own fit.

    Times that a tool measures of a fit, such as ``mean_fit_time``, contain its waiting for others.

    With ``random_state=None`` networks draw their seeds in the order of the tasks, as always. What a task draws from
    numpy's global generator after its fit comes later than it would, when others have drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sknets import MLPClassifier, batched_fits
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), learning_rate_init=0.02, tol=1e-2, random_state=0)
    >>> with batched_fits() as report:
    ...     search = GridSearchCV(network, {"alpha": [1e-4, 1e-2]}, cv=3).fit(X, y)
    >>> report.n_fits
    7
    """

    def __init__(self, max_memory: int | None = None) -> None:
        if max_memory is not None and (not isinstance(max_memory, Integral) or isinstance(max_memory, bool)):
            raise TypeError(f"max_memory must be a whole number of bytes, or None; got {max_memory!r}.")
        if max_memory is not None and max_memory <= 0:
            raise ValueError(f"max_memory must be at least one byte; got {max_memory}. Leave it out for the default.")
        self.max_memory = max_memory
        self._exits: ExitStack | None = None

    def __enter__(self) -> BatchingReport:
        if self._exits is not None:
            raise RuntimeError(
                "This batched_fits() is open already; it can be opened again when it is closed. "
                "Write `with batched_fits():` once more for a block inside of the block, or in another thread."
            )
        report = BatchingReport()
        with ExitStack() as exits:
            exits.enter_context(old_objects_set_aside())
            exits.callback(report._close)
            exits.enter_context(opened(report))
            exits.enter_context(parallel_config(backend=self._make_backend()))
            self._exits = exits.pop_all()
        return report

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._exits is None:
            raise RuntimeError("This batched_fits() is not open.")
        exits, self._exits = self._exits, None
        exits.close()

    def _make_backend(self) -> BatchedFitsBackend:
        with parallel_config() as config:
            around = config["backend"]
        # Without a choice of the user's there is a mark in its place.
        outer = around if isinstance(around, ParallelBackendBase) else None
        limit = None if self.max_memory is None else int(self.max_memory)
        if isinstance(outer, BatchedFitsBackend):
            return BatchedFitsBackend(limit or outer.max_memory, outer.outer)
        return BatchedFitsBackend(limit, outer)
