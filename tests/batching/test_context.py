import joblib
import pytest
from sklearn.model_selection import cross_val_score

from sknets.batching import batched_fits
from tests.batching._tasks import run, small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("max_memory", ["1 GB", 1.5, True])
def test_max_memory_of_another_kind_is_refused(max_memory):
    with pytest.raises(TypeError, match=r"whole number of bytes.*got"):
        batched_fits(max_memory=max_memory)


@pytest.mark.parametrize("max_memory", [0, -1])
def test_max_memory_must_be_positive(max_memory):
    with pytest.raises(ValueError, match="at least one byte"):
        batched_fits(max_memory=max_memory)


def test_a_context_can_be_used_again_when_it_is_closed(data):
    context = batched_fits()
    reports = []
    for _ in range(2):
        with context as report:
            cross_val_score(small(), *data, cv=2)
        reports.append(report.n_fits)

    assert reports == [2, 2]


def test_a_context_cannot_be_opened_twice_at_once():
    context = batched_fits()

    with context, pytest.raises(RuntimeError, match=r"with batched_fits\(\).*once more"):
        context.__enter__()


def test_a_context_that_is_not_open_cannot_be_closed():
    with pytest.raises(RuntimeError, match="not open"):
        batched_fits().__exit__(None, None, None)


def test_errors_in_the_block_pass_and_close_it():
    with pytest.raises(LookupError), batched_fits():
        raise LookupError

    with joblib.parallel_config() as config:
        assert not hasattr(config["backend"], "max_memory")


def test_contexts_may_be_closed_in_any_order():
    one, other = batched_fits(), batched_fits()
    report = one.__enter__()
    other.__enter__()
    other.__exit__(None, None, None)
    one.__exit__(None, None, None)

    assert report.n_fits == 0


def test_it_keeps_the_rest_of_joblibs_configuration(capsys):
    with joblib.parallel_config(verbose=10), batched_fits():
        run([lambda: 1] * 3)

    assert "Done" in capsys.readouterr().err
