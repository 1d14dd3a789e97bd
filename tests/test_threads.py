import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import threadpoolctl
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from sknets import MLPClassifier, _threads
from sknets._threads import single_threaded
from sknets.exceptions import DivergenceError
from sknets.training import _train


@pytest.fixture
def three_threads():
    """A caller who has set torch to three threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def table(rng):
    return rng.normal(size=(40, 3)), np.arange(40) % 2


class ThreadCount(Callback):
    """Note the number of threads at the end of every epoch."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(torch.get_num_threads())


def fit(table, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MLPClassifier((4,), max_iter=3, random_state=0, **parameters).fit(*table)


def test_one_thread_inside_the_block_and_the_callers_number_after(three_threads):
    with single_threaded(True):
        assert torch.get_num_threads() == 1

    assert torch.get_num_threads() == 3


def test_an_inactive_block_changes_nothing(three_threads):
    with single_threaded(False):
        assert torch.get_num_threads() == 3

    assert torch.get_num_threads() == 3


def test_the_number_comes_back_after_an_exception(three_threads):
    with pytest.raises(RuntimeError, match="in the middle"), single_threaded(True):
        raise RuntimeError("in the middle")

    assert torch.get_num_threads() == 3


def test_the_number_comes_back_after_the_outermost_of_nested_blocks(three_threads):
    with single_threaded(True):
        with single_threaded(True):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1

    assert torch.get_num_threads() == 3


def test_an_inactive_block_within_an_active_one_keeps_one_thread(three_threads):
    with single_threaded(True), single_threaded(False):
        assert torch.get_num_threads() == 1


def test_a_block_in_another_thread_does_not_give_the_number_back_too_early(three_threads):
    entered, may_leave = threading.Event(), threading.Event()
    seen = []

    def stay_longer():
        with single_threaded(True):
            entered.set()
            may_leave.wait(10)
            seen.append(torch.get_num_threads())

    other = threading.Thread(target=stay_longer)
    with single_threaded(True):
        other.start()
        entered.wait(10)
    may_leave.set()
    other.join()

    assert seen == [1]


def test_no_block_is_counted_twice_or_forgotten(three_threads):
    def enter_and_leave(_):
        with single_threaded(True):
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(enter_and_leave, range(50)))

    assert _threads._torch_limit._n_holders == 0


def test_a_small_fit_takes_one_thread_and_gives_the_number_back(three_threads, table):
    counts = ThreadCount()
    counts.seen = seen = []

    fit(table, callbacks=[counts])

    assert seen == [1, 1, 1]
    assert torch.get_num_threads() == 3


def test_a_fit_with_large_steps_keeps_the_callers_number(three_threads, table, monkeypatch):
    monkeypatch.setattr(_train, "SMALL_STEP_FLOPS", 10)
    counts = ThreadCount()
    counts.seen = seen = []

    fit(table, callbacks=[counts])

    assert seen == [3, 3, 3]
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(
    ("n_features", "n_units", "n_rows", "is_large"),
    [(64, 100, 200, False), (784, 256, 32, False), (784, 512, 128, True)],
)
def test_a_step_is_large_beyond_120_million_operations(three_threads, rng, n_features, n_units, n_rows, is_large):
    X, y = rng.normal(size=(n_rows, n_features)).astype(np.float32), np.arange(n_rows) % 2
    counts = ThreadCount()
    counts.seen = seen = []

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MLPClassifier((n_units,), max_iter=1, callbacks=[counts], random_state=0).fit(X, y)

    assert (6 * n_rows * n_units * (n_features + 1) > 50e6) == is_large
    assert seen == [3 if is_large else 1]


def test_the_number_comes_back_after_a_fit_that_fails(three_threads, table):
    X, y = table

    with pytest.raises(DivergenceError, match="first epoch"), np.errstate(all="ignore"):
        fit((X * 1e160, y), solver="sgd", learning_rate_init=1e300)

    assert torch.get_num_threads() == 3
    assert _threads._torch_limit._n_holders == 0


def test_the_number_comes_back_after_a_fit_that_is_interrupted(three_threads, table):
    class Interruption(Callback):
        def on_batch_begin(self, net, **kwargs):
            raise KeyboardInterrupt

    fit(table, callbacks=[Interruption()])

    assert torch.get_num_threads() == 3


def test_the_callers_number_is_untouched_by_fits_in_several_threads_at_once(three_threads, table):
    warnings.simplefilter("ignore")  # within this test only: pytest gives the filters back

    def fit_quietly(seed):
        return MLPClassifier((4,), max_iter=3, random_state=seed).fit(*table).coefs_[0]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fit_quietly, range(8)))

    assert torch.get_num_threads() == 3
    assert _threads._torch_limit._n_holders == 0
    for seed, coef in enumerate(together):
        np.testing.assert_array_equal(coef, fit_quietly(seed))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_blas_has_one_thread_in_a_fit_and_its_own_number_afterwards(table, solver):
    class BlasThreads(Callback):
        def on_epoch_end(self, net, **kwargs):
            self.seen.update(count_blas_threads())

    callback = BlasThreads()
    callback.seen = seen = set()

    with threadpoolctl.threadpool_limits(2, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPClassifier((4,), solver=solver, max_iter=3, random_state=0, callbacks=[callback]).fit(*table)
        after = count_blas_threads()

    assert seen == {1}
    assert after == {2}


def count_blas_threads():
    return {library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"}


def test_a_thread_born_under_the_limit_does_not_take_it_for_the_number_of_all(three_threads):
    has_entered, may_leave = threading.Event(), threading.Event()

    def hold():
        with single_threaded(True):
            has_entered.set()
            may_leave.wait()

    with ThreadPoolExecutor(1) as born_under_limit, ThreadPoolExecutor(1) as new:
        with single_threaded(True):
            assert born_under_limit.submit(torch.get_num_threads).result() == 1
        held = born_under_limit.submit(hold)
        has_entered.wait()
        with single_threaded(True):
            pass
        may_leave.set()
        held.result()

        assert new.submit(torch.get_num_threads).result() == 3
