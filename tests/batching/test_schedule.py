"""The schedule without threads: every event comes at a random moment, and something must always be able to move."""

import random
from types import SimpleNamespace

import pytest
import torch

from sknets.batching._call import Call
from sknets.batching._schedule import Schedule
from sknets.batching._session import Session
from sknets.batching._task import State, Task
from sknets.batching._waiting_fit import WaitingFit

MAX_LIVE = 4
MAX_DEPTH = 3


class World:
    """Tasks that do random things, and root threads that train or are interrupted; one event after the other."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.may_interrupt = self.random.random() < 0.3
        self.failure_rate = self.random.choice([0.0, 0.0, 0.1, 0.4])
        self.stubbornness = self.random.choice([0.0, 0.5])
        self.schedule = Schedule(self, MAX_LIVE)
        self.n_to_begin = self.random.randint(1, 4)
        self.running, self.orders, self.closed, self.left = [], {}, [], set()
        self.unstartable = self.random.random() < 0.1

    # What the schedule has done

    def start(self, task):
        if self.unstartable and self.random.random() < 0.3:
            raise RuntimeError("can't start new thread")
        assert task.state is State.RUNNING
        self.running.append(task)

    def wake(self, task):
        assert task.state is State.RUNNING
        self.running.append(task)

    def give(self, order):
        assert order.session not in self.orders
        assert order.session not in self.left
        self.orders[order.session] = order

    def close(self, session):
        self.closed.append(session)

    # What may happen next

    def step(self):
        """Let one thing happen; return False if nothing can."""
        moves = [lambda task=task: self.go_on(task) for task in self.running]
        moves += [lambda order=order: self.train(order) for order in self.orders.values()]
        if self.n_to_begin:
            moves.append(self.begin)
        if not moves:
            return False
        if self.may_interrupt and self.random.random() < 0.02:
            waiting = [session for session in self.schedule.sessions if session not in self.left]
            moves = [lambda session=session: self.interrupt(session) for session in waiting] or moves
        self.random.choice(moves)()
        self.schedule.advance()
        self.check()
        return True

    def begin(self):
        self.n_to_begin -= 1
        max_memory = self.random.choice([1, 3, 10**9])
        session = Session(self.make_call(0), self.random.choice([1, 1, 2, 3]), max_memory, None)
        session.limit_for(torch.device("cpu"))
        self.schedule.begin(session)

    def make_call(self, depth):
        return Call([self.make_task(depth) for _ in range(self.random.randint(1, 5))], None)

    def make_task(self, depth):
        task = Task(lambda: None, lambda task: None)
        task.depth, task.n_steps = depth, self.random.randint(0, 4)
        return task

    def go_on(self, task):
        self.running.remove(task)
        task.n_steps -= 1
        is_giving_up = task.is_abandoned and self.random.random() >= self.stubbornness
        if task.n_steps < 0 or is_giving_up or self.random.random() < self.failure_rate:
            if task.n_steps >= 0:
                task.error = LookupError()
            if self.random.random() < 0.1:
                self.schedule.add(task.call, self.make_task(task.depth))
            self.schedule.finish(task)
        elif self.random.random() < 0.3 and task.depth < MAX_DEPTH:
            self.schedule.begin_inner(task, self.make_call(task.depth + 1))
        elif self.random.random() < 0.2:
            self.schedule.step_aside(task, task.n_epochs + 1)
        else:
            plan = SimpleNamespace(recipe=SimpleNamespace(device=torch.device("cpu")))
            is_alone = self.random.random() < 0.2 and task.call.session.n_running == 1
            trainee = SimpleNamespace(plan=plan, n_bytes=1)
            self.schedule.park(task, WaitingFit(task, trainee, "odd" if is_alone else None))

    def train(self, order):
        n_over = len(order.fits)
        if self.may_interrupt and self.random.random() < 0.1:
            n_over = self.random.randint(0, n_over)
        for fit in order.fits[:n_over]:
            assert fit.task.state in (State.TRAINING, State.IN_ROOT)
            fit.is_begun = fit.is_over = True
        if n_over < len(order.fits):
            order.fits[n_over].is_begun = self.random.random() < 0.5
            self.interrupt(order.session)
        else:
            del self.orders[order.session]
            self.schedule.trained(order)

    def interrupt(self, session):
        self.left.add(session)
        self.orders.pop(session, None)
        self.schedule.abort(session)

    # What must hold

    def check(self):
        sessions = self.schedule.sessions
        tasks = [task for session in sessions for task in all_tasks(session.call)]
        assert len(set(self.closed)) == len(self.closed)
        assert not set(self.closed) & set(sessions)
        assert bool(sessions) <= bool(self.running or self.orders)
        assert sorted(map(id, self.running)) == sorted(id(task) for task in tasks if task.state is State.RUNNING)
        for session in sessions:
            states = [task.state for task in all_tasks(session.call)]
            n_active = sum(state in (State.RUNNING, State.IN_ROOT) for state in states)
            assert n_active == session.n_active <= session.n_running
        if any(task.state is State.TRAINING for task in tasks):
            assert all(task.is_abandoned for task in self.running)
        n_waiting = sum(task.state is State.WAITING for task in tasks)
        n_live = sum(task.state not in (State.NEW, State.WAITING) for task in tasks)
        assert n_live == self.schedule._bounds.n_live <= MAX_LIVE + n_waiting + MAX_DEPTH * MAX_LIVE


def all_tasks(call):
    for task in call.tasks.values():
        yield task
        if task.inner_call is not None:
            yield from all_tasks(task.inner_call)


@pytest.mark.parametrize("n_worlds", [100, pytest.param(3_000, marks=pytest.mark.slow)])
def test_something_can_always_move_until_all_is_done(n_worlds):
    for seed in range(n_worlds):
        world = World(seed)
        n_steps = 0
        while world.step():
            n_steps += 1
            assert n_steps < 100_000, seed

        assert not world.schedule.sessions, seed
        assert not world.schedule._parked, seed
        assert world.schedule._training is None, seed
        assert world.schedule._bounds.n_live == 0, seed
        assert not any(world.schedule._bounds._bytes.values()), seed
