import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

from sknets._lazy_rows import MappedRows
from sknets.preprocessing import ChannelScaler

AXES = {"channels_first": (0, 2, 3), "channels_last": (0, 1, 2)}


@pytest.fixture
def images(rng):
    """Return colour images of shape (20, 3, 6, 7), channels first, each channel with a range of its own."""
    centres, spreads = np.array([[10, 100, 200]]), np.array([[2, 20, 50]])
    values = rng.normal(size=(20, 42, 3)) * spreads + centres
    return values.clip(0, 255).transpose(0, 2, 1).reshape(20, 3, 6, 7)


def in_layout(images, layout):
    return images.transpose(0, 2, 3, 1) if layout == "channels_last" else images


@pytest.mark.parametrize("layout", AXES)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_each_channel_gets_mean_zero_and_spread_one(images, layout, dtype):
    X = in_layout(images, layout).astype(dtype)

    scaled = ChannelScaler().fit_transform(X).astype(np.float64)

    assert scaled.shape == X.shape
    np.testing.assert_allclose(scaled.mean(axis=AXES[layout]), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=AXES[layout]), 1, atol=1e-6)


def test_the_result_is_that_of_a_standard_scaler_with_the_pixels_as_rows(images):
    pixels = images.transpose(0, 2, 3, 1).reshape(-1, 3)

    scaler = ChannelScaler().fit(images)
    scaled = scaler.transform(images).transpose(0, 2, 3, 1).reshape(-1, 3)

    reference = StandardScaler().fit(pixels)
    np.testing.assert_allclose(scaler.mean_, reference.mean_, rtol=1e-12)
    np.testing.assert_allclose(scaler.scale_, reference.scale_, rtol=1e-12)
    np.testing.assert_allclose(scaled, reference.transform(pixels), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("given", "returned"),
    [
        ("uint8", "float32"),
        ("int64", "float32"),
        ("bool", "float32"),
        ("float16", "float16"),
        ("float32", "float32"),
        ("float64", "float64"),
    ],
)
def test_whole_numbers_become_float32_and_floats_keep_their_type(images, given, returned):
    X = images.astype(given)
    scaler = ChannelScaler().fit(X)

    assert scaler.transform(X).dtype == returned
    assert scaler.inverse_transform(scaler.transform(X)).dtype == returned


@pytest.mark.parametrize("later", ["flat", "channels_first", "channels_last"])
def test_transform_takes_another_layout_than_fit_and_keeps_it(images, later):
    X = images.reshape(20, -1) if later == "flat" else in_layout(images, later)
    scaler = ChannelScaler().fit(images)

    scaled = scaler.transform(X)

    expected = scaler.transform(images)
    expected = expected.reshape(20, -1) if later == "flat" else in_layout(expected, later)
    np.testing.assert_array_equal(scaled, expected, strict=True)


def test_grey_images_need_no_channel_axis(images):
    scaled = ChannelScaler().fit_transform(images[:, 0])

    assert scaled.shape == (20, 6, 7)
    assert scaled.std() == pytest.approx(1)


def test_flat_rows_of_several_channels_need_the_image_shape(images):
    flat = images.reshape(20, -1)

    assert ChannelScaler().fit(flat).mean_.shape == (1,)
    assert ChannelScaler(image_shape=(3, 6, 7)).fit(flat).mean_.shape == (3,)


def test_the_images_come_back(images):
    scaler = ChannelScaler().fit(images)

    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(images)), images, rtol=1e-12)


def test_x_is_not_written_to(images):
    before = images.copy()
    scaler = ChannelScaler().fit(images)

    scaler.inverse_transform(scaler.transform(images))

    np.testing.assert_array_equal(images, before)


def test_constant_channel_stays_finite(images):
    images[:, 1] = 0.1
    scaler = ChannelScaler().fit(images)

    assert scaler.scale_[1] == 1
    np.testing.assert_allclose(scaler.transform(images)[:, 1], 0, atol=1e-12)


def test_epsilon_bounds_the_spread_from_below(images):
    scaler = ChannelScaler(epsilon=10).fit(images)

    assert scaler.scale_[0] == 10
    assert scaler.scale_[1] == ChannelScaler(epsilon=0).fit(images).scale_[1] > 10


def test_a_mean_far_from_zero_costs_no_digits(rng):
    X = (1e6 + rng.normal(size=(50, 8, 8))).astype(np.float32)

    scaled = ChannelScaler().fit_transform(X)

    exact = (X.astype(np.float64) - X.mean(dtype=np.float64)) / X.std(dtype=np.float64)
    np.testing.assert_allclose(scaled, exact, rtol=1e-6, atol=1e-7)


def test_a_weight_counts_as_repetition(images, rng):
    weights = rng.integers(0, 4, size=20)
    repeated = ChannelScaler().fit(images.repeat(weights, axis=0))

    weighted = ChannelScaler().fit(images, sample_weight=weights)

    np.testing.assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-12)
    np.testing.assert_allclose(weighted.scale_, repeated.scale_, rtol=1e-12)


@pytest.mark.parametrize(
    ("weights", "message"),
    [(np.zeros(20), "non-zero"), (np.full(20, -1.0), "Negative values"), (np.ones(19), "sample_weight.shape")],
)
def test_useless_weights_are_refused(images, weights, message):
    with pytest.raises(ValueError, match=message):
        ChannelScaler().fit(images, sample_weight=weights)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "Input X contains NaN"), (np.inf, "Input X contains inf")])
@pytest.mark.parametrize("method", ["fit", "transform", "inverse_transform"])
def test_nan_and_infinity_are_refused(images, value, message, method):
    scaler = ChannelScaler().fit(images)
    images[3, 1, 2, 2] = value

    with pytest.raises(ValueError, match=message):
        getattr(scaler, method)(images)


def test_images_with_other_channels_are_refused(images):
    scaler = ChannelScaler().fit(images)

    for method in (scaler.transform, scaler.inverse_transform):
        with pytest.raises(ValueError, match=r"3 channels, 6 pixels high and 7 wide, as in fit; got .*\(1, 6, 7\)"):
            method(images[:, :1])


def test_an_ambiguous_layout_is_refused():
    with pytest.raises(ValueError, match=r"ambiguous.*image_shape="):
        ChannelScaler().fit(np.zeros((5, 3, 9, 4)))


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_nothing_is_scaled_before_fit(images, method):
    with pytest.raises(NotFittedError, match="ChannelScaler instance is not fitted yet"):
        getattr(ChannelScaler(), method)(images)


@pytest.mark.parametrize("rows", ["mapped", "lazy"])
def test_images_on_disk_are_scaled_as_those_in_memory(images, tmp_path, rows):
    mapped = np.memmap(tmp_path / "images", images.dtype, mode="w+", shape=images.shape)
    mapped[:] = images
    X = MappedRows(mapped) if rows == "lazy" else mapped

    np.testing.assert_array_equal(ChannelScaler().fit_transform(X), ChannelScaler().fit_transform(images), strict=True)


def test_frames_in_and_out_keep_their_names(rng):
    table = pd.DataFrame(rng.integers(0, 256, size=(5, 4)), columns=list("abcd"), index=list("vwxyz"))

    scaled = ChannelScaler().set_output(transform="pandas").fit_transform(table)

    assert scaled.columns.tolist() == list("abcd")
    assert scaled.index.tolist() == list("vwxyz")
    np.testing.assert_array_equal(scaled, ChannelScaler().fit_transform(table))


def test_images_come_out_as_arrays_whatever_the_output_is_set_to(images):
    with sklearn.config_context(transform_output="pandas"):
        scaled = ChannelScaler().fit_transform(images)

    assert isinstance(scaled, np.ndarray)
    assert isinstance(ChannelScaler().set_output(transform="pandas").fit_transform(images), np.ndarray)


@pytest.mark.parametrize("copied", [clone, lambda scaler: pickle.loads(pickle.dumps(scaler))])
def test_a_copy_does_the_same(images, copied):
    scaler = ChannelScaler(image_shape=(3, 6, 7), epsilon=0.5).fit(images)

    np.testing.assert_array_equal(copied(scaler).fit_transform(images), scaler.transform(images))
