import numpy as np
import pytest
import torch

from sknets._image_layout import ImageLayout
from sknets.nn import Augmentation, ImageInput

FIRST, LAST = ImageLayout(3, 4, 5), ImageLayout(3, 4, 5, is_channels_last=True)


@pytest.fixture
def pictures(rng):
    """Of shape (n, n_channels, height, width)."""
    return rng.integers(0, 256, (6, 3, 4, 5), dtype=np.uint8)


def made(layout, mean=(0.0, 0.0, 0.0), scale=(1.0, 1.0, 1.0)):
    layer = ImageInput(layout)
    layer.set_statistics(torch.tensor(mean), torch.tensor(scale))
    return layer


@pytest.mark.parametrize("is_flat", [False, True])
@pytest.mark.parametrize("layout", [FIRST, LAST], ids=["channels first", "channels last"])
def test_rows_become_images_with_channels_first(layout, is_flat, pictures):
    rows = pictures.transpose(0, 2, 3, 1).copy() if layout.is_channels_last else pictures
    rows = rows.reshape(6, -1) if is_flat else rows

    images = made(layout)(torch.from_numpy(rows))

    np.testing.assert_array_equal(images.numpy(), pictures)


def test_channels_are_shifted_and_scaled_each_by_its_own_numbers(pictures):
    mean, scale = [10.0, 20.0, 30.0], [2.0, 4.0, 8.0]

    images = made(FIRST, mean, scale)(torch.from_numpy(pictures))

    expected = (pictures - np.reshape(mean, (3, 1, 1))) / np.reshape(scale, (3, 1, 1))
    np.testing.assert_allclose(images.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bytes_become_numbers_of_the_modules_type(dtype, pictures):
    images = made(FIRST).to(dtype)(torch.from_numpy(pictures))

    assert images.dtype == dtype
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_the_rows_themselves_stay_as_they_were(pictures):
    rows = torch.from_numpy(pictures.copy()).float()

    made(FIRST, [9.0, 9.0, 9.0], [2.0, 2.0, 2.0])(rows)

    np.testing.assert_array_equal(rows.numpy(), pictures)


def test_augmentation_sees_the_pixels_as_they_came_and_in_training_only(pictures):
    seen = []

    def note(images):
        seen.append(images.dtype)
        return 255 - images

    layer = ImageInput(FIRST, Augmentation(note))
    layer.augmentation.generator = torch.Generator().manual_seed(0)

    in_training, in_prediction = layer(torch.from_numpy(pictures)), layer.eval()(torch.from_numpy(pictures))

    assert set(seen) == {torch.uint8}
    np.testing.assert_array_equal(in_training.numpy(), 255 - pictures)
    np.testing.assert_array_equal(in_prediction.numpy(), pictures)


def test_its_statistics_travel_with_the_modules_state(pictures):
    layer, twin = made(FIRST, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]), ImageInput(FIRST)

    twin.load_state_dict(layer.state_dict())

    assert torch.equal(twin(torch.from_numpy(pictures)), layer(torch.from_numpy(pictures)))
    assert not list(layer.parameters())


def test_its_shape_is_shown():
    assert repr(made(LAST)) == "ImageInput(3, 4, 5)"
