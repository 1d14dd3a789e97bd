import numpy as np
import pytest
from scipy import sparse

from sknets import _channel_statistics
from sknets._channel_statistics import channel_statistics
from sknets._image_layout import ImageLayout
from sknets._lazy_rows import MappedRows

FIRST = ImageLayout(3, 4, 5)
LAST = ImageLayout(3, 4, 5, is_channels_last=True)


@pytest.fixture
def images(rng):
    """Return images of shape (50, 3, 4, 5) whose channels lie far apart."""
    centres, spreads = np.array([[[0]], [[100]], [[-7]]]), np.array([[[1]], [[0.1]], [[50]]])
    return rng.normal(size=(50, 3, 4, 5)) * spreads + centres


@pytest.fixture(params=[1, 7, 50, 1000], ids=lambda size: f"blocks of {size}")
def block_size(request, monkeypatch):
    monkeypatch.setattr(_channel_statistics, "BLOCK_VALUES", 60 * request.param)


def assert_are_the_statistics_of(found, images):
    mean, scale = found
    np.testing.assert_allclose(mean, images.mean(axis=(0, 2, 3), dtype=np.float64), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(scale, images.std(axis=(0, 2, 3), dtype=np.float64), rtol=1e-12)


@pytest.mark.usefixtures("block_size")
@pytest.mark.parametrize("layout", [FIRST, LAST, ImageLayout(3, 4, 5, ndim=2), ImageLayout(3, 4, 5, True, 2)], ids=str)
def test_they_are_those_of_the_whole_array(images, layout):
    X = images.transpose(0, 2, 3, 1) if layout.is_channels_last else images

    assert_are_the_statistics_of(channel_statistics(X.reshape(50, *layout.row_shape), layout), images)


def test_images_without_a_channel_axis_have_one_channel(images):
    grey = images[:, 0]

    mean, scale = channel_statistics(grey, ImageLayout(1, 4, 5, ndim=3))

    np.testing.assert_allclose([mean[0], scale[0]], [grey.mean(), grey.std()], rtol=1e-12)


@pytest.mark.usefixtures("block_size")
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float16", "bool"])
def test_they_are_exact_in_every_type_of_numbers(rng, dtype):
    images = rng.integers(0, 256, size=(50, 3, 4, 5)).astype(dtype)

    mean, scale = channel_statistics(images, FIRST)

    assert mean.dtype == scale.dtype == np.float64
    assert_are_the_statistics_of((mean, scale), images)


@pytest.mark.usefixtures("block_size")
def test_sparse_rows_count_their_zeros(rng):
    images = rng.integers(0, 3, size=(50, 3, 4, 5)).astype(float)

    assert_are_the_statistics_of(channel_statistics(sparse.csr_matrix(images.reshape(50, -1)), FIRST), images)


@pytest.mark.usefixtures("block_size")
@pytest.mark.parametrize("rows", ["array", "sparse", "lazy"])
def test_a_weight_counts_as_repetition(images, rng, rows):
    weights = rng.integers(0, 4, size=50)
    X = {"array": images, "sparse": sparse.csr_array(images.reshape(50, -1)), "lazy": MappedRows(images)}[rows]

    mean, scale = channel_statistics(X, FIRST, weights)

    expected_mean, expected_scale = channel_statistics(images.repeat(weights, axis=0), FIRST)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(scale, expected_scale, rtol=1e-12)


@pytest.mark.usefixtures("block_size")
def test_a_block_without_weight_is_left_out(images):
    weights = np.repeat([0.0, 0.5, 0.0, 0.5, 0.0], 10)

    mean, scale = channel_statistics(images, FIRST, weights)

    expected_mean, expected_scale = channel_statistics(images[weights > 0], FIRST)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(scale, expected_scale, rtol=1e-12)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_only_the_proportions_of_weights_matter(images, rng, factor):
    weights = rng.random(50)

    one, other = channel_statistics(images, FIRST, weights), channel_statistics(images, FIRST, factor * weights)

    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("block_size")
@pytest.mark.parametrize("value", [0.0, 0.1, 1e5 / 3, -1e-12 / 7, 255])
def test_a_constant_channel_has_the_scale_one(images, value):
    images[:, 1] = value

    mean, scale = channel_statistics(images, FIRST)

    assert mean[1] == pytest.approx(value, rel=1e-14)
    assert scale[1] == 1
    assert (scale[[0, 2]] != 1).all()


def test_a_small_spread_about_a_large_mean_is_not_taken_for_none(rng):
    images = 1e6 + 1e-4 * rng.normal(size=(50, 1, 4, 5))

    _, scale = channel_statistics(images, ImageLayout(1, 4, 5))

    assert scale[0] == pytest.approx(images.std(), rel=1e-4)
    assert scale[0] < 1e-3


def test_one_image_is_enough(images):
    assert_are_the_statistics_of(channel_statistics(images[:1], FIRST), images[:1])


@pytest.mark.usefixtures("block_size")
def test_mapped_rows_are_read(images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")

    assert_are_the_statistics_of(channel_statistics(mapped, FIRST), images)


@pytest.mark.usefixtures("block_size")
def test_few_lazy_rows_are_all_read(images):
    assert_are_the_statistics_of(channel_statistics(MappedRows(images), FIRST), images)


def test_of_many_lazy_rows_evenly_spread_ones_are_read(images, monkeypatch):
    read = []

    class RecordedRows(MappedRows):
        def read(self, index):
            read.extend(index.tolist())
            return super().read(index)

    monkeypatch.setattr(_channel_statistics, "MAX_LAZY_ROWS", 8)
    found = channel_statistics(RecordedRows(images), FIRST)

    assert read == [0, 7, 14, 21, 28, 35, 42, 49]
    assert_are_the_statistics_of(found, images[::7])


def test_rows_are_read_a_block_at_a_time(images, monkeypatch):
    sizes = []

    class RecordedRows(MappedRows):
        def read(self, index):
            sizes.append(len(index))
            return super().read(index)

    monkeypatch.setattr(_channel_statistics, "BLOCK_VALUES", 60 * 20)
    channel_statistics(RecordedRows(images), FIRST)

    assert sizes == [20, 20, 10]


def test_the_images_are_not_written_to(images):
    before = images.copy()

    channel_statistics(images, FIRST)

    np.testing.assert_array_equal(images, before)
