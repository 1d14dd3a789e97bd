"""A call from outside of all tasks, as its own thread, the root thread, sees it."""

import threading
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import torch

from sknets._garbage import old_objects_set_aside
from sknets.batching._call import Call
from sknets.batching._here import here
from sknets.batching._memory import default_limit
from sknets.batching._training_phase import carry_out
from sknets.batching._turns import Turns
from sknets.batching._waiting_fit import Order
from sknets.batching._warning_state import WarningState

if TYPE_CHECKING:
    from sknets.batching._coordinator import Coordinator
    from sknets.batching._schedule import Schedule

_numbers = count()


class Session:
    """The root thread waits, trains when it is told to, and goes when nothing is left.

    Parameters
    ----------
    call : Call
    n_running : int
        How many tasks may run Python at a time.
    max_memory : int or None
        Bytes that waiting networks may take; None for a share of what is free.
    coordinator : Coordinator

    Attributes
    ----------
    n_threads : int
        How many torch may have in the root thread.
    limits : dict of torch.device to int
        Bytes that networks may take that wait there.
    n_active, turns, order, is_aborted
        The schedule's own: places taken, tasks that may go on, what the root thread trains.
    """

    def __init__(self, call: Call, n_running: int, max_memory: int | None, coordinator: "Coordinator") -> None:
        self.call = call
        call.session = self
        self.n_running = n_running
        self.number = next(_numbers)
        self.is_in_main_thread = threading.current_thread() is threading.main_thread()
        self.limits: dict[torch.device, int] = {}
        self.warning_state: WarningState = {}
        self.n_active = 0
        self.turns = Turns()
        self.order: Order | None = None
        self.is_aborted = False
        self.n_threads = torch.get_num_threads()
        self._max_memory = max_memory
        self._coordinator = coordinator
        self._orders: SimpleQueue[Order | None] = SimpleQueue()
        self._error: Exception | None = None

    @property
    def schedule(self) -> "Schedule":
        """Where events are reported."""
        return self._coordinator.schedule

    @property
    def threads_per_task(self) -> int:
        """How many threads torch may have in a task that needs more than one."""
        return max(1, self.n_threads // self.n_running)

    def post(self, event: Any, *arguments: Any) -> None:
        """Report an event."""
        self._coordinator.post(event, *arguments)

    def limit_for(self, device: torch.device) -> int:
        """Return the bytes that networks may take that wait for training on ``device``."""
        if device not in self.limits:
            self.limits[device] = self._max_memory or max(default_limit(device), 1)
        return self.limits[device]

    def run(self) -> None:
        """Have all tasks carried out, in the root thread.

        When it is interrupted, by Ctrl-C as a rule, tasks are abandoned. Those that run are waited for until they come
        to rest, unless it is interrupted again.
        """
        with old_objects_set_aside():
            try:
                self.post(self._coordinator.begin, self)
                while (order := self._orders.get()) is not None:
                    carry_out(order)
                    self.post(self.schedule.trained, order)
                    # While the thread waits, nothing of the networks may stay.
                    del order
            except BaseException:
                here.is_training = False
                self.post(self.schedule.abort, self)
                while self._orders.get() is not None:
                    pass
                raise
        if self._error is not None:
            raise RuntimeError("Fits could not be trained together; please report this.") from self._error

    def take(self, order: Order | None) -> None:
        """Give the root thread an order; None lets it go."""
        self._orders.put(order)

    def fail(self, error: Exception) -> None:
        """Let the root thread go with an error."""
        self._error = error
        self.take(None)
