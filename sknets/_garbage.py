"""A pause of Python's garbage collector while many networks are logged epoch by epoch.

Every row of a history is a new container, and after every few thousand the collector looks through all objects of the
process, in vain. With stacks of small networks that was a sixth of the training's time.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_n_pauses = 0
_was_enabled = False


@contextmanager
def garbage_collector_paused() -> Iterator[None]:
    """Collect no garbage while at least one block is open, and go on after the last, if it was on before."""
    global _n_pauses, _was_enabled
    with _lock:
        if not _n_pauses:
            _was_enabled = gc.isenabled()
            gc.disable()
        _n_pauses += 1
    try:
        yield
    finally:
        with _lock:
            _n_pauses -= 1
            if not _n_pauses and _was_enabled:
                gc.enable()
