"""Stacks on several threads: each of its own where there are several, a large one's networks divided among them."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

import torch

from sknets._garbage import garbage_collector_paused
from sknets._interrupts import Helper
from sknets._threads import SMALL_STEP_FLOPS, single_threaded, single_threaded_blas
from sknets.training._net import MAX_PASS_ELEMENTS
from sknets.training._stack import Trainee, train_stack
from sknets.training._stacked_descent import Interrupts, descend_together

# Floating-point operations in a step of all networks, in single precision (half as many in double), from which two
# threads gain. Python runs one thread at a time, and between shorter operations they wait for each other more than they
# compute (measured; docs/benchmarks.md).
MIN_THREAD_FLOPS = 30e6

# Operations in all of networks that are trained by machine code, which needs Python once an epoch, from which they are
# worth a thread.
MIN_COMPILED_WORK = 100e6


class _Part(NamedTuple):
    """Networks that one thread trains together.

    Attributes
    ----------
    stack : int
        Which stack they belong to.
    """

    stack: int
    trainees: list[Trainee]

    @property
    def step_cost(self) -> float:
        """Operations of a step, those in double precision counted twice."""
        return sum(trainee.flops * trainee.plan.recipe.precision.dtype.itemsize / 4 for trainee in self.trainees)

    @property
    def work(self) -> float:
        """Operations in all, if no network stops early."""
        return sum(trainee.flops * trainee.n_steps for trainee in self.trainees)

    def may_share_cores(self) -> bool:
        """Whether it keeps one core busy, and no more than that."""
        is_on_cpu = all(trainee.net.device.startswith("cpu") for trainee in self.trainees)
        return (
            is_on_cpu
            and all(trainee.reason_alone is None and trainee.flops <= SMALL_STEP_FLOPS for trainee in self.trainees)
            and self.n_worth_threads >= 1
        )

    @property
    def n_worth_threads(self) -> int:
        """How many threads it is worth."""
        if all(trainee.is_compiled for trainee in self.trainees):
            return int(self.work // MIN_COMPILED_WORK)
        return int(self.step_cost // MIN_THREAD_FLOPS)


def gains_beside_others(trainee: Trainee, n_threads: int) -> bool:
    """Whether a network may gain from others that are trained with it: in a stack, or each on a core of its own."""
    if trainee.reason_alone is not None:
        return False
    return not trainee.is_too_large or (n_threads > 1 and _Part(0, [trainee]).may_share_cores())


def train_stacks(
    stacks: Sequence[Sequence[Trainee]], begin: Callable[[int], None], end: Callable[[int, float], None]
) -> None:
    """Train all stacks; what happens to a single network shows in its ``finish``.

    On a CPU as many threads take part as torch may use. Ctrl-C, which the calling thread receives, ends the trainings
    that run at that moment with what they have learnt; between two of them it is raised.

    Parameters
    ----------
    stacks : sequence of sequences of Trainee
    begin : callable
        Called with a stack's index when its training begins, in the thread that trains.
    end : callable
        Called with the index and the stack's share of the time when its training is over.
    """
    n_threads = torch.get_num_threads()
    parts = [part for index, stack in enumerate(stacks) for part in _divide(_Part(index, list(stack)), n_threads)]
    n_left = Counter(part.stack for part in parts)
    shared = [part for part in parts if part.may_share_cores()] if n_threads > 1 else []
    if len(shared) < 2:
        shared = []
    with garbage_collector_paused():
        if shared:
            with torch.no_grad(), single_threaded_blas(), single_threaded(True):
                _Crew(shared, min(n_threads, len(shared)), n_left, begin, end).run()
        for part in parts:
            if not any(part is other for other in shared):
                _train_in_turn(part, begin, end)


def _divide(part: _Part, n_threads: int) -> list[_Part]:
    """Give each thread a part of a stack, if the parts are large enough for threads of their own."""
    n_parts = min(n_threads, part.n_worth_threads, len(part.trainees))
    if n_parts < 2 or not part.may_share_cores():
        return [part]
    size = -(-len(part.trainees) // n_parts)
    return [_Part(part.stack, part.trainees[start : start + size]) for start in range(0, len(part.trainees), size)]


def _train_in_turn(part: _Part, begin: Callable[[int], None], end: Callable[[int, float], None]) -> None:
    began = perf_counter()
    begin(part.stack)
    try:
        train_stack(part.trainees)
    except Exception as error:  # noqa: BLE001  # each of the networks raises it, in the thread that asked for it
        _fail(part, error)
    end(part.stack, perf_counter() - began)


class _Crew:
    """Threads, the calling one among them, that take one part after the other, the largest first."""

    def __init__(
        self,
        parts: Sequence[_Part],
        n_threads: int,
        n_left: Counter[int],
        begin: Callable[[int], None],
        end: Callable[[int, float], None],
    ) -> None:
        # A deque gives each part to one thread without a lock.
        self._parts = deque(sorted(parts, key=lambda part: part.work, reverse=True))
        self._n_threads = n_threads
        self._n_left = n_left
        self._seconds: defaultdict[int, float] = defaultdict(float)
        self._begin, self._end = begin, end
        self._lock = threading.Lock()
        self._interrupts = Interrupts()

    def run(self) -> None:
        """Train all parts."""
        helpers = [Helper(self._help, f"sknets-stack-{k}") for k in range(1, self._n_threads)]
        try:
            for helper in helpers:
                helper.start()
            self._work()
        except BaseException:
            self._parts.clear()
            self._interrupts.tell()
            raise
        finally:
            for helper in helpers:
                helper.wait(lambda interrupt: self._interrupts.tell())

    def _help(self) -> None:
        # These hold in the thread that they were set in.
        with torch.no_grad(), single_threaded(True):
            self._work()

    def _work(self) -> None:
        while self._parts:
            try:
                part = self._parts.popleft()
            except IndexError:  # another thread was faster
                return
            self._train(part)

    def _train(self, part: _Part) -> None:
        began = perf_counter()
        self._begin(part.stack)
        try:
            for trainee in part.trainees:
                trainee.net.begin_stacked(trainee.plan.watches)
            descend_together(part.trainees, MAX_PASS_ELEMENTS, self._interrupts)
        except Exception as error:  # noqa: BLE001  # each of the networks raises it, in the thread that asked for it
            _fail(part, error)
        self._note_end(part, perf_counter() - began)

    def _note_end(self, part: _Part, seconds: float) -> None:
        with self._lock:
            self._seconds[part.stack] += seconds / self._n_threads
            self._n_left[part.stack] -= 1
            is_over = not self._n_left[part.stack]
        if is_over:
            self._end(part.stack, self._seconds[part.stack])


def _fail(part: _Part, error: Exception) -> None:
    for trainee in part.trainees:
        # One each: an error that several threads raise collects the traceback of all.
        trainee.error = RuntimeError(f"Training this network together with others failed: {error}")
        trainee.error.__cause__ = error
