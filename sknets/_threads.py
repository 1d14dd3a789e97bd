"""One CPU thread for networks that are too small for more, given back afterwards.

Two threads that share one small matrix product wait for each other more than they work, up to 20 times longer on a
busy machine. A fixed number of threads also fixes the order of float32 sums, so the same seed gives the same bits
under any ``n_jobs``.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Up to this many floating-point operations in one training step a second thread was measured to gain nothing.
SMALL_STEP_FLOPS = 50e6

_lock = threading.Lock()
_holders = 0
_threads_to_restore = 1


@contextmanager
def single_threaded(active: bool) -> Iterator[None]:
    """Run torch on one thread inside the block when ``active``; the earlier number comes back after the last block.

    torch keeps the number twice: per calling thread, and globally for its matrix products. So each thread sets its
    own, and only the last one to leave restores: a block that is still running must not get a second thread back.
    """
    if not active:
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _holders, _threads_to_restore
    with _lock:
        n_threads = torch.get_num_threads()
        if _holders == 0:
            _threads_to_restore = n_threads
        _holders += 1
        if n_threads != 1 or _threads_to_restore != 1:
            torch.set_num_threads(1)


def _leave() -> None:
    global _holders
    with _lock:
        _holders -= 1
        if _holders == 0 and _threads_to_restore != 1:
            torch.set_num_threads(_threads_to_restore)
