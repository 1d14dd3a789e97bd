"""What the present thread is doing: a task, a training, or neither."""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sknets.batching._task import Task


class _Here(threading.local):
    """One per thread.

    Attributes
    ----------
    task : Task or None
        Whose function this thread carries out.
    is_training : bool
        Whether it trains at this moment. What a callback fits meanwhile cannot wait for other fits: this thread is
        the one that would train them.
    is_worker : bool
        Whether it is a thread for tasks.
    """

    task: "Task | None" = None
    is_training: bool = False
    is_worker: bool = False


here = _Here()
