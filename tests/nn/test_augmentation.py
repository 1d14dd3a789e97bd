import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from sknets._torchvision import import_torchvision
from sknets.nn import PRESETS, Augmentation, make_transform
from sknets.nn._augmentation import IMAGES_PER_DRAW

v2 = import_torchvision().transforms.v2


def add_one_draw(images):
    """Add the same random number to all images that come together."""
    return images + torch.rand(())


def seeded(transform, seed=0):
    layer = Augmentation(transform)
    layer.generator = torch.Generator().manual_seed(seed)
    return layer


@pytest.fixture
def images(rng):
    return torch.from_numpy(rng.random(size=(32, 3, 16, 12)))


@pytest.fixture
def light():
    return make_transform("light", (3, 16, 12))


def test_the_same_generator_makes_the_same_changes(images, light):
    assert torch.equal(seeded(light)(images), seeded(light)(images))
    assert not torch.equal(seeded(light)(images), seeded(light, seed=1)(images))


def test_every_batch_is_changed_anew(images, light):
    layer = seeded(light)

    assert not torch.equal(layer(images), layer(images))


def test_images_are_left_alone_in_prediction(images, light):
    layer = seeded(light).eval()
    state = layer.generator.get_state()

    assert layer(images) is images
    assert torch.equal(layer.generator.get_state(), state)


def test_images_can_be_changed_by_hand_outside_training(images, light):
    assert torch.equal(seeded(light).eval().change(images), seeded(light)(images))


def test_only_the_own_generator_is_moved(images):
    layer = seeded(add_one_draw)
    global_before, own_before = torch.get_rng_state(), layer.generator.get_state()

    layer(images)

    assert torch.equal(torch.get_rng_state(), global_before)
    assert not torch.equal(layer.generator.get_state(), own_before)


def test_torchs_own_generator_does_not_matter(images):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = seeded(add_one_draw)(images)
        torch.manual_seed(2)
        second = seeded(add_one_draw)(images)

    assert torch.equal(first, second)


def test_torchs_own_generator_is_put_back_after_an_error(images):
    before = torch.get_rng_state()

    with pytest.raises(ZeroDivisionError):
        seeded(lambda images: torch.rand(()) + 1 / 0)(images)

    assert torch.equal(torch.get_rng_state(), before)


def test_eight_images_share_a_draw_and_the_next_eight_have_another():
    added = seeded(add_one_draw)(torch.zeros(30, 1, 2, 2))[:, 0, 0, 0]

    groups = added.split(IMAGES_PER_DRAW)
    assert [len(group) for group in groups] == [8, 8, 8, 6]
    assert all(len(group.unique()) == 1 for group in groups)
    assert len(added.unique()) == 4


@pytest.mark.parametrize("n_images", [1, 7, 8, 9])
def test_batches_of_any_size_keep_their_order(n_images):
    images = torch.arange(n_images, dtype=torch.float32).view(-1, 1, 1, 1)

    assert torch.equal(seeded(torch.neg)(images), -images)


def test_threads_give_the_results_of_a_single_one(images):
    def change(seed):
        return torch.stack([seeded(add_one_draw, seed)(images) for _ in range(20)])

    serial = [change(seed) for seed in range(4)]
    with ThreadPoolExecutor(2) as pool:
        threaded = list(pool.map(change, range(4)))

    assert all(torch.equal(one, other) for one, other in zip(serial, threaded, strict=True))


def test_the_light_preset_shifts_and_mirrors():
    # Each column has its own number, so that the first pixels tell what happened.
    columns = torch.arange(32.0).expand(1024, 1, 32, 32).contiguous()

    changed = seeded(make_transform("light", (1, 32, 32)))(columns)

    middle = changed[:, 0, 16, 8:24]
    slopes = middle.diff(dim=1)
    assert set(slopes.unique().tolist()) == {-1.0, 1.0}
    is_mirrored = slopes[:, 0] < 0
    # Half of 128 groups, with a standard error of 0.044.
    assert float(is_mirrored.double().mean()) == pytest.approx(0.5, abs=0.18)
    shifts = middle[~is_mirrored][:, 0] - 8
    assert set(shifts.tolist()) == set(range(-2, 3))  # a twelfth of 32 pixels


def test_the_light_preset_shifts_up_and_down():
    rows = torch.arange(32.0).view(32, 1).expand(512, 1, 32, 32).contiguous()

    changed = seeded(make_transform("light", (1, 32, 32)))(rows)

    shifts = changed[:, 0, 16, 16] - 16
    assert set(shifts.tolist()) == set(range(-2, 3))  # a twelfth of 32 pixels
    assert float(changed.min()) >= 0


def test_the_light_preset_does_not_turn_a_series_round():
    series = torch.arange(24.0).expand(256, 1, 1, 24).contiguous()

    changed = seeded(make_transform("light", (1, 1, 24)))(series)

    assert (changed[..., 6:18].diff() > 0).all()
    assert not torch.equal(changed, series)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64])
@pytest.mark.parametrize("image_shape", [(1, 1, 1), (1, 1, 3), (3, 2, 2), (1, 28, 28), (4, 5, 40)])
def test_the_light_preset_takes_every_size_and_type(image_shape, dtype):
    images = torch.ones(20, *image_shape, dtype=dtype)

    changed = seeded(make_transform("light", image_shape))(images)

    assert torch.equal(changed, images)
    assert changed.dtype == dtype


def test_every_preset_is_a_transform():
    assert all(callable(make_transform(preset, (1, 8, 8))) for preset in PRESETS)


def test_ones_own_transform_is_taken_as_it_is():
    assert make_transform(add_one_draw, (1, 8, 8)) is add_one_draw


@pytest.mark.parametrize(
    "transform", [v2.RandomCrop(8), v2.RandomResizedCrop(8), v2.RandomZoomOut(p=1), lambda images: images[:4]]
)
def test_a_transform_that_changes_the_shape_is_refused(images, transform):
    with pytest.raises(ValueError, match=r"must keep the shape of the images, \(8, 3, 16, 12\).*RandomCrop\(\(16,"):
        seeded(transform)(images)


def test_a_transform_that_changes_the_type_of_numbers_is_refused(images):
    with pytest.raises(ValueError, match=r"must keep the type of the images' numbers, torch.float64.*torch.float32"):
        seeded(v2.ToDtype(torch.float32))(images)


def test_a_transform_that_returns_no_tensor_is_refused(images):
    with pytest.raises(TypeError, match=r"must return a tensor of images; .* returned a tuple"):
        seeded(lambda images: (images, None))(images)


@pytest.mark.parametrize(
    ("transform", "name"),
    [
        (v2.MixUp(num_classes=2), "MixUp"),
        (v2.CutMix(num_classes=2), "CutMix"),
        (v2.Compose([v2.RandomHorizontalFlip(), v2.RandomChoice([v2.CutMix(num_classes=2)])]), "CutMix"),
        (torch.nn.Sequential(v2.RandomHorizontalFlip(), v2.MixUp(num_classes=2)), "MixUp"),
    ],
)
def test_a_transform_that_needs_labels_is_refused(transform, name):
    with pytest.raises(ValueError, match=f"augmentation must change images alone; {name} mixes their labels"):
        make_transform(transform, (1, 8, 8))


def test_the_class_of_a_transform_is_refused():
    with pytest.raises(TypeError, match=r"got the class RandomRotation. Make one of it: RandomRotation\(...\)"):
        make_transform(v2.RandomRotation, (1, 8, 8))


@pytest.mark.parametrize("copied", [lambda layer: pickle.loads(pickle.dumps(layer)), copy.deepcopy])
def test_a_copy_goes_on_with_the_same_changes(images, light, copied):
    layer = seeded(light)
    layer(images)

    twin = copied(layer)

    assert torch.equal(twin(images), layer(images))


def test_generators_of_other_devices_are_not_seeded(images, monkeypatch):
    seeded_devices = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: seeded_devices.append("cuda"))

    seeded(add_one_draw)(images)

    assert seeded_devices == []
