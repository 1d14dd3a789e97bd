"""A task as it sees itself: it runs, waits for its network to be trained or for tasks of its own, and ends."""

from collections.abc import Callable
from enum import Enum, auto
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from greenlet import getcurrent, greenlet

from sknets.batching._here import here
from sknets.batching._open_reports import open_reports
from sknets.batching._report import NO_GAIN
from sknets.batching._thread_state import ThreadState
from sknets.batching._train_alone import train_alone
from sknets.batching._waiting_fit import WaitingFit
from sknets.batching._warning_state import current_state, put_back
from sknets.training import InMemoryNet, Trainee, TrainingPlan, gains_beside_others, takes_one_thread, train_stack

if TYPE_CHECKING:
    from sknets.batching._call import Call
    from sknets.batching._workers import Worker


class TaskAbandoned(BaseException):
    """Unwinds a task whose result nobody waits for any more; as base class it has that of KeyboardInterrupt."""


class State(Enum):
    """Where a task stands; :mod:`sknets.batching._schedule` says how it gets from one to the next."""

    NEW = auto()
    RUNNING = auto()
    IN_ROOT = auto()
    PARKED = auto()
    TRAINING = auto()
    WAITING = auto()
    READY = auto()
    DONE = auto()


class Task:
    """A function that joblib submitted.

    Attributes
    ----------
    function : callable
    state : State
        Read and written by the coordinator only, as are the next four.
    path : tuple of int
        The indices of the tasks around it and its own; sorted, they are the order in which a plain loop would run them.
    n_bytes : int
        Memory that its waiting network takes.
    inner_call : Call or None
        What it waits for.
    n_epochs : int
        How far the training in its thread has come, if it keeps step with others.
    is_abandoned : bool
        Set by the coordinator, and read when the task comes to rest.
    has_fitted : bool
        Whether a network was trained in it or in its own tasks.
    result : object
    error : BaseException or None
        What it raised.
    """

    call: "Call"
    index: int
    worker: "Worker"

    def __init__(self, function: Callable[[], Any], callback: Callable[[Any], Any]) -> None:
        self.function: Callable[[], Any] = function
        self._callback: Callable[[Any], Any] = callback
        self.state = State.NEW
        self.path: tuple[int, ...] = ()
        self.n_bytes = 0
        self.inner_call: Call | None = None
        self.is_abandoned = False
        self.n_epochs = 0
        self.has_fitted = False
        self.result: Any = None
        self.error: BaseException | None = None
        # Its own stack, from its beginning to its end.
        self._stack: greenlet | None = None
        self._running_since = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the function has been carried out; asked in the worker's thread."""
        return self._stack is None

    def carry_on(self) -> None:
        """Begin, or go on, in the worker's thread, until the task rests or is over."""
        if self._stack is None:
            self._stack = greenlet(self._run)
            if torch.get_num_threads() != 1:
                # Another task's network was so large; this one's may be small.
                torch.set_num_threads(1)
        here.task = self
        self._stack.switch()
        here.task, here.is_training = None, False
        if self._stack.dead:
            self._stack = None

    def _run(self) -> None:
        """Carry the function out; never raises."""
        try:
            self._take_turn(self.call.warning_state)
            self.call.caller.run(self._run_function)
        except BaseException as error:  # noqa: BLE001  # the call's thread raises it
            self.error = error
        finally:
            self.drop()

    def take_result(self, result: Any) -> None:
        """End with a result that was computed without a thread of the coordinator's."""
        self.result, callback = result, self._callback
        self.drop()
        callback(self)

    def drop(self) -> None:
        """Let go of the function and its data."""
        self.function = self._callback = _nothing

    def wake(self) -> None:
        """Let the resting task go on."""
        self.worker.carry_on(self)

    def fit(self, plan: TrainingPlan, net: InMemoryNet) -> InMemoryNet:
        """Have the net trained together with those of other tasks, and return it."""
        trainee = Trainee(plan, net)
        if any(watch.keeps_step for watch in plan.watches) and (trainee.reason_alone or trainee.is_too_large):
            self.n_epochs = 0
            return self._train_prepared_here(trainee, trainee.reason_alone or NO_GAIN)
        reason = trainee.reason_alone
        if reason is None and not gains_beside_others(trainee, self._session.n_threads):
            reason = NO_GAIN
        if reason is not None and self._session.n_running > 1:
            # The root thread trains one after the other; this one does not stand in the other tasks' way.
            return self._train_prepared_here(trainee, reason)
        fit = WaitingFit(self, trainee, reason)
        self._session.limit_for(fit.device)
        self.has_fitted = True
        self._rest(self._session.schedule.park, fit)
        trained = fit.finish()
        self._take_threads(plan, trained)
        return trained

    def train_here(
        self,
        train: Callable[[TrainingPlan, InMemoryNet], InMemoryNet],
        plan: TrainingPlan,
        net: InMemoryNet,
        reason: str,
    ) -> InMemoryNet:
        """Train the net alone in this thread."""
        self._count_time("preparation")
        self.has_fitted = here.is_training = True
        try:
            return train_alone(train, plan, net, open_reports(), reason)
        finally:
            here.is_training = False
            self._running_since = perf_counter()

    def step_aside(self, n_epochs: int) -> None:
        """In the middle of a training in this thread, let the tasks come first that are not as far."""
        warning_state = current_state() if self._session.n_running == 1 else None
        self._session.post(self._session.schedule.step_aside, self, n_epochs)
        self._leave_thread()
        if warning_state is not None:
            put_back(warning_state)
        if self.is_abandoned:
            raise TaskAbandoned

    def wait_for(self, call: "Call") -> None:
        """Have the tasks of a call in this one carried out."""
        self._rest(self._session.schedule.begin_inner, call)

    @property
    def _session(self) -> Any:
        return self.call.session

    def _train_prepared_here(self, trainee: Trainee, reason: str) -> InMemoryNet:
        self._take_threads(trainee.plan, trainee.net)
        return self.train_here(lambda *_: _train_now(trainee), trainee.plan, trainee.net, reason)

    def _take_threads(self, plan: TrainingPlan, net: InMemoryNet) -> None:
        """From a network on that is large enough for several threads, let this thread have them."""
        if here.worker is not None and not takes_one_thread(plan, net):
            here.worker.take_threads(self._session.threads_per_task)

    def _run_function(self) -> None:
        try:
            self.result = self.function()
        finally:
            self._count_time("scoring" if self.has_fitted else "preparation")
        if not self.is_abandoned:
            self._callback(self)

    def _rest(self, event: Callable[..., None], thing: Any) -> None:
        """Report ``event`` and wait until this task's turn comes again."""
        if self.is_abandoned:
            raise TaskAbandoned
        self._count_time("preparation")
        thing.warning_state = current_state() if self._session.n_running == 1 else None
        self._session.post(event, self, thing)
        self._leave_thread()
        self._take_turn(thing.warning_state)
        if self.is_abandoned:
            raise TaskAbandoned

    def _leave_thread(self) -> None:
        """Leave the thread to other tasks until this one's turn comes again."""
        state = ThreadState()
        worker: Any = getcurrent().parent
        worker.switch()
        state.put_back()

    def _take_turn(self, warning_state: Any) -> None:
        if warning_state is not None:
            put_back(warning_state)
        self._running_since = perf_counter()

    def _count_time(self, part: str) -> None:
        seconds = perf_counter() - self._running_since
        for report in open_reports():
            report._add_seconds(part, seconds)


def _nothing(*_: Any) -> None:
    pass


def _train_now(trainee: Trainee) -> InMemoryNet:
    train_stack([trainee])
    return trainee.finish()
