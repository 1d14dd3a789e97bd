"""One CPU thread for networks that are too small for more, given back afterwards.

Two threads that share one small matrix product wait for each other more than they work, up to 20 times longer on a
busy machine. A fixed number of threads also fixes the order of float32 sums, so the same seed gives the same bits
under any ``n_jobs``.

numpy's and scipy's BLAS has threads of its own beside torch's. In a fit it multiplies only short vectors, and its idle
threads spin on the cores that torch's need.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from threadpoolctl import ThreadpoolController

# Up to this many floating-point operations in one training step (about a millisecond) a second thread gains little on
# an idle machine, and on a busy one it was measured to cost a hundred times the step.
SMALL_STEP_FLOPS = 120e6


class _Limit:
    """One thread while at least one block holds the limit; the earlier number comes back after the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_holders = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        with self._lock:
            if self._n_holders == 0:
                self.remember()
            self._n_holders += 1
            self.lower()
        try:
            yield
        finally:
            with self._lock:
                self._n_holders -= 1
                if self._n_holders == 0:
                    self.restore()

    def remember(self) -> None:
        raise NotImplementedError

    def lower(self) -> None:
        raise NotImplementedError

    def restore(self) -> None:
        raise NotImplementedError


class _TorchLimit(_Limit):
    """torch keeps the number twice: per calling thread, and globally for its matrix products.

    So each thread sets its own, and only the last one to leave restores: a block that is still running must not get a
    second thread back.
    """

    _n_threads = 1

    def remember(self) -> None:
        self._n_threads = torch.get_num_threads()

    def lower(self) -> None:
        if self._n_threads != 1 or torch.get_num_threads() != 1:
            torch.set_num_threads(1)

    def restore(self) -> None:
        if self._n_threads != 1:
            torch.set_num_threads(self._n_threads)


class _BlasLimit(_Limit):
    _limiter: Any = None

    def remember(self) -> None:
        self._limiter = _blas().limit(limits=1)

    def lower(self) -> None:
        """Nothing: the number is global, and already one."""

    def restore(self) -> None:
        self._limiter.restore_original_limits()


_torch_limit = _TorchLimit()
_blas_limit = _BlasLimit()


@contextmanager
def single_threaded(active: bool) -> Iterator[None]:
    """Run torch on one thread inside the block when ``active``; the earlier number comes back after the last block."""
    if not active:
        yield
        return
    with _torch_limit.held():
        yield


@contextmanager
def single_threaded_blas(active: bool = True) -> Iterator[None]:
    """Run numpy's and scipy's BLAS on one thread inside the block when ``active``."""
    if not active:
        yield
        return
    with _blas_limit.held():
        yield


@cache
def _blas() -> ThreadpoolController:
    # Looking for the loaded libraries takes milliseconds, so once.
    return ThreadpoolController().select(user_api="blas")
