"""Which task runs when: a machine of states that waits for nothing and knows no threads.

The states of a task::

    NEW ----> RUNNING ----> DONE
                |  ^
                |  +------------------------------------ READY
                |                                        ^  ^
                +--> PARKED (at a fit) ---> TRAINING ----+  |
                +--> WAITING (for tasks of its own) --------+
                +--> READY (steps aside between epochs)
                +--> IN_ROOT (its root thread trains it alone) ---> RUNNING

Only a task that is RUNNING moves. Five events come in from such tasks (``begin_inner``, ``add``, ``park``,
``step_aside``, ``finish``) and three from the root threads, those that called joblib from outside (``begin``,
``trained``, ``abort``). Each changes states and counts and returns; ``advance`` then lets go on whatever may. Tasks
that share a thread are a session's whose ``n_running`` is 1: the one that is RUNNING has the thread to itself.

A session, all that one root thread waits for, has at most ``n_running`` tasks RUNNING or IN_ROOT. Of those that are
READY or NEW the first goes on, in the order of a plain loop; of those that train by themselves and keep step, the one
that is least far. A NEW task starts only while fewer than ``max_live`` tasks are live (started, not done, not WAITING),
while less memory is parked than the session's limit, and while no root thread trains.

Why it cannot hang, provided that whatever runs between two rests ends, and every training does. After ``advance``, if
there is a session, something moves: a task is RUNNING or IN_ROOT, or a root thread trains. Suppose neither. Then no
task is READY, for every session has a free place. None is PARKED, for ``advance`` would have told a root thread to
train it. So none is live, both bounds are open, and none is NEW. All that are left are WAITING, each for tasks of an
inner call; the innermost of these cannot be WAITING themselves, so they are DONE; but a call whose tasks are all DONE
has woken its parent or closed its session. And what moves comes to rest or ends, whereupon ``advance`` is called again.

A task fails: later tasks of its call are abandoned, as a plain loop would not have reached them; earlier ones go on, as
theirs is the error that the loop would have met. To be abandoned means: not to start; or to be resumed with
``TaskAbandoned`` where it rests, or where it comes to rest next. It is not trained and waits for no tasks any more.
"""

from sknets.batching._bounds import Bounds
from sknets.batching._call import Call
from sknets.batching._effects import Effects
from sknets.batching._session import Session
from sknets.batching._task import State, Task
from sknets.batching._waiting_fit import Order, WaitingFit, path_of

# They take one of the session's places.
_ACTIVE = {State.RUNNING, State.IN_ROOT}


class Schedule:
    """All sessions that are in flight in the process.

    Parameters
    ----------
    effects : Effects
    max_live : int
        How many tasks may be live.
    """

    def __init__(self, effects: Effects, max_live: int) -> None:
        self.sessions: dict[Session, None] = {}
        self._effects = effects
        self._max_live = max_live
        self._bounds = Bounds(max_live)
        self._parked: dict[Task, WaitingFit] = {}
        self._training: Order | None = None

    # Events from root threads

    def begin(self, session: Session) -> None:
        """Take a root thread's call in."""
        self.sessions[session] = None
        for task in session.call.tasks.values():
            self._admit(task)

    def trained(self, order: Order) -> None:
        """Let the tasks of an order go on."""
        order.session.order = None
        if self._training is order:
            self._training = None
        for fit in order.fits:
            self._settle(fit)

    def abort(self, session: Session) -> None:
        """Abandon all of a session, whose root thread waits for its end at most."""
        if session not in self.sessions:
            self._effects.close(session)
            return
        session.is_aborted = True
        self._abandon_tasks(session.call)
        if session.order is not None:
            self.trained(session.order)

    # Events from tasks

    def begin_inner(self, task: Task, call: Call) -> None:
        """Let a task wait for tasks of its own."""
        call.parent, call.session, task.inner_call = task, task.call.session, call
        self._move(task, State.WAITING)
        for inner in call.tasks.values():
            self._admit(inner)
        if task.is_abandoned:
            self._abandon_tasks(call)

    def add(self, call: Call, task: Task) -> None:
        """Append a task to a call in flight; comes before the end of the task that caused it."""
        call.add(task)
        self._admit(task)
        if call.failure is not None or call.session.is_aborted or (call.parent and call.parent.is_abandoned):
            self._abandon(task)

    def park(self, task: Task, fit: WaitingFit) -> None:
        """Let a task wait for its network to be trained."""
        if task.is_abandoned:
            self._make_ready(task)
        elif not fit.waits_for_fellows:
            self._move(task, State.IN_ROOT)
            self._give(Order(task.call.session, [fit]))
        else:
            self._park(task, fit)

    def step_aside(self, task: Task, n_epochs: int) -> None:
        """Let a task that trains in its own thread wait until the others have come as far."""
        task.n_epochs = n_epochs
        self._make_ready(task)

    def finish(self, task: Task) -> None:
        """Take a task's result or error."""
        if task.call.session not in self.sessions:
            return  # after a panic
        call = task.call
        self._move(task, State.DONE)
        if call.parent is not None:
            call.parent.has_fitted |= task.has_fitted
        if task.error is not None and not task.is_abandoned:
            call.failure = task
            self._abandon_tasks(call, after=task.index)
        self._leave(task)

    def advance(self) -> None:
        """Resume and start what may go on; if nothing runs then, have what is parked trained."""
        for session in list(self.sessions):
            while session.n_active < session.n_running and (task := self._next(session)) is not None:
                self._go_on(task)
        is_at_rest = self._training is None and not any(session.n_active for session in self.sessions)
        if is_at_rest and self._parked:
            self._train_parked()

    def panic(self) -> list[Session]:
        """Forget everything and wake whoever rests, after an error in this class; return the sessions that were."""
        sessions = list(self.sessions)
        for task in [task for session in sessions for task in _all_tasks(session.call)]:
            task.is_abandoned = True
            if task.state not in (State.NEW, State.RUNNING):
                self._effects.wake(task)
        self.__init__(self._effects, self._max_live)  # type: ignore[misc]
        return sessions

    # Steps

    def _admit(self, task: Task) -> None:
        call = task.call
        outer = call.parent.path if call.parent is not None else (call.session.number,)
        task.path = (*outer, task.index)
        call.session.turns.add(task)

    def _next(self, session: Session) -> Task | None:
        return session.turns.take(may_start=self._training is None and self._bounds.are_open(session))

    def _go_on(self, task: Task) -> None:
        is_new = task.state is State.NEW
        self._move(task, State.RUNNING)
        if not is_new:
            self._effects.wake(task)
            return
        try:
            self._effects.start(task)
        except RuntimeError as error:
            self._do_without_thread(task, error)

    def _do_without_thread(self, task: Task, error: RuntimeError) -> None:
        if self._bounds.n_live == 1:
            task.error = error
            self.finish(task)
            return
        # The system gives no more; those that live will end and leave theirs.
        self._move(task, State.NEW)
        self._bounds.stay_below()
        self._admit(task)

    def _park(self, task: Task, fit: WaitingFit) -> None:
        self._move(task, State.PARKED)
        self._parked[task] = fit
        self._bounds.park(fit)

    def _unpark(self, task: Task) -> WaitingFit:
        fit = self._parked.pop(task)
        self._bounds.unpark(fit)
        return fit

    def _train_parked(self) -> None:
        fits = sorted((self._unpark(task) for task in list(self._parked)), key=path_of)
        for fit in fits:
            self._move(fit.task, State.TRAINING)
        # Ctrl-C reaches the main thread, so that it trains if it can. Of two sessions in one thread (a signal's
        # handler may begin another) only the later listens.
        listening = [session for session in self.sessions if not session.is_aborted]
        session = max(listening, key=lambda session: (session.is_in_main_thread, session.number))
        self._training = Order(session, fits)
        self._give(self._training)

    def _give(self, order: Order) -> None:
        order.session.order = order
        self._effects.give(order)

    def _settle(self, fit: WaitingFit) -> None:
        """Let go on what was trained; park again what another's interrupt kept from being trained."""
        task = fit.task
        if fit.is_begun and not fit.is_over:
            fit.error = RuntimeError("the thread that trained them was interrupted")
        if task.state is State.IN_ROOT:
            self._move(task, State.RUNNING)
            self._effects.wake(task)
        elif fit.is_begun or task.is_abandoned:
            self._make_ready(task)
        else:
            self._park(task, fit)

    def _make_ready(self, task: Task) -> None:
        self._move(task, State.READY)
        task.call.session.turns.add(task)

    def _abandon_tasks(self, call: Call, after: int = -1) -> None:
        for task in list(call.tasks.values()):
            if task.index > after:
                self._abandon(task)

    def _abandon(self, task: Task) -> None:
        task.is_abandoned = True
        if task.state is State.NEW:
            task.drop()
            self._move(task, State.DONE)
            self._leave(task)
        elif task.state is State.PARKED:
            self._unpark(task)
            self._make_ready(task)
        elif task.state is State.WAITING and task.inner_call is not None:
            self._abandon_tasks(task.inner_call)

    def _leave(self, task: Task) -> None:
        """Take a task that is done out of its call, and close the call with the last."""
        call = task.call
        del call.tasks[task.index]
        if call.tasks:
            return
        if call.parent is not None:
            call.parent.inner_call = None
            self._make_ready(call.parent)
        else:
            del self.sessions[call.session]
            self._effects.close(call.session)

    def _move(self, task: Task, state: State) -> None:
        self._bounds.move(task.state, state)
        task.call.session.n_active += (state in _ACTIVE) - (task.state in _ACTIVE)
        task.state = state


def _all_tasks(call: Call) -> list[Task]:
    inner = [task.inner_call for task in call.tasks.values() if task.inner_call is not None]
    return [*call.tasks.values(), *(task for call in inner for task in _all_tasks(call))]
