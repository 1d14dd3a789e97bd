import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression as OtherLogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from sknets import CNNClassifier, LogisticRegression, MLPClassifier, summary
from sknets.inspection import count_parameters


@pytest.fixture
def table(rng):
    X = rng.normal(size=(20, 3))
    return X, np.arange(20) % 2


def test_weights_and_biases_of_all_layers_count(table):
    # 3 x 5 + 5, and 5 x 1 + 1.
    assert count_parameters(MLPClassifier((5,)), *table) == 26


def test_an_estimator_that_is_counted_stays_unfitted(table):
    network = MLPClassifier((5,))

    count_parameters(network, *table)

    assert not hasattr(network, "net_")


def test_a_fitted_network_has_as_many_as_its_summary_says(rng):
    X = rng.integers(0, 256, (10, 8, 8), dtype=np.uint8)
    network = CNNClassifier(channels=(4,), random_state=0).initialize(X, np.arange(10) % 2)

    assert count_parameters(network) == summary(network).n_parameters


def test_in_a_pipeline_the_rows_are_transformed_first(table):
    # Of three features there are nine products and themselves, and a bias.
    pipeline = make_pipeline(PolynomialFeatures(2, include_bias=False), None, LogisticRegression())

    assert count_parameters(pipeline, *table) == 10


def test_what_is_no_network_is_refused(table):
    with pytest.raises(TypeError, match=r"must be an estimator of sknets.*LogisticRegression"):
        count_parameters(OtherLogisticRegression(), *table)


def test_an_unfitted_network_needs_rows():
    with pytest.raises(NotFittedError, match="count_parameters needs a network; this MLPClassifier has none yet"):
        count_parameters(MLPClassifier())
