"""scikit-learn's own displays take our estimators, and show what they compute."""

import numpy as np
import pytest
from sklearn.calibration import CalibrationDisplay, calibration_curve
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix
from sklearn.model_selection import LearningCurveDisplay, ValidationCurveDisplay, learning_curve, validation_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import CNNClassifier, LogisticRegression, MLPClassifier, batched_fits
from tests.contract._cases import FEW_EPOCHS
from tests.vision._pictures import SMALL, make_pictures

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)


@pytest.fixture
def plane(rng):
    X = rng.normal(size=(60, 2))
    return X, np.where(X[:, 0] + X[:, 1] > 0, "above", "below")


@pytest.fixture
def pipeline():
    return make_pipeline(StandardScaler(), MLPClassifier((4,), learning_rate_init=0.05, max_iter=5, random_state=0))


def test_learning_curve(pipeline, plane, figures):
    sizes = [0.3, 1.0]

    with batched_fits():
        display = LearningCurveDisplay.from_estimator(pipeline, *plane, train_sizes=sizes, cv=3)

    expected = learning_curve(pipeline, *plane, train_sizes=sizes, cv=3)
    np.testing.assert_array_equal(display.train_sizes, expected[0])
    np.testing.assert_allclose(display.test_scores, expected[2], rtol=1e-9)


def test_validation_curve(pipeline, plane, figures):
    choice = {"param_name": "mlpclassifier__alpha", "param_range": [1e-4, 1.0], "cv": 3}

    with batched_fits():
        display = ValidationCurveDisplay.from_estimator(pipeline, *plane, **choice)

    np.testing.assert_allclose(display.test_scores, validation_curve(pipeline, *plane, **choice)[1], rtol=1e-9)


@pytest.mark.parametrize("response_method", ["predict", "predict_proba"])
def test_decision_boundary(response_method, pipeline, plane, figures):
    pipeline.fit(*plane)

    display = DecisionBoundaryDisplay.from_estimator(
        pipeline, plane[0], response_method=response_method, grid_resolution=7
    )

    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    if response_method == "predict":
        expected = (pipeline.predict(grid) == "below").astype(float)
    else:
        expected = pipeline.predict_proba(grid)[:, 1]
    np.testing.assert_allclose(display.response.ravel(), expected)


def test_confusion_matrix(rng, figures):
    X, y = make_pictures(rng)
    cnn = CNNClassifier(**SMALL).fit(X, y)

    display = ConfusionMatrixDisplay.from_estimator(cnn, X, y)

    np.testing.assert_array_equal(display.confusion_matrix, confusion_matrix(y, cnn.predict(X)))
    np.testing.assert_array_equal(display.display_labels, cnn.classes_)


@pytest.mark.parametrize("estimator", [LogisticRegression(), MLPClassifier((4,), max_iter=5, random_state=0)])
def test_calibration(estimator, plane, figures):
    X, y = plane
    estimator.fit(X, y)

    display = CalibrationDisplay.from_estimator(estimator, X, y, n_bins=4)

    expected = calibration_curve(y, estimator.predict_proba(X)[:, 1], n_bins=4, pos_label="below")
    np.testing.assert_allclose(display.prob_true, expected[0])
