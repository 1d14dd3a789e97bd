import copy
import pickle
from html.parser import HTMLParser

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.model_selection import cross_val_score

from sknets.batching import BatchingReport, batched_fits
from tests.batching._tasks import fit, run, small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def report(data, engine):
    """A stack of four, one of two, one alone of its kind, two odd ones, one by itself, one pass."""
    engine.reason_alone = lambda plan: "odd <one>" if plan.recipe.module.arguments["hidden_sizes"] == (9,) else None
    sizes = [(4,)] * 4 + [(3,)] * 2 + [(2,)] + [(9,)] * 2
    with batched_fits() as report:
        run([lambda size=size: fit(data, hidden_layer_sizes=size) for size in sizes])
        fit(data)
        small().partial_fit(*data, classes=[0, 1, 2])
    return report


def test_numbers(report):
    assert report.n_fits == 11
    assert report.n_stacks == 2
    assert report.stack_sizes == [4, 2]
    assert report.n_alone == 5
    assert report.reasons == {
        "odd <one>": 2,
        "no other network that waited was like it": 1,
        "fitted by itself, not by a tool that runs several fits": 1,
        "partial_fit, which trains one pass at a time": 1,
    }


def test_seconds_of_the_parts_and_in_all(report):
    assert list(report.seconds) == ["preparation", "training", "scoring", "total"]
    assert all(value > 0 for value in report.seconds.values())
    assert report.seconds["training"] < report.seconds["total"]
    assert report.seconds["total"] == report.seconds["total"]


def test_table(report):
    frame = report.to_frame()

    assert list(frame.columns) == ["network", "size", "reason", "seconds", "epochs"]
    assert frame["size"].tolist() == [2, 4, 2, 1, 1, 1]
    assert frame["network"][1] == "MLP 4-4-3, adam"
    assert frame["epochs"][1] == 2
    assert frame["seconds"].sum() == pytest.approx(report.seconds["training"])


def test_text(report):
    assert repr(report) == "<BatchingReport: 11 networks trained: 2 stacks, 5 alone>"
    lines = str(report).splitlines()
    assert lines[:3] == ["11 networks trained: 2 stacks, 5 alone", "  6 in 2 stacks of 2 to 4", "  2 alone: odd <one>"]
    assert lines[-1].startswith("  preparation 0.")


def test_text_of_one_and_of_none(data):
    with batched_fits() as report:
        assert str(report).startswith("No network was trained")
        assert report.to_frame().empty
        run([lambda: fit(data)])

    assert repr(report) == "<BatchingReport: 1 network trained: 1 alone>"


def test_card_is_html_in_the_colours_of_its_page(report):
    card = report._repr_html_()

    parser = HTMLParser()
    parser.feed(card)
    assert "odd &lt;one&gt;" in card
    assert "11 networks trained" in card
    assert "color: inherit" in card
    assert card.count("<div") == card.count("</div>")


def test_it_may_be_read_while_fits_run(data, engine):
    seen = []

    with batched_fits() as report:
        run([lambda: (fit(data), seen.append(report.n_fits))] * 2)
        total = report.seconds["total"]

    assert seen == [2, 2]
    assert report.seconds["total"] > total


def test_contexts_within_contexts_each_get_what_was_trained_under_them(data, engine):
    def task():
        with batched_fits() as within:
            run([lambda: fit(data)] * 2)
        return within.stack_sizes

    with batched_fits() as outer:
        with batched_fits() as inner:
            run([lambda: fit(data)] * 3)
        sizes = run([task, task])

    assert inner.stack_sizes == [3]
    assert sizes == [[2], [2]]
    assert engine.stacks == [3, 4]
    assert outer.stack_sizes == [3, 4]


def test_tasks_count_for_the_context_of_their_own_thread_only(data):
    with batched_fits() as report, parallel_config(backend="sequential"):
        cross_val_score(small(), *data, cv=2)

    assert report.reasons == {"fitted by itself, not by a tool that runs several fits": 2}


def test_time_in_training_is_not_counted_twice(data):
    with batched_fits() as report:
        run([lambda: small().partial_fit(*data, classes=[0, 1, 2])] * 3)
        run([lambda: fit(data, max_iter=20)] * 3)

    parts = sum(value for name, value in report.seconds.items() if name != "total")
    assert parts < report.seconds["total"]


def test_failed_fits_are_counted(data):
    def fails():
        with pytest.raises(ValueError, match="finite"):
            fit(data, alpha=1e308)

    with batched_fits() as report:
        run([fails, lambda: fit(data)])

    assert report.n_fits == 2


def test_reports_can_be_kept():
    with batched_fits() as report:
        pass

    for kept in (pickle.loads(pickle.dumps(report)), copy.deepcopy(report)):
        assert kept.n_fits == 0
        assert kept.seconds == report.seconds


def test_many_networks_alone_take_one_row_of_each_kind():
    report = BatchingReport()
    for _ in range(1000):
        report._add_alone("MLP", "reason", 0.001, 3)

    assert report.to_frame()["size"].tolist() == [1000]
    assert np.isclose(report.seconds["training"], 1.0)
