"""The same pictures give the same model, in whatever layout and type of numbers they come."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from sknets import CNNClassifier, CNNRegressor
from tests.vision._pictures import SMALL, assert_same_bits, make_pictures, weights_of

GREY = {
    "(n, h, w)": lambda X: X,
    "(n, h, w, 1)": lambda X: X[..., None],
    "(n, 1, h, w)": lambda X: X[:, None],
    "flat": lambda X: X.reshape(len(X), -1),
}
COLOUR = {
    "(n, 3, h, w)": lambda X: X,
    "(n, h, w, 3)": lambda X: X.transpose(0, 2, 3, 1),
    "flat": lambda X: X.reshape(len(X), -1),
}


@pytest.fixture
def grey(rng):
    return make_pictures(rng, shape=(6, 9))


@pytest.fixture
def colour(rng):
    pictures, y = make_pictures(rng, shape=(9, 7))
    return np.stack([pictures, 255 - pictures, rng.integers(0, 256, pictures.shape, dtype=np.uint8)], axis=1), y


@pytest.mark.parametrize("layout", GREY)
def test_grey_pictures_give_one_model_in_every_layout(layout, grey):
    X, y = grey
    expected = CNNClassifier(**SMALL).fit(X, y)

    clf = CNNClassifier(image_shape=(1, 6, 9), **SMALL).fit(GREY[layout](X), y)

    assert_same_bits(clf, expected)
    assert clf.image_shape_ == (1, 6, 9)
    assert clf.n_features_in_ == 54


@pytest.mark.parametrize("layout", COLOUR)
def test_colour_pictures_give_one_model_in_every_layout(layout, colour):
    X, y = colour
    expected = CNNClassifier(**SMALL).fit(X, y)

    clf = CNNClassifier(image_shape=(3, 9, 7), **SMALL).fit(COLOUR[layout](X), y)

    assert_same_bits(clf, expected)
    assert clf.image_shape_ == (3, 9, 7)
    assert clf.n_features_in_ == 189


@pytest.mark.parametrize("fitted", GREY)
@pytest.mark.parametrize("given", GREY)
def test_grey_pictures_are_predicted_in_another_layout_than_that_of_fit(given, fitted, grey):
    X, y = grey
    clf = CNNClassifier(image_shape=(6, 9), **SMALL).fit(GREY[fitted](X), y)

    expected = clf.predict_proba(GREY[fitted](X))

    np.testing.assert_array_equal(clf.predict_proba(GREY[given](X)), expected)


@pytest.mark.parametrize(
    ("fitted", "given"),
    [
        ("(n, 3, h, w)", "(n, h, w, 3)"),
        ("(n, h, w, 3)", "(n, 3, h, w)"),
        ("(n, 3, h, w)", "flat"),
        ("flat", "(n, 3, h, w)"),
        ("flat", "(n, h, w, 3)"),
    ],
)
def test_colour_pictures_are_predicted_in_another_layout_than_that_of_fit(fitted, given, colour):
    X, y = colour
    clf = CNNClassifier(image_shape=(3, 9, 7), **SMALL).fit(COLOUR[fitted](X), y)

    expected = clf.predict_proba(COLOUR[fitted](X))

    np.testing.assert_array_equal(clf.predict_proba(COLOUR[given](X)), expected)


@pytest.mark.parametrize("given", list(COLOUR)[:2])
@pytest.mark.parametrize("fitted", list(COLOUR)[:2])
def test_training_goes_on_and_is_validated_in_another_layout(fitted, given, colour):
    X, y = colour
    parameters = {**SMALL, "learning_rate": "constant", "image_shape": (3, 9, 7)}

    expected = CNNClassifier(**parameters).partial_fit(X, y, classes=[0, 1]).partial_fit(X, y)
    clf = CNNClassifier(**parameters).partial_fit(COLOUR[fitted](X), y, classes=[0, 1])
    clf.partial_fit(COLOUR[given](X), y)
    watched = CNNClassifier(**SMALL).fit(COLOUR[fitted](X), y, X_val=COLOUR[given](X), y_val=y)

    assert_same_bits(clf, expected)
    assert watched.history_[-1]["valid_score"] == watched.score(X, y)


def test_flat_rows_after_channels_last_could_be_mistaken(colour):
    X, y = colour
    clf = CNNClassifier(**SMALL).fit(X.transpose(0, 2, 3, 1), y)

    with pytest.raises(ValueError, match="do not say whether their channels come first or last"):
        clf.predict(X.reshape(len(X), -1))


@pytest.mark.parametrize("shape", [(20, 3, 3, 3), (20, 5, 6, 7), (20, 2, 8, 4), (20, 4, 4, 1)])
def test_an_ambiguous_layout_names_the_choices(shape):
    with pytest.raises(ValueError, match=r"ambiguous.*image_shape=\(.*channels first.*channels last"):
        CNNClassifier(**SMALL).fit(np.zeros(shape, np.uint8), np.arange(20) % 2)


def test_image_shape_resolves_an_ambiguous_layout(rng):
    X, y = rng.integers(0, 256, (20, 4, 8, 3), dtype=np.uint8), np.arange(20) % 2

    first = CNNClassifier(image_shape=(4, 8, 3), **SMALL).fit(X, y)
    last = CNNClassifier(image_shape=(3, 4, 8), **SMALL).fit(X, y)

    assert first.image_shape_ == (4, 8, 3)
    assert last.image_shape_ == (3, 4, 8)
    assert first.module_.input.mean.shape == (4, 1, 1)
    assert last.module_.input.mean.shape == (3, 1, 1)


@pytest.mark.parametrize(
    ("shape", "image_shape", "expected"),
    [
        ((12, 64), None, (1, 8, 8)),
        ((12, 192), None, (3, 8, 8)),
        ((12, 50), None, (1, 1, 50)),
        ((12, 64), (2, 4, 8), (2, 4, 8)),
        ((12, 64), (4, 16), (1, 4, 16)),
    ],
)
def test_flat_rows_are_squares_unless_they_cannot_be_or_are_said_not_to_be(shape, image_shape, expected, rng):
    X = rng.integers(0, 256, shape, dtype=np.uint8)

    assert (
        CNNClassifier(image_shape=image_shape, **{**SMALL, "batch_size": 6}).fit(X, np.arange(12) % 2).image_shape_
        == expected
    )


def test_pictures_of_another_size_are_refused(grey):
    X, y = grey
    clf = CNNClassifier(**SMALL).fit(X, y)

    with pytest.raises(ValueError, match=r"1 channel, 6 pixels high and 9 wide.*\(9, 6\).*Resize"):
        clf.predict(X.transpose(0, 2, 1))


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.int8])
def test_whole_numbers_that_fit_into_bytes_are_bytes(dtype, grey):
    X, y = grey[0] // 2, grey[1]

    expected = CNNClassifier(**SMALL).fit(X, y)
    clf = CNNClassifier(**SMALL).fit(X.astype(dtype), y)

    assert_same_bits(clf, expected)
    np.testing.assert_array_equal(clf.predict_proba(X.astype(dtype)), expected.predict_proba(X))


@pytest.mark.parametrize("Estimator", [CNNClassifier, CNNRegressor])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_bytes_and_the_same_floating_numbers_give_the_same_predictions_but_for_rounding(dtype, Estimator, grey):
    X, y = grey
    as_bytes = Estimator(**SMALL).fit(X, y)

    as_floats = Estimator(**SMALL).fit(X.astype(dtype), y)

    for a, b in zip(weights_of(as_floats), weights_of(as_bytes), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(as_floats.predict(X.astype(dtype)), as_bytes.predict(X), rtol=1e-5, atol=1e-6)


def test_double_precision_pictures_are_computed_with_in_double_precision(grey):
    X, y = grey

    clf = CNNClassifier(**SMALL).fit(X.astype(float), y)

    assert {parameter.dtype for parameter in clf.module_.parameters()} == {torch.float64}
    assert clf.predict_proba(X.astype(float)).dtype == np.float64
    assert CNNClassifier(**SMALL).fit(X, y).predict_proba(X).dtype == np.float32


def test_numbers_beyond_bytes_keep_their_values(grey):
    X, y = grey[0].astype(np.int32) * 100 - 3000, grey[1]

    clf = CNNClassifier(**SMALL).fit(X, y)

    expected = CNNClassifier(**SMALL).fit(X.astype(np.float64), y)
    assert_same_bits(clf, expected)


@pytest.mark.parametrize(
    "container", [torch.tensor, lambda X: X.tolist(), lambda X: list(X)], ids=["torch", "lists", "arrays"]
)
def test_pictures_may_be_in_other_containers(container, grey):
    X, y = grey

    clf = CNNClassifier(**SMALL).fit(container(X), y)

    assert_same_bits(clf, CNNClassifier(**SMALL).fit(X, y))
    np.testing.assert_array_equal(clf.predict(container(X)), clf.predict(X))


def test_a_table_with_a_column_per_pixel_as_in_kaggles_files(grey):
    X, y = grey
    table = pd.DataFrame(X.reshape(len(X), -1)).rename(columns=lambda i: f"pixel{i}")
    numbered = pd.DataFrame(X.reshape(len(X), -1).astype(np.int64))

    named = CNNClassifier(image_shape=(1, 6, 9), **SMALL).fit(table, y)
    unnamed = CNNClassifier(image_shape=(1, 6, 9), **SMALL).fit(numbered, y)

    expected = CNNClassifier(**SMALL).fit(X, y)
    assert_same_bits(named, expected)
    assert_same_bits(unnamed, expected)
    assert named.feature_names_in_.tolist() == [f"pixel{i}" for i in range(54)]
    assert not hasattr(unnamed, "feature_names_in_")
    np.testing.assert_array_equal(named.predict(table), expected.predict(X))


def test_going_on_with_a_table_of_the_same_columns_warns_of_nothing(grey):
    X, y = grey
    table = pd.DataFrame(X.reshape(len(X), -1)).rename(columns=lambda i: f"pixel{i}")
    parameters = {**SMALL, "image_shape": (1, 6, 9), "warm_start": True}

    clf = CNNClassifier(**parameters).fit(table, y).fit(table, y).partial_fit(table, y)

    assert clf.feature_names_in_[-1] == "pixel53"
    assert clf.t_ == 7 * 40


def test_sparse_pictures_give_the_model_of_dense_ones(grey):
    X, y = grey
    flat = np.where(X > 100, X, 0).reshape(len(X), -1)
    parameters = {**SMALL, "image_shape": (1, 6, 9)}

    as_sparse = CNNClassifier(**parameters).fit(sparse.csr_array(flat.astype(np.float64)), y)
    dense = CNNClassifier(**parameters).fit(flat.astype(np.float64), y)

    for a, b in zip(weights_of(as_sparse), weights_of(dense), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_the_callers_bytes_stay_as_they_were(grey):
    X, y = grey
    before = X.copy()

    CNNClassifier(augmentation=lambda images: images.fill_(0), **SMALL).fit(X, y).predict(X)

    np.testing.assert_array_equal(X, before)
