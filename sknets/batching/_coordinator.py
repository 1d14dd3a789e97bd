"""Who decides which task runs when: one thread at a time.

Everything that happens to a task is a message: a task came to rest or ended, a root thread begins, has trained or was
interrupted. The thread of a task that posts a message handles it, and all that others post meanwhile, unless another
is at it already; so the next task often starts without any thread having to wake. For a root thread a helper does it:
Ctrl-C, which Python raises in the main thread only, can break no change of state off in the middle. Whoever handles
messages is alone with the states, so that they need no lock. What waits, waits for its own queue; nothing is polled.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from sknets.batching._here import here
from sknets.batching._schedule import Schedule
from sknets.batching._session import Session
from sknets.batching._task import Task
from sknets.batching._waiting_fit import Order
from sknets.batching._warning_state import WarningState, current_state, put_back
from sknets.batching._workers import Worker, Workers

# On a CPU one of 64 networks side by side costs a sixth of one by itself, and one of 256 hardly less; graphics cards
# gain up to there. Each live task has a stack and rows of its own.
MAX_LIVE = 256


class Coordinator:
    """A queue of messages, and what is done about them."""

    def __init__(self) -> None:
        self.schedule = Schedule(self, MAX_LIVE)
        self._workers = Workers(self._finished)
        self._messages: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]] = SimpleQueue()
        # Held by the thread that handles messages.
        self._role = threading.Lock()
        # What holds outside of all tasks.
        self._warning_state: WarningState = {}

    def post(self, event: Callable[..., None], *arguments: Any) -> None:
        """Have ``event`` handled, a method of the schedule's or of this."""
        self._messages.put((event, arguments))
        if here.worker is not None:
            self._handle_messages()
        elif not self._role.locked():
            threading.Thread(target=self._handle_messages, name="sknets-coordinator", daemon=True).start()

    def begin(self, session: Session) -> None:
        """Take a session in, and the state of the world outside of it."""
        if not self.schedule.sessions:
            self._warning_state = current_state()
        session.warning_state = self._warning_state
        if session.n_running == 1:
            session.call.warning_state = self._warning_state
        self.schedule.begin(session)

    def _handle_messages(self) -> None:
        # In this order: who gives the role up looks for messages afterwards, and who posts one while another has the
        # role may rely on that.
        while not self._messages.empty() and self._role.acquire(blocking=False):
            try:
                self._empty_queue()
                if not self.schedule.sessions:
                    self._workers.stop()
            finally:
                self._role.release()

    def _empty_queue(self) -> None:
        with suppress(Empty):
            while True:
                self._handle(*self._messages.get_nowait())

    def _handle(self, event: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            event(*arguments)
            self.schedule.advance()
        except Exception as error:  # noqa: BLE001  # a mistake in these files must not leave anybody waiting
            for session in self.schedule.panic():
                self._workers.release(session)
                session.fail(error)

    def _finished(self, task: Task, worker: Worker) -> None:
        """Called in the worker's thread."""
        self.post(self._take_back, task, worker)

    def _take_back(self, task: Task, worker: Worker) -> None:
        self._workers.give_back(worker)
        self.schedule.finish(task)

    # What the schedule has done:

    def start(self, task: Task) -> None:
        """Run a new task in a thread."""
        self._workers.start(task)

    def wake(self, task: Task) -> None:
        """Let a resting task go on."""
        task.wake()

    def give(self, order: Order) -> None:
        """Have a root thread train."""
        order.session.take(order)

    def close(self, session: Session) -> None:
        """Let a root thread go."""
        self._workers.release(session)
        if not self.schedule.sessions:
            self._workers.stop()
            put_back(self._warning_state)
        session.take(None)


coordinator = Coordinator()


def _start_over() -> None:
    """In a process that was forked off there are none of these threads, and nothing there may wait for them."""
    coordinator.__init__()  # type: ignore[misc]
    here.task = here.worker = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_over)
