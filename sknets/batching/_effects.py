"""What the schedule needs done in threads; the coordinator does it."""

from typing import Protocol

from sknets.batching._session import Session
from sknets.batching._task import Task
from sknets.batching._waiting_fit import Order


class Effects(Protocol):
    """What the schedule has done in threads."""

    def start(self, task: Task) -> None:
        """Run a NEW task in a thread; raise RuntimeError where the system gives no more threads."""

    def wake(self, task: Task) -> None:
        """Let a resting task go on."""

    def give(self, order: Order) -> None:
        """Have the root thread of the order's session train."""

    def close(self, session: Session) -> None:
        """Tell the root thread that nothing of its session is left."""
