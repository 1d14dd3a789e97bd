import numpy as np
import pandas as pd
import pytest
from skorch.callbacks import Callback
from skorch.history import History

from sknets import MLPClassifier
from sknets.training import column, history_rows
from sknets.training._history import last_row
from tests.training._fitting import fit


@pytest.fixture
def history():
    history = History()
    for epoch, loss in enumerate([3.0, 2.0], start=1):
        history.new_epoch()
        history.record("epoch", epoch)
        history.record("train_loss", loss)
        history.record("train_loss_best", True)
        history.new_batch()
        history.record_batch("train_loss", loss)
    history.record("valid_loss", 2.5)
    return history


def test_rows_hold_what_is_said_about_epochs_and_nothing_about_batches(history):
    assert history_rows(history) == [
        {"epoch": 1, "train_loss": 3.0},
        {"epoch": 2, "train_loss": 2.0, "valid_loss": 2.5},
    ]


def test_a_column_skips_the_epochs_that_lack_it(history):
    assert column(history, "train_loss") == [3.0, 2.0]
    assert column(history, "valid_loss") == [2.5]
    assert column(history, "nothing") == []


def test_the_last_row_is_the_one_to_write_into(history):
    last_row(history)["learning_rate"] = 0.5

    assert history[-1]["learning_rate"] == 0.5


def test_an_estimators_history_is_a_table(rng):
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 2

    clf = fit(MLPClassifier((3,), max_iter=4), X, y, X_val=X, y_val=y)

    table = pd.DataFrame(clf.history_)
    assert {"epoch", "train_loss", "valid_loss", "valid_score", "learning_rate", "seconds"} == set(table)
    assert table["epoch"].tolist() == [1, 2, 3, 4]
    assert (table["seconds"] > 0).all()
    assert table.notna().all().all()


def test_changing_the_table_does_not_change_the_net(rng):
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 2
    clf = fit(MLPClassifier((3,), max_iter=2), X, y)

    clf.history_[0]["train_loss"] = None

    assert clf.loss_curve_[0] is not None


def test_what_a_callback_records_is_a_column(rng):
    class Record(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("norm", 1.5)

    X, y = rng.normal(size=(30, 3)), np.arange(30) % 2

    clf = fit(MLPClassifier((3,), max_iter=2, callbacks=[Record()]), X, y)

    assert [row["norm"] for row in clf.history_] == [1.5, 1.5]
