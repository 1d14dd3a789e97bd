"""skorch's loggers: every epoch's figures reach TensorBoard's writer and MLflow's client."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from joblib import parallel_config
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import MlflowLogger, PrintLog, TensorBoard

import sknets
from sknets import LinearRegression, MLPClassifier

FIGURES = ["epoch", "train_loss", "valid_loss", "valid_score", "learning_rate", "seconds"]
PAGE = Path(__file__).parents[2] / "docs" / "logging.md"


class RecordingWriter:
    """What TensorBoard's SummaryWriter is to the callback; like an open one, it cannot be copied or pickled."""

    def __init__(self):
        self.scalars = []
        self.is_closed = False

    def add_scalar(self, tag, scalar_value, global_step):
        assert not self.is_closed
        self.scalars.append((tag, global_step, scalar_value))

    def close(self):
        self.is_closed = True

    def curve(self, tag):
        return {step: value for name, step, value in self.scalars if name == tag}

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot pickle '_thread.lock' object")


class LoggerPerFit(TensorBoard):
    """The callback of the page on logging, with writers that stay in memory."""

    opened: list = []

    def __init__(self, folder, writer=None, **kwargs):
        super().__init__(writer, **kwargs)
        self.folder = folder

    def initialize(self):
        self.writer = RecordingWriter()
        self.opened.append(self.writer)
        return super().initialize()


class RecordingClient:
    """What MLflow's client is to the callback."""

    def __init__(self):
        self.metrics, self.artifacts, self.ended = [], {}, []

    def log_metric(self, run_id, key, value, step):
        self.metrics.append((run_id, key, step, value))

    def log_artifact(self, run_id, path):
        self.artifacts[path.name] = path.read_bytes()  # the folder is gone afterwards

    def set_terminated(self, run_id):
        self.ended.append(run_id)


def make_network(*callbacks, **parameters):
    parameters = {"learning_rate": "cosine", "max_iter": 4, "random_state": 0, **parameters}
    return MLPClassifier((5,), callbacks=list(callbacks), **parameters)


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


def test_tensorboard_is_given_every_figure_of_every_epoch_and_closed(iris):
    writer = RecordingWriter()

    network = make_network(TensorBoard(writer, key_mapper=str)).fit(*iris, X_val=iris[0][::3], y_val=iris[1][::3])

    assert writer.is_closed
    assert len(network.history_) == 4
    for name in FIGURES[1:]:
        assert writer.curve(name) == {row["epoch"]: row[name] for row in network.history_}
    assert {type(value) for _, _, value in writer.scalars} == {float}


def test_a_logger_in_a_pipeline_changes_nothing_that_is_learnt(iris):
    writer = RecordingWriter()

    make_pipeline(StandardScaler(), make_network(TensorBoard(writer))).fit(*iris)

    plain = make_pipeline(StandardScaler(), make_network()).fit(*iris)
    assert list(writer.curve("Loss/train_loss").values()) == pytest.approx(plain[-1].loss_curve_, rel=1e-12)


def test_partial_fit_goes_on_counting_epochs(iris):
    writer = RecordingWriter()
    network = make_network(TensorBoard(writer, close_after_train=False))

    for _ in range(3):
        network.partial_fit(*iris, classes=[0, 1, 2])

    assert list(writer.curve("Loss/train_loss")) == [1, 2, 3]


def test_a_linear_model_by_steps_logs_its_loss(iris):
    writer = RecordingWriter()
    line = LinearRegression(solver="adam", max_iter=5, learning_rate="cosine", callbacks=[TensorBoard(writer)])

    line.fit(iris[0], iris[1].astype(float))

    assert list(writer.curve("Loss/train_loss").values()) == line.loss_curve_


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("together", [False, True])
def test_a_logger_that_opens_its_own_writer_gives_every_fold_a_run(iris, monkeypatch, n_jobs, together):
    monkeypatch.setattr(LoggerPerFit, "opened", [])
    callback = LoggerPerFit("runs")
    pipeline = make_pipeline(StandardScaler(), make_network(callback))

    with parallel_config(backend="threading") if not together else sknets.batched_fits():
        folds = cross_validate(pipeline, *iris, cv=3, n_jobs=n_jobs, return_estimator=True)["estimator"]

    curves = sorted(list(writer.curve("Loss/train_loss").values()) for writer in LoggerPerFit.opened)
    assert curves == sorted(fold[-1].loss_curve_ for fold in folds)
    assert callback.writer is None  # fits work on copies
    assert all(writer.is_closed for writer in LoggerPerFit.opened)


def test_an_open_writer_is_shared_by_the_fits_of_one_estimator(iris):
    writer = RecordingWriter()
    network = make_network(TensorBoard(writer, close_after_train=False))

    network.fit(*iris).fit(*iris)

    assert [step for tag, step, _ in writer.scalars if tag == "Loss/train_loss"] == [1, 2, 3, 4] * 2


def test_mlflow_is_given_metrics_by_epoch_and_files_that_can_be_read(iris, tmp_path):
    client, run = RecordingClient(), SimpleNamespace(info=SimpleNamespace(run_id="a run"))

    network = make_network(MlflowLogger(run, client)).fit(*iris, X_val=iris[0][::3], y_val=iris[1][::3])

    logged = pd.DataFrame(client.metrics, columns=["run", "key", "step", "value"])
    assert set(logged["run"]) == {"a run"}
    table = logged.pivot(index="step", columns="key", values="value")
    history = pd.DataFrame(network.history_).set_index("epoch")
    pd.testing.assert_frame_equal(table[sorted(FIGURES[1:])], history[sorted(FIGURES[1:])], check_names=False)
    assert client.ended == ["a run"]
    assert [row["epoch"] for row in json.loads(client.artifacts["history.json"])] == [1, 2, 3, 4]
    (tmp_path / "params.pth").write_bytes(client.artifacts["params.pth"])
    weights = torch.load(tmp_path / "params.pth", weights_only=True)
    assert torch.equal(weights["0.weight"], network.module_[0].weight)


def test_skorchs_table_has_a_line_an_epoch(iris):
    lines = []

    make_network(PrintLog(sink=lines.append)).fit(*iris)

    assert lines[0].split() == ["epoch", "learning_rate", "seconds", "train_loss"]
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3", "4"]


@pytest.mark.slow
def test_the_pages_code_runs_and_leaves_its_runs(tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is no dependency of sknets")
    pytest.importorskip("mlflow", reason="MLflow is no dependency of sknets")
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    (tmp_path / "page.py").write_text(code, encoding="utf-8")

    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False
    )

    assert result.returncode == 0, result.stderr
    assert len(list(tmp_path.glob("runs/grid/candidate_*/fold_*/events*"))) == 6
    assert len(list(tmp_path.glob("runs/live/fit_*/events*"))) == 7
