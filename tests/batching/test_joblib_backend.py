import joblib
import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV, cross_val_score

from sknets.batching import batched_fits
from tests.batching._tasks import fit, run, small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def identity(value):
    return value


def test_thousands_of_tasks_come_back_in_their_order():
    with batched_fits():
        results = run([lambda k=k: k for k in range(2500)])

    assert results == list(range(2500))


@pytest.mark.parametrize(
    "options",
    [
        {"n_jobs": 2},
        {"return_as": "generator"},
        {"return_as": "generator_unordered"},
        {"batch_size": 7},
        {"pre_dispatch": "all"},
        {"pre_dispatch": 2},
        {"pre_dispatch": "n_jobs**2"},
        {"backend": "sknets"},
    ],
    ids=str,
)
def test_all_ways_to_call_give_results_in_the_order_of_tasks(options):
    with batched_fits():
        results = list(Parallel(**options)(delayed(identity)(k) for k in range(300)))

    assert results == list(range(300))


def test_one_call_after_the_other_of_one_parallel():
    with batched_fits(), Parallel(n_jobs=2) as parallel:
        results = [parallel(delayed(identity)(k) for k in range(n)) for n in (3, 0, 5)]

    assert [len(result) for result in results] == [3, 0, 5]


def test_all_tasks_wait_for_one_another_however_joblib_slices_them(data, engine):
    with batched_fits():
        run([lambda: fit(data)] * 5, pre_dispatch="2*n_jobs", n_jobs=2)
        run([lambda: fit(data)] * 5, pre_dispatch=2)

    assert engine.stacks == [5, 2, 2, 1]


def test_results_of_a_generator_come_when_the_first_is_asked_for(data, engine):
    with batched_fits():
        losses = Parallel(return_as="generator")(delayed(fit)(data, alpha=alpha) for alpha in (0.0, 1.0))
        before = list(engine.stacks)
        losses = list(losses)

    assert before == []
    assert engine.stacks == [2]
    assert losses == [fit(data, alpha=0.0), fit(data, alpha=1.0)]


def test_a_generator_that_nobody_reads_runs_nothing(data, engine):
    with batched_fits():
        losses = Parallel(return_as="generator")(delayed(fit)(data) for _ in range(3))
        with pytest.warns(UserWarning, match="3 tasks which were still being processed"):
            del losses

    assert engine.stacks == []


def test_progress_is_told(capsys):
    with batched_fits():
        run([lambda: 1] * 20, verbose=10)

    assert "Done  20 out of  20" in capsys.readouterr().err


def test_a_time_limit_is_said_to_be_without_effect():
    with batched_fits(), pytest.warns(UserWarning, match="does not support timeout"):
        results = run([lambda: 1], timeout=1e-9)

    assert results == [1]


def test_an_error_in_the_generator_of_tasks_is_raised(data):
    def tasks():
        yield delayed(fit)(data)
        raise LookupError("no more folds")

    with batched_fits():
        with pytest.raises(LookupError, match="no more folds"):
            Parallel()(tasks())
        with pytest.raises(LookupError, match="no more folds"):
            Parallel(pre_dispatch=1)(tasks())


def test_no_tasks_give_no_results():
    with batched_fits():
        assert run([]) == []


def test_a_generator_of_tasks_may_run_tools_itself(data):
    def tasks():
        return (delayed(identity)(cross_val_score(small(), *data, cv=2).mean()) for _ in range(2))

    with batched_fits() as report:
        assert Parallel()(tasks()) == Parallel()(tasks())

    assert report.n_fits == 8


def test_the_backend_has_a_name(data, engine):
    with parallel_config(backend="sknets"):
        GridSearchCV(small(), {"alpha": [0.0, 1.0]}, cv=2, refit=False).fit(*data)
    with parallel_config(backend="sknets", max_memory=1):
        GridSearchCV(small(), {"alpha": [0.0, 1.0]}, cv=2, refit=False).fit(*data)

    assert engine.stacks == [4, 1, 1, 1, 1]


def test_tools_that_slice_rows_are_told_what_n_jobs_means():
    with batched_fits():
        assert joblib.effective_n_jobs(None) == 1
        assert joblib.effective_n_jobs(3) == 3
        assert joblib.effective_n_jobs(-1) == joblib.cpu_count()
        assert joblib.effective_n_jobs(-1000) == 1


def test_no_jobs_at_all_is_an_error():
    with batched_fits(), pytest.raises(ValueError, match="n_jobs == 0"):
        run([lambda: 1], n_jobs=0)


def test_other_backends_that_are_asked_for_keep_their_tasks(data):
    with batched_fits() as report:
        losses = run([lambda: fit(data)] * 2, n_jobs=2, backend="threading")

    assert losses == [fit(data)] * 2
    assert list(report.reasons) == ["fitted in a thread that batched_fits was not opened in"]


def test_tasks_may_return_large_and_odd_things():
    with batched_fits():
        results = run([lambda: np.zeros(10), lambda: None, lambda: ValueError("not raised")])

    assert isinstance(results[2], ValueError)
