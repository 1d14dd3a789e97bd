import numpy as np
import pytest
import torch
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import accuracy_score, r2_score

from sknets.training import Rows
from sknets.training._scores import SCORES

N_ROWS = 20


@pytest.fixture
def weights(rng):
    return rng.uniform(0.1, 3, N_ROWS)


def score(name, outputs, targets, weights=None, link="identity"):
    weights = None if weights is None else torch.from_numpy(weights)
    rows = Rows(torch.zeros(N_ROWS, 1), torch.from_numpy(targets), weights)
    return SCORES[name](torch.from_numpy(outputs), rows, link)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_accuracy_is_scikit_learns(rng, weights, kind, is_weighted):
    outputs = rng.normal(size=(N_ROWS, 1 if kind == "binary" else 2 if kind == "multilabel" else 3))
    predicted = outputs.argmax(1) if kind == "multiclass" else (outputs > 0).astype(int)
    targets = rng.integers(0, 3, N_ROWS) if kind == "multiclass" else rng.integers(0, 2, outputs.shape).astype(float)
    sample_weight = weights if is_weighted else None

    found = score("accuracy", outputs, targets, sample_weight)

    truth = targets[:, 0] if kind == "binary" else targets
    predicted = predicted[:, 0] if kind == "binary" else predicted
    assert found == pytest.approx(accuracy_score(truth, predicted, sample_weight=sample_weight), rel=1e-12)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_r2_is_scikit_learns(rng, weights, n_outputs, is_weighted):
    outputs, targets = rng.normal(size=(2, N_ROWS, n_outputs))
    sample_weight = weights if is_weighted else None

    found = score("r2", outputs, targets, sample_weight)

    assert found == pytest.approx(r2_score(targets, outputs, sample_weight=sample_weight), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_exact", [False, True])
def test_r2_of_an_output_that_never_changes_is_scikit_learns(rng, is_exact, dtype):
    outputs, targets = rng.normal(size=(2, N_ROWS, 2)).astype(dtype)
    targets[:, 0] = 3.0
    if is_exact:
        outputs[:, 0] = 3.0

    assert score("r2", outputs, targets) == pytest.approx(r2_score(targets, outputs), rel=1e-6)


def test_r2_of_a_single_row_is_unknown():
    rows = Rows(torch.zeros(1, 1), torch.ones(1, 1), None)

    with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
        assert np.isnan(SCORES["r2"](torch.zeros(1, 1), rows, "identity"))


def test_r2_of_logarithms_is_that_of_the_expected_values(rng):
    outputs, targets = rng.normal(size=(N_ROWS, 1)), rng.poisson(2, (N_ROWS, 1)).astype(float)

    assert score("r2", outputs, targets, link="exp") == pytest.approx(r2_score(targets, np.exp(outputs)), rel=1e-12)
