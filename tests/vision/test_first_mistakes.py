"""What a newcomer gets wrong first, and what the estimators say to it."""

import numpy as np
import pandas as pd
import pytest
import torch

from sknets import CNNClassifier
from tests.vision._pictures import SMALL, make_pictures


@pytest.fixture
def pictures(rng):
    return make_pictures(rng)


def test_pictures_of_several_sizes_are_refused_with_a_remedy(pictures):
    X, y = pictures
    uneven = [picture[: 5 + row % 2] for row, picture in enumerate(X)]

    with pytest.raises(ValueError, match=r"all have the same height, width and channels.*Resize"):
        CNNClassifier(**SMALL).fit(uneven, y)


def test_a_column_of_pictures_is_the_array_of_them(pictures):
    X, y = pictures

    from_column = CNNClassifier(**SMALL).fit(pd.Series(list(X)), y)

    expected = CNNClassifier(**SMALL).fit(X, y).decision_function(X)
    np.testing.assert_array_equal(from_column.decision_function(pd.Series(list(X))), expected)


@pytest.mark.parametrize("what", ["fit", "predict", "X_val"])
def test_no_pictures_at_all_are_refused_as_no_rows_are(pictures, what):
    X, y = pictures
    network = CNNClassifier(**SMALL)
    calls = {
        "fit": lambda: network.fit(X[:0], y[:0]),
        "predict": lambda: network.fit(X, y).predict(X[:0]),
        "X_val": lambda: network.fit(X, y, X_val=X[:0], y_val=y[:0]),
    }

    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        calls[what]()


def test_a_module_that_is_made_already_is_refused(pictures):
    made = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))

    with pytest.raises(TypeError, match=r"architecture must be a name, or a function or class.*got a Sequential"):
        CNNClassifier(made).fit(*pictures)


def build_with_wrong_width(image_shape, n_outputs):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(7, n_outputs))


def build_nothing_to_learn(image_shape, n_outputs):
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d((1, n_outputs)), torch.nn.Flatten())


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (build_with_wrong_width, r"architecture\(image_shape=.*it said: mat1 and mat2"),
        (build_nothing_to_learn, r"architecture\(image_shape=.*no parameter that requires a gradient"),
    ],
)
def test_a_network_that_cannot_work_is_refused_by_the_parameters_name(pictures, build, words):
    with pytest.raises(ValueError, match=words):
        CNNClassifier(build).fit(*pictures)


def test_equal_sides_do_not_offer_the_same_choice_twice():
    with pytest.raises(ValueError, match=r"image_shape=\(12, 12, 12\) for channels first, and the same with X.transp"):
        CNNClassifier().fit(np.zeros((6, 12, 12, 12), dtype=np.uint8), [0, 1] * 3)


def test_numbers_too_large_for_statistics_are_named(pictures):
    X, y = pictures

    with pytest.raises(ValueError, match="values too large for a mean and a spread"):
        CNNClassifier(**SMALL).fit(X * 1e200, y)
