"""Random trees of tools, tasks, failures and interrupts, in one thread and in several, must end as loops would."""

import random
import threading
from contextlib import contextmanager, nullcontext

import pytest
from joblib import parallel_config
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier

from sknets.batching import batched_fits
from tests.batching._tasks import fit, interrupt_own_root, run, small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FEW, MANY = range(15), range(15, 315)
N_JOBS = [None, None, 1, 2, -1]


class Scenario:
    """A tree of things to do for each thread, drawn from a seed; ``run`` does them inside or outside of the context."""

    def __init__(self, seed, data):
        self.random = random.Random(seed)
        self.data = data
        self.failure_rate = self.random.choice([0.0, 0.0, 0.15])
        self.has_interrupts = self.may_interrupt = self.random.random() < 0.25
        self.n_jobs = self.random.choice(N_JOBS)
        # A second one would leave tasks behind that run into the next scenario.
        self.one_interrupt = threading.Lock()
        self.n_left = 20
        self.threads = [self.draw_call(0)]
        # The main thread may be between two calls of its own when others' tasks run.
        self.may_interrupt = False
        self.threads += [self.draw_call(0) for _ in range(self.random.choice([0, 0, 0, 1, 2]))]

    def draw_call(self, depth):
        sizes = [self.random.randint(0, 2) for _ in range(self.random.randint(1, 4))]
        tasks = [[self.draw(depth + 1) for _ in range(size)] for size in sizes]
        return ("call", tasks, self.random.choice(N_JOBS))

    def draw(self, depth):
        kind = self.random.random()
        self.n_left -= 1
        if self.n_left < 0 or depth > 4:
            return ("fit", 0.0)
        if kind < self.failure_rate:
            return ("fail", self.random.randint(0, 99))
        if self.may_interrupt and kind > 0.93:
            return ("interrupt",)
        if kind > 0.75:
            return self.draw_call(depth)
        if kind > 0.65:
            return (self.random.choice(["catch", "context"]), self.draw_call(depth))
        name = self.random.choice(["fit", "fit", "fit", "search", "bagging", "scores"])
        return (name, self.random.choice([0.0, 0.5, 1.0]))

    def act(self, thing, inside):
        return getattr(self, f"do_{thing[0]}")(*thing[1:], inside)

    def do_call(self, tasks, n_jobs, inside):
        functions = [lambda things=things: [self.act(thing, inside) for thing in things] for things in tasks]
        return run(functions, n_jobs=n_jobs if inside else None)

    def do_fit(self, alpha, inside):
        return fit(self.data, alpha=alpha)

    def do_search(self, alpha, inside):
        return GridSearchCV(small(), {"alpha": [alpha, 2.0]}, cv=2, refit=False).fit(*self.data).best_score_

    def do_bagging(self, alpha, inside):
        bagging = BaggingClassifier(small(alpha=alpha), n_estimators=2, random_state=0)
        return bagging.fit(*self.data).predict_proba(self.data[0]).sum(axis=0).tolist()

    def do_scores(self, alpha, inside):
        return cross_val_score(OneVsRestClassifier(small(alpha=alpha)), *self.data, cv=2).tolist()

    def do_fail(self, number, inside):
        raise LookupError(number)

    def do_catch(self, call, inside):
        try:
            return self.act(call, inside)
        except LookupError as error:
            return f"caught {error}"

    def do_context(self, call, inside):
        with batched_fits() if inside else nullcontext():
            return self.act(call, inside)

    def do_interrupt(self, inside):
        if inside and self.one_interrupt.acquire(blocking=False):
            interrupt_own_root()

    def run(self, inside):
        """Return what each thread ends with."""
        ends = [None] * len(self.threads)

        def work(k):
            try:
                with self.surroundings(inside):
                    ends[k] = self.act(self.threads[k], inside)
            except LookupError as error:
                ends[k] = repr(error)
            except KeyboardInterrupt:
                ends[k] = "interrupted"

        others = [threading.Thread(target=work, args=(k,)) for k in range(1, len(self.threads))]
        for thread in others:
            thread.start()
            if not inside:
                # scikit-learn's tasks change the warning filters of the process.
                thread.join()
        work(0)
        for thread in others:
            thread.join()
        return ends

    @contextmanager
    def surroundings(self, inside):
        if not inside:
            yield
            return
        with parallel_config(n_jobs=self.n_jobs), batched_fits():
            yield


@pytest.mark.parametrize("seeds", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"])
def test_all_scenarios_end_as_a_loop_would(seeds, data):
    for seed in seeds:
        scenario = Scenario(seed, data)
        ends = scenario.run(inside=True)
        if not scenario.has_interrupts:
            assert ends == scenario.run(inside=False), seed
