"""Small searches on real rows."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import MLPClassifier, MLPRegressor


@pytest.fixture(scope="session")
def tumours():
    """Return every third tumour: 190 rows, 30 features, two classes."""
    X, y = load_breast_cancer(return_X_y=True)
    return X[::3], y[::3]


@pytest.fixture(scope="session")
def diabetes():
    """Return every third patient: 148 rows, 10 features, a number."""
    X, y = load_diabetes(return_X_y=True)
    return X[::3], y[::3] / 100


@pytest.fixture
def pipeline():
    return make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=8, random_state=0))


@pytest.fixture
def regression():
    return make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), max_iter=8, random_state=0))


@pytest.fixture
def space():
    return {
        "mlpclassifier__alpha": FloatDistribution(1e-6, 1.0, log=True),
        "mlpclassifier__learning_rate_init": FloatDistribution(1e-4, 1e-1, log=True),
        "mlpclassifier__activation": CategoricalDistribution(["relu", "tanh"]),
    }


def assert_same_search(search, other):
    """Compare trials, scores and curves; the scores to rounding, as a stack multiplies in another order."""
    for name in ("number", "state", "n_epochs", "best_epoch"):
        np.testing.assert_array_equal(search.cv_results_[name], other.cv_results_[name])
    assert search.cv_results_["params"] == other.cv_results_["params"]
    for name in (name for name in search.cv_results_ if name.endswith(("test_score", "train_score"))):
        np.testing.assert_allclose(search.cv_results_[name], other.cv_results_[name], rtol=1e-9)
