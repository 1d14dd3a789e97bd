"""What the present thread is doing: a task, a training, or neither."""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sknets.batching._task import Task
    from sknets.batching._workers import Worker


class _Here(threading.local):
    """One per thread.

    Attributes
    ----------
    task : Task or None
        Whose function this thread carries out.
    is_training : bool
        Whether it trains at this moment. What a callback fits meanwhile cannot wait for other fits: this thread is
        the one that would train them.
    has_no_network : bool
        Whether it carries out a task in which no network can be.
    worker : Worker or None
        Set in a thread for tasks.
    """

    task: "Task | None" = None
    is_training: bool = False
    has_no_network: bool = False
    worker: "Worker | None" = None


here = _Here()
