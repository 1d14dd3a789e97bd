import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sknets._lazy_rows import MappedRows, is_memory_mapped
from sknets.preprocessing import ChannelScaler, ImageReshaper

LAYOUTS = ("channels_first", "channels_last", "flat")


@pytest.fixture
def images(rng):
    """Return colour images of shape (5, 3, 9, 8), channels first."""
    return rng.integers(0, 256, size=(5, 3, 9, 8), dtype=np.uint8)


def in_layout(images, layout):
    if layout == "flat":
        return images.reshape(len(images), -1)
    return images.transpose(0, 2, 3, 1) if layout == "channels_last" else images


@pytest.mark.parametrize("given", LAYOUTS)
@pytest.mark.parametrize("wanted", LAYOUTS)
def test_every_layout_becomes_every_layout_and_comes_back(images, given, wanted):
    X = in_layout(images, given)
    reshaper = ImageReshaper((3, 9, 8), wanted)

    reshaped = reshaper.fit_transform(X)

    np.testing.assert_array_equal(reshaped, in_layout(images, wanted), strict=True)
    np.testing.assert_array_equal(reshaper.inverse_transform(reshaped), X, strict=True)


@pytest.mark.parametrize("wanted", LAYOUTS)
def test_grey_images_without_a_channel_axis_come_back_without_it(images, wanted):
    grey = images[:, 0]
    reshaper = ImageReshaper(layout=wanted)

    reshaped = reshaper.fit_transform(grey)

    np.testing.assert_array_equal(reshaped, in_layout(images[:, :1], wanted), strict=True)
    np.testing.assert_array_equal(reshaper.inverse_transform(reshaped), grey, strict=True)


@pytest.mark.parametrize("later", LAYOUTS)
def test_transform_takes_another_layout_than_fit(images, later):
    reshaper = ImageReshaper().fit(images)

    np.testing.assert_array_equal(reshaper.transform(in_layout(images, later)), images)


def test_flat_rows_with_channels_last_are_understood(images):
    X = images.transpose(0, 2, 3, 1).reshape(5, -1)

    np.testing.assert_array_equal(ImageReshaper(image_shape=(9, 8, 3)).fit_transform(X), images)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64", "bool", "uint16"])
def test_the_type_of_numbers_stays(images, dtype):
    assert ImageReshaper().fit_transform(images.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_a_frame_read_from_a_csv_becomes_images(rng, frame):
    pixels = rng.integers(0, 256, size=(6, 784))
    table = frame({f"pixel{i}": column for i, column in enumerate(pixels.T)})

    reshaper = ImageReshaper(image_shape=(1, 28, 28))
    reshaped = reshaper.fit_transform(table)

    np.testing.assert_array_equal(reshaped, pixels.reshape(6, 1, 28, 28), strict=True)
    assert reshaper.feature_names_in_[:2].tolist() == ["pixel0", "pixel1"]


def test_a_frame_with_other_columns_is_refused(rng):
    table = pd.DataFrame(rng.normal(size=(3, 4)), columns=list("abcd"))
    reshaper = ImageReshaper().fit(table)

    with pytest.raises(ValueError, match="feature names should match"):
        reshaper.transform(table[list("dcba")])


def test_images_after_a_frame_need_no_names(rng):
    reshaper = ImageReshaper().fit(pd.DataFrame(rng.normal(size=(3, 4)), columns=list("abcd")))

    assert reshaper.transform(rng.normal(size=(3, 2, 2))).shape == (3, 1, 2, 2)


def test_what_is_learnt_is_the_size_of_the_images(images):
    reshaper = ImageReshaper().fit(images)

    assert reshaper.image_shape_ == (3, 9, 8)
    assert reshaper.n_features_in_ == 3 * 9 * 8


def test_a_second_fit_forgets_the_first(images):
    reshaper = ImageReshaper().fit(pd.DataFrame(np.zeros((2, 4)), columns=list("abcd")))

    reshaper.fit(images)

    assert reshaper.image_shape_ == (3, 9, 8)
    assert not hasattr(reshaper, "feature_names_in_")


def test_lists_and_tensors_are_read(images):
    expected = ImageReshaper().fit_transform(images)

    np.testing.assert_array_equal(ImageReshaper().fit_transform(images.tolist()), expected)
    np.testing.assert_array_equal(ImageReshaper().fit_transform(torch.from_numpy(images)), expected, strict=True)


@pytest.mark.parametrize("layout", LAYOUTS[:2])
def test_rows_on_disk_stay_there(images, tmp_path, layout):
    mapped = np.memmap(tmp_path / "images", images.dtype, mode="w+", shape=images.shape)
    mapped[:] = images

    reshaped = ImageReshaper(layout=layout).fit_transform(mapped)

    assert is_memory_mapped(reshaped)
    np.testing.assert_array_equal(reshaped, in_layout(images, layout))


def test_fit_reads_no_lazy_rows(images, monkeypatch):
    rows = MappedRows(images)
    with monkeypatch.context() as patch:
        patch.setattr(MappedRows, "read", lambda *_: pytest.fail("fit read rows"))

        reshaper = ImageReshaper().fit(rows)

    np.testing.assert_array_equal(reshaper.transform(rows), images)


def test_nan_passes():
    X = np.array([[np.nan, 1.0, 2.0, np.inf]])

    np.testing.assert_array_equal(ImageReshaper().fit_transform(X).ravel(), X.ravel())


def test_an_ambiguous_layout_is_an_error_that_names_the_choices():
    with pytest.raises(ValueError, match=r"ambiguous.*\(3, 9, 4\) for channels first.*\(4, 3, 9\) for channels last"):
        ImageReshaper().fit(np.zeros((5, 3, 9, 4)))


def test_images_of_another_size_are_refused(images):
    reshaper = ImageReshaper().fit(images)

    with pytest.raises(ValueError, match=r"3 channels, 9 pixels high and 8 wide, as in fit; got rows of shape \(3, 8"):
        reshaper.transform(images[:, :, :8])
    with pytest.raises(ValueError, match="X has 100 features, but ImageReshaper is expecting 216 features"):
        reshaper.transform(np.zeros((2, 100)))
    with pytest.raises(ValueError, match="as in fit; got rows of shape"):
        reshaper.inverse_transform(images[:, :, :8])


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_nothing_is_reshaped_before_fit(images, method):
    with pytest.raises(NotFittedError, match="ImageReshaper instance is not fitted yet"):
        getattr(ImageReshaper(), method)(images)


def test_a_layout_that_does_not_exist_is_refused(images):
    with pytest.raises(ValueError, match="'layout' parameter of ImageReshaper must be a str among"):
        ImageReshaper(layout="NCHW").fit(images)


@pytest.mark.parametrize("shape", [(3, 9, 9), (216, 1), (3.5, 9, 8), (0, 9, 8)])
def test_an_image_shape_that_does_not_fit_is_refused(images, shape):
    with pytest.raises(ValueError, match="image_shape"):
        ImageReshaper(image_shape=shape).fit(images)


@pytest.mark.parametrize("image_shape", [(3, 9, 8), [3, 9, 8], np.array([3, 9, 8])], ids=["tuple", "list", "array"])
def test_an_image_shape_may_be_any_sequence(images, image_shape):
    reshaper = ImageReshaper(image_shape=image_shape)

    assert reshaper.fit(images.reshape(5, -1)).image_shape_ == (3, 9, 8)


@pytest.mark.parametrize("copied", [clone, lambda reshaper: pickle.loads(pickle.dumps(reshaper))])
def test_a_copy_does_the_same(images, copied):
    reshaper = ImageReshaper((3, 9, 8), "flat").fit(images)

    twin = copied(reshaper)

    np.testing.assert_array_equal(twin.fit_transform(images), reshaper.transform(images))


def test_frames_as_output_are_left_to_others(images):
    with sklearn.config_context(transform_output="pandas"):
        reshaped = make_pipeline(ImageReshaper(), ChannelScaler()).fit_transform(images.reshape(5, -1))

    assert isinstance(reshaped, np.ndarray)
    assert not hasattr(ImageReshaper(), "set_output")
