import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.datasets import load_iris, load_wine

from sknets import MLPClassifier, MLPRegressor
from sknets.inspection._leaks import find_telling_column, measure_repeated_share


@pytest.fixture
def draws():
    return np.random.RandomState(0)


@pytest.fixture
def table(rng):
    return rng.normal(size=(300, 4)), rng.integers(0, 3, 300)


def test_a_noisy_copy_of_the_classes_is_found(rng, draws, table):
    X, y = table
    X[:, 2] = y + 0.1 * rng.normal(size=300)

    found = find_telling_column(MLPClassifier(), X, y, draws)

    assert found.name == "2"
    assert found.share > 0.97


def test_a_column_that_is_any_curve_of_the_numbers_is_found(rng, draws, table):
    X, _ = table
    y = rng.normal(size=300)
    X[:, 1] = -np.exp(5 * y)

    assert find_telling_column(MLPRegressor(), X, y, draws).name == "1"


@pytest.mark.parametrize("as_frame", [pd.DataFrame, lambda columns: pl.DataFrame(columns)], ids=["pandas", "polars"])
def test_words_that_stand_for_the_classes_are_found_by_their_columns_name(draws, table, as_frame):
    X, y = table
    frame = as_frame({"noise": X[:, 0], "word": np.array(["red", "green", "blue"])[y]})

    assert find_telling_column(MLPClassifier(), frame, y, draws).name == "word"


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_a_good_column_is_not_a_leak(draws, load):
    X, y = load(return_X_y=True)

    assert find_telling_column(MLPClassifier(), X, y, draws) is None


def test_gaps_infinities_and_constant_columns_are_no_obstacle(draws, table):
    X, y = table
    X[::3, 0], X[::5, 1], X[:, 2] = np.nan, np.inf, 1.0

    assert find_telling_column(MLPClassifier(), X, y, draws) is None


@pytest.mark.parametrize("convert", [sparse.csr_array, lambda X: np.repeat(X, 50, axis=1)], ids=["sparse", "wide"])
def test_what_is_sparse_or_wide_is_not_looked_at(draws, table, convert):
    X, y = table
    X[:, 0] = y

    assert find_telling_column(MLPClassifier(), convert(X), y, draws) is None


def test_the_share_of_repeated_rows_is_counted_over_folds(rng):
    X = rng.normal(size=(8, 2))
    X[4], X[5] = X[0], X[1]
    splits = [(np.arange(4), np.arange(4, 8)), (np.arange(4, 8), np.arange(4))]

    assert measure_repeated_share(X, splits) == 0.5
    assert measure_repeated_share(X.reshape(8, 1, 2), splits) == 0.5
    assert measure_repeated_share(sparse.csr_array(X), splits) == 0.0
