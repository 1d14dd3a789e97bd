"""Threads for tasks, used again and again until the last session is over."""

import threading
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING

import torch

from sknets._threads import single_threaded_for_life
from sknets.batching._here import here

if TYPE_CHECKING:
    from sknets.batching._task import Task

_numbers = count(1)


class Worker:
    """A thread that carries out one task after the other; ``finished`` is called in it after each.

    torch has one thread in it, until a task's network is so large that its training takes several.

    Attributes
    ----------
    has_threads : bool
        Whether torch has taken further threads for it, which are there for as long as it lives.
    """

    def __init__(self, finished: "Callable[[Task, Worker], None]") -> None:
        self.has_threads = False
        self._finished = finished
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"sknets-task-{next(_numbers)}", daemon=True)
        self._thread.start()

    def start(self, task: "Task") -> None:
        """Carry out a task."""
        self._tasks.put(task)

    def take_threads(self, n_threads: int) -> None:
        """Let torch compute on several threads from now on; called in the worker's thread."""
        if n_threads > 1:
            self.has_threads = True
            torch.set_num_threads(n_threads)

    def stop(self) -> None:
        """End the idle thread, at once unless it is the present one."""
        self._tasks.put(None)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self) -> None:
        here.worker = self
        with single_threaded_for_life():
            while (task := self._tasks.get()) is not None:
                task.run()
                self._finished(task, self)
                # While the thread waits, nothing of the task may stay.
                del task


class Workers:
    """The threads that have nothing to do."""

    def __init__(self, finished: "Callable[[Task, Worker], None]") -> None:
        self._finished = finished
        self._idle: list[Worker] = []

    def start(self, task: "Task") -> None:
        """Carry out a task in an idle thread, or in a new one."""
        worker = self._idle.pop() if self._idle else Worker(self._finished)
        worker.start(task)

    def give_back(self, worker: Worker) -> None:
        """Keep a thread whose task is over, unless it keeps others."""
        if worker.has_threads:
            worker.stop()
        else:
            self._idle.append(worker)

    def stop(self) -> None:
        """End the idle threads."""
        while self._idle:
            self._idle.pop().stop()
