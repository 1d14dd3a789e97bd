import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest
from joblib import parallel_config
from sklearn.model_selection import cross_val_score

from sknets.batching import batched_fits
from tests.batching._tasks import fit, run, small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def in_threads(*functions):
    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result() for future in [pool.submit(function) for function in functions]]


def test_threads_that_open_the_context_share_stacks(data, engine):
    all_wait = threading.Barrier(3, timeout=20)

    def thread():
        with batched_fits() as report:
            losses = run([all_wait.wait, lambda: fit(data), lambda: fit(data)])
        return losses[1], report.stack_sizes

    results = in_threads(thread, thread, thread)

    assert engine.stacks == [6]
    assert results == [(fit(data), [2])] * 3


def test_nobody_waits_for_a_thread_that_runs_no_tool(data, engine):
    may_go_on = threading.Event()

    def idle():
        with batched_fits():
            may_go_on.wait(20)

    thread = threading.Thread(target=idle)
    thread.start()
    with batched_fits():
        run([lambda: fit(data)] * 2)
    may_go_on.set()
    thread.join()

    assert engine.stacks == [2]


def test_a_session_that_comes_while_another_is_trained_gets_its_turn(data, engine):
    is_training, may_end = threading.Event(), threading.Event()

    def hold(trainees):
        is_training.set()
        may_end.wait(20)

    def late():
        is_training.wait(20)
        with batched_fits():
            threading.Timer(0.02, may_end.set).start()
            return run([lambda: fit(data)] * 3)

    def early():
        with batched_fits():
            return run([lambda: fit(data)] * 2)

    engine.before_stack = hold
    results = in_threads(late, early)

    assert [len(losses) for losses in results] == [3, 2]
    assert engine.stacks == [2, 3]


def test_an_objective_may_search_in_threads(data):
    def objective(trial):
        with parallel_config(backend="sknets"):
            scores = cross_val_score(small(alpha=trial.suggest_float("alpha", 0.0, 1.0)), *data, cv=3)
        return scores.mean()

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    # Optuna's threads set filters of warnings, which are the process's, and put back what they found.
    with warnings.catch_warnings():
        study.optimize(objective, n_trials=6, n_jobs=3)

    for trial in study.trials:
        assert trial.value == cross_val_score(small(alpha=trial.params["alpha"]), *data, cv=3).mean()


def test_an_error_in_one_thread_leaves_the_others_alone(data, engine):
    both_wait = threading.Barrier(2, timeout=20)

    def fails():
        with batched_fits():
            run([both_wait.wait, lambda: fit(data), lambda: 1 / 0])

    def works():
        with batched_fits():
            return run([both_wait.wait, lambda: fit(data)])[1]

    with ThreadPoolExecutor(2) as pool:
        failing, working = pool.submit(fails), pool.submit(works)
        with pytest.raises(ZeroDivisionError):
            failing.result()

        assert working.result() == fit(data)


def test_threads_without_the_context_train_alone_and_are_reported(data):
    with batched_fits() as report:
        in_threads(lambda: fit(data), lambda: fit(data))

    assert report.reasons == {"fitted in a thread that batched_fits was not opened in": 2}


def test_threads_of_a_task_train_alone(data):
    with batched_fits() as report:
        run([lambda: in_threads(lambda: fit(data), lambda: fit(data))] * 2)

    assert report.n_alone == 4


def test_callbacks_of_a_network_in_training_may_fit_others(data):
    from skorch.callbacks import Callback

    losses = []

    class Fits(Callback):
        def on_train_end(self, net, **kwargs):
            losses.append((fit(data), cross_val_score(small(), *data, cv=2).mean()))

    for n_jobs in (None, 2):
        with batched_fits():
            run([lambda: fit(data, callbacks=[Fits()])] * 2, n_jobs=n_jobs)

    assert losses == [(fit(data), cross_val_score(small(), *data, cv=2).mean())] * 4
