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
    def held(self, ends_with_thread: bool = False) -> Iterator[None]:
        with self._lock:
            own_number = self.lower(is_first=self._n_holders == 0)
            self._n_holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_holders -= 1
                is_last = self._n_holders == 0
                if is_last or not ends_with_thread:
                    self.restore(own_number, is_last)

    def lower(self, is_first: bool) -> Any:
        """Set one thread; return what this block must restore."""
        raise NotImplementedError

    def restore(self, own_number: Any, is_last: bool) -> None:
        raise NotImplementedError


class _TorchLimit(_Limit):
    """torch keeps the number twice: per calling thread, and globally for its matrix products.

    So each thread sets its own. A thread that leaves while others hold the limit gives its own number back in a way
    that leaves the global one alone: a block that is still running must not get a second thread.
    """

    _global_number = 1

    def lower(self, is_first: bool) -> int:
        own_number = torch.get_num_threads()
        if is_first:
            self._global_number = own_number
            if own_number == 1 and threading.current_thread() is not threading.main_thread():
                # It may have been born under an earlier limit; a new thread has the global number.
                self._global_number = _ask_new_thread()
        if own_number != 1 or self._global_number != 1:
            torch.set_num_threads(1)
        return own_number

    def restore(self, own_number: int, is_last: bool) -> None:
        if is_last and self._global_number != own_number:
            # A thread that was born under the limit took the one for its own; the global number is another's.
            torch.set_num_threads(self._global_number)
        elif own_number != 1:
            torch.set_num_threads(own_number)
            if not is_last:
                # The call above set the global number, too; another thread can set it without touching this one's.
                setter = threading.Thread(target=torch.set_num_threads, args=(1,))
                setter.start()
                setter.join()


def _ask_new_thread() -> int:
    numbers: list[int] = []
    thread = threading.Thread(target=lambda: numbers.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return numbers[0]


class _BlasLimit(_Limit):
    _limiter: Any = None

    def lower(self, is_first: bool) -> None:
        if is_first:
            self._limiter = _blas().limit(limits=1)

    def restore(self, own_number: None, is_last: bool) -> None:
        if is_last:
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
def single_threaded_for_life() -> Iterator[None]:
    """Run torch on one thread inside a block that is all that the present thread does.

    Every thread that computes on several keeps them until it ends, and while there are more of them than cores, OpenMP
    puts the idle ones to sleep at once: whoever computes on several threads then has to wake them for every operation.
    Parked tasks that had such threads made the training of a large network beside them take up to twice as long.
    """
    with _torch_limit.held(ends_with_thread=True):
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
