"""Less work for Python's garbage collector while many networks are alive, or logged epoch by epoch.

Every network and every row of a history is new containers, and after every so many the collector looks through all
objects of the process, in vain: in a search of stacked small networks that took as long as their training.
"""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager


class _Shared:
    """A state of the process that holds while at least one block is open."""

    def __init__(self, begin: Callable[[], bool], end: Callable[[], None]) -> None:
        self._begin, self._end = begin, end
        self._lock = threading.Lock()
        self._n_blocks = 0
        self._has_begun = False

    @contextmanager
    def block(self) -> Iterator[None]:
        with self._lock:
            if not self._n_blocks:
                self._has_begun = self._begin()
            self._n_blocks += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_blocks -= 1
                if not self._n_blocks and self._has_begun:
                    self._end()


def _pause() -> bool:
    was_enabled = gc.isenabled()
    gc.disable()
    return was_enabled


def _set_aside() -> bool:
    if gc.get_freeze_count():
        # The user's own doing, which unfreezing would undo.
        return False
    gc.freeze()
    return True


_pauses = _Shared(_pause, gc.enable)
_asides = _Shared(_set_aside, gc.unfreeze)


def garbage_collector_paused() -> AbstractContextManager[None]:
    """Collect no garbage while at least one block is open, and go on after the last, if it was on before."""
    return _pauses.block()


def old_objects_set_aside() -> AbstractContextManager[None]:
    """Look for garbage only among the objects that come while at least one block is open."""
    return _asides.block()
