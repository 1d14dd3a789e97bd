"""The tasks of one call of joblib's ``Parallel``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sknets.batching._caller import Caller
from sknets.batching._warning_state import WarningState

if TYPE_CHECKING:
    from sknets.batching._session import Session
    from sknets.batching._task import Task


class Call:
    """What a tool handed over at once. The coordinator owns it until the call is over.

    Attributes
    ----------
    caller : Caller
        Settings that hold in the tasks.
    parent : Task or None
        The task that made the call; None for one from outside.
    session : Session
    tasks : dict of int to Task
        By index; those that are over are gone.
    failure : Task or None
        The first of the tasks, in their order, that raised.
    """

    def __init__(self, tasks: Sequence["Task"], caller: Caller) -> None:
        self.caller = caller
        self.parent: Task | None = None
        self.session: Session
        self.warning_state: WarningState | None = None
        self.tasks: dict[int, Task] = {}
        self.failure: Task | None = None
        self._n_added = 0
        for task in tasks:
            self.add(task)

    def add(self, task: "Task") -> None:
        """Append a task."""
        task.call, task.index = self, self._n_added
        self.tasks[task.index] = task
        self._n_added += 1

    def raise_failure(self) -> None:
        """Raise what the first failing task raised, as it would come from a plain loop."""
        if self.failure is None:
            return
        error, self.failure = self.failure.error, None
        try:
            if error is not None:
                raise error
        finally:
            # The error's traceback holds this frame, which must not hold the error.
            del error
