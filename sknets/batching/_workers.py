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
    from sknets.batching._session import Session
    from sknets.batching._task import Task

_numbers = count(1)


class Worker:
    """A thread in which tasks take turns; ``finished`` is called in it after each.

    A task that rests leaves the thread to the others and keeps its stack (it is a greenlet): to change threads instead
    takes a hundred times as long, and a thread for each task besides.

    torch has one thread in it, until a task's network is so large that its training takes several.

    Attributes
    ----------
    has_threads : bool
        Whether torch has taken further threads for it, which are there for as long as it lives.
    n_tasks : int
        Those that it has begun and that are not over; kept by ``Workers``.
    """

    def __init__(self, finished: "Callable[[Task, Worker], None]") -> None:
        self.has_threads = False
        self.n_tasks = 0
        self._finished = finished
        self._turns: SimpleQueue[Task | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"sknets-task-{next(_numbers)}", daemon=True)
        self._thread.start()

    def carry_on(self, task: "Task") -> None:
        """Begin a task, or go on with one that rests in this thread."""
        self._turns.put(task)

    def take_threads(self, n_threads: int) -> None:
        """Let torch compute on several threads from now on; called in the worker's thread."""
        if n_threads > 1:
            self.has_threads = True
            torch.set_num_threads(n_threads)

    def stop(self) -> None:
        """End the idle thread, at once unless it is the present one."""
        self._turns.put(None)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self) -> None:
        here.worker = self
        with single_threaded_for_life():
            while (task := self._turns.get()) is not None:
                task.carry_on()
                if task.is_over:
                    self._finished(task, self)
                # While the thread waits, nothing of the task may stay.
                del task


class Workers:
    """All threads for tasks: one for each session, or one for each task where several may run at a time.

    One that has threads of torch's takes no further task and ends with its last: beside idle ones, whoever trains
    a large network would have to wake his own for every operation.
    """

    def __init__(self, finished: "Callable[[Task, Worker], None]") -> None:
        self._finished = finished
        self._idle: list[Worker] = []
        self._of_sessions: dict[Session, Worker] = {}

    def start(self, task: "Task") -> None:
        """Carry out a new task."""
        session = task.call.session
        if session.n_running > 1:
            worker = self._take()
        else:
            worker = self._of_sessions.get(session) or self._take()
            if worker.has_threads:
                worker = self._take()
            self._of_sessions[session] = worker
        worker.n_tasks += 1
        task.worker = worker
        worker.carry_on(task)

    def give_back(self, worker: Worker) -> None:
        """Take note that one of a thread's tasks is over; keep the thread if it has no other and no session."""
        worker.n_tasks -= 1
        if worker.n_tasks:
            return
        sessions = [session for session, own in self._of_sessions.items() if own is worker]
        if sessions and not worker.has_threads:
            return
        for session in sessions:
            del self._of_sessions[session]
        self._keep(worker)

    def release(self, session: "Session") -> None:
        """Keep the thread of a session that is over, if its tasks are."""
        worker = self._of_sessions.pop(session, None)
        if worker is not None and not worker.n_tasks:
            self._keep(worker)

    def stop(self) -> None:
        """End the idle threads."""
        while self._idle:
            self._idle.pop().stop()

    def _take(self) -> Worker:
        return self._idle.pop() if self._idle else Worker(self._finished)

    def _keep(self, worker: Worker) -> None:
        """Keep an idle thread, unless it keeps others."""
        if worker.has_threads:
            worker.stop()
        else:
            self._idle.append(worker)
