"""Whose turn it is among the tasks of a session."""

from heapq import heappop, heappush
from itertools import count

from sknets.batching._task import State, Task

#: Epochs and path, which give the order; a tie-break; the task.
Entry = tuple[tuple[int, tuple[int, ...]], int, Task]


class Turns:
    """Tasks that are NEW or READY, in the order in which a plain loop would come to them."""

    def __init__(self) -> None:
        self._new: list[Entry] = []
        self._ready: list[Entry] = []
        # A task that was dropped may have had the same path.
        self._tie_break = count()

    def add(self, task: Task) -> None:
        """Queue a task."""
        heappush(
            self._new if task.state is State.NEW else self._ready,
            ((task.n_epochs, task.path), next(self._tie_break), task),
        )

    def take(self, may_start: bool) -> Task | None:
        """Return the first task, a NEW one only if it may start; None if there is none."""
        while self._new and self._new[0][-1].state is not State.NEW:
            heappop(self._new)
        heaps = [heap for heap in (self._ready, self._new if may_start else []) if heap]
        return heappop(min(heaps))[-1] if heaps else None
