"""How much may be begun and not done: threads, and memory of networks that wait."""

from collections import Counter

import torch

from sknets.batching._session import Session
from sknets.batching._task import State
from sknets.batching._waiting_fit import WaitingFit

_LIVE = {State.RUNNING, State.IN_ROOT, State.PARKED, State.TRAINING, State.READY}


class Bounds:
    """Counts of live tasks and of waiting networks' bytes, over all sessions.

    Parameters
    ----------
    max_live : int
        How many tasks may be live.

    Attributes
    ----------
    n_live : int
        Tasks that have begun, are not done, and do not wait for tasks of their own.
    """

    def __init__(self, max_live: int) -> None:
        self.n_live = 0
        self._max_live = max_live
        self._most_threads: float = float("inf")
        self._bytes: Counter[torch.device] = Counter()

    def are_open(self, session: Session) -> bool:
        """Whether a task of the session may begin."""
        if self.n_live == 0:
            self._most_threads = float("inf")
        return self.n_live < min(self._max_live, self._most_threads) and all(
            n_bytes < session.limits.get(device, n_bytes + 1) for device, n_bytes in self._bytes.items()
        )

    def move(self, before: State, after: State) -> None:
        """Count a task's change of state."""
        self.n_live += (after in _LIVE) - (before in _LIVE)

    def park(self, fit: WaitingFit) -> None:
        """Count a waiting network."""
        self._bytes[fit.device] += fit.trainee.n_bytes

    def unpark(self, fit: WaitingFit) -> None:
        """Count one less."""
        self._bytes[fit.device] -= fit.trainee.n_bytes

    def stay_below(self) -> None:
        """Begin no more tasks than are live now: the system has no thread for another."""
        self._most_threads = self.n_live
