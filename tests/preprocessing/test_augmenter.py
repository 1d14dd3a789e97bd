import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sknets._torchvision import import_torchvision
from sknets.preprocessing import Augmenter, _augmenter

v2 = import_torchvision().transforms.v2

LAYOUTS = ("flat", "grey", "channels_first", "channels_last")


def mirror(images):
    return images.flip(-1)


def darken_in_place(images):
    return images.mul_(0.5)


@pytest.fixture
def images(rng):
    """Return grey images of shape (40, 16, 16)."""
    return rng.integers(0, 256, size=(40, 16, 16), dtype=np.uint8)


def in_layout(images, layout):
    return {
        "flat": images.reshape(len(images), -1),
        "grey": images,
        "channels_first": images[:, None],
        "channels_last": images[..., None],
    }[layout]


def test_training_images_are_changed_and_others_are_not(images):
    augmenter = Augmenter(random_state=0)

    changed = augmenter.fit_transform(images)

    assert (changed != images).any(axis=(1, 2)).mean() > 0.8
    np.testing.assert_array_equal(augmenter.transform(images), images, strict=True)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_changes_are_the_same_in_every_layout_and_type(images, layout, dtype):
    expected = Augmenter(random_state=0).fit_transform(images)
    X = in_layout(images, layout).astype(dtype)

    changed = Augmenter(random_state=0).fit_transform(X)

    np.testing.assert_array_equal(changed, in_layout(expected, layout).astype(dtype), strict=True)


def test_colours_are_moved_together(rng):
    images = rng.random((10, 16, 16, 3), dtype=np.float32)

    changed = Augmenter(mirror).fit_transform(images)

    np.testing.assert_array_equal(changed, images[:, :, ::-1], strict=True)


def test_a_pipeline_trains_on_changed_images_and_predicts_from_given_ones(images):
    y = np.arange(40) % 2
    pipeline = make_pipeline(Augmenter(mirror), LogisticRegression(max_iter=20000, tol=1e-3))
    flat, mirrored = images.reshape(40, -1) / 255, images[:, :, ::-1].reshape(40, -1) / 255

    pipeline.fit(flat, y)

    direct = LogisticRegression(max_iter=20000, tol=1e-3).fit(mirrored, y)
    np.testing.assert_allclose(pipeline.decision_function(flat), direct.decision_function(flat))


def test_it_can_be_cross_validated(images):
    pipeline = make_pipeline(Augmenter(random_state=0), LogisticRegression(max_iter=20000, tol=1e-3))

    scores = cross_val_score(pipeline, images.reshape(40, -1) / 255, np.arange(40) % 2, cv=2, error_score="raise")

    assert np.isfinite(scores).all()


def test_a_seed_makes_the_same_changes_every_time(images):
    augmenter = Augmenter(random_state=3)

    first, second = augmenter.fit_transform(images), augmenter.fit_transform(images)

    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, Augmenter(random_state=4).fit_transform(images))


def test_a_generator_makes_other_changes_each_time(images):
    augmenter = Augmenter(random_state=np.random.RandomState(0))

    assert not np.array_equal(augmenter.fit_transform(images), augmenter.fit_transform(images))


def test_no_seed_makes_other_changes_each_time(images):
    assert not np.array_equal(Augmenter().fit_transform(images), Augmenter().fit_transform(images))


def test_global_generators_are_not_moved(images):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002

    Augmenter(random_state=0).fit_transform(images)

    assert torch.equal(torch.get_rng_state(), torch_before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_copies_are_changed_each_in_its_own_way(images):
    changed = Augmenter(random_state=0).augment(images, n_copies=3)

    assert changed.shape == (120, 16, 16)
    first, second, third = np.split(changed, 3)
    np.testing.assert_array_equal(first, Augmenter(random_state=0).fit_transform(images))
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)


@pytest.mark.parametrize("y", [np.arange(40), pd.Series(list("ab") * 20, index=range(40, 0, -1)), np.eye(40)])
def test_labels_are_repeated_beside_their_images(images, y):
    changed, repeated = Augmenter(mirror).augment(images, y, n_copies=2)

    np.testing.assert_array_equal(changed, np.concatenate([images[:, :, ::-1]] * 2), strict=True)
    np.testing.assert_array_equal(repeated, np.concatenate([y, y]))


def test_augmenting_by_hand_leaves_the_estimator_alone(images):
    augmenter = Augmenter(mirror)

    augmenter.augment(images)

    assert vars(augmenter) == vars(Augmenter(mirror))


@pytest.mark.parametrize("n_copies", [0, -1, 1.5, True, "2", None])
def test_a_number_of_copies_that_is_none_is_refused(images, n_copies):
    with pytest.raises(ValueError, match=f"n_copies must be a whole number of at least 1; got {n_copies!r}"):
        Augmenter(mirror).augment(images, n_copies=n_copies)


def test_labels_of_other_images_are_refused(images):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        Augmenter(mirror).augment(images, np.arange(39))


def test_images_are_changed_block_by_block(images, monkeypatch):
    sizes = []

    def record(block):
        sizes.append(len(block))
        return mirror(block)

    monkeypatch.setattr(_augmenter, "BLOCK_SIZE", 16)
    changed = Augmenter(record).fit_transform(images)

    assert sizes == [8] * 5
    np.testing.assert_array_equal(changed, images[:, :, ::-1])


@pytest.mark.parametrize("method", ["fit_transform", "augment"])
def test_a_transform_that_writes_into_its_input_does_not_reach_x(images, method):
    X = images.astype(np.float32)

    changed = getattr(Augmenter(darken_in_place), method)(X)

    np.testing.assert_array_equal(X, images)
    np.testing.assert_array_equal(changed, X / 2)


@pytest.mark.parametrize(
    "X",
    [
        np.arange(32.0).reshape(2, 4, 4)[:, :, ::-1],
        np.arange(32.0).reshape(2, 4, 4).astype(">f8"),
        np.asfortranarray(np.arange(32.0).reshape(2, 4, 4)),
    ],
    ids=["reversed", "big-endian", "Fortran"],
)
def test_arrays_may_lie_in_memory_in_any_way(X):
    np.testing.assert_array_equal(Augmenter(mirror).fit_transform(X), X[:, :, ::-1])


def test_images_on_disk_are_only_read(images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")

    np.testing.assert_array_equal(Augmenter(mirror).fit_transform(mapped), images[:, :, ::-1])


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomRotation(10),
        v2.RandomErasing(),
        v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(16, padding=2)]),
        v2.RandomApply([v2.GaussianBlur(3)]),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_transforms_of_torchvision_are_taken(images, transform):
    X = (images / 255).astype(np.float32)

    changed = Augmenter(transform, random_state=0).fit_transform(X)

    assert changed.shape == X.shape
    assert changed.dtype == np.float32


@pytest.mark.parametrize(
    "transform", [v2.MixUp(num_classes=2), v2.Compose([v2.RandomChoice([v2.CutMix(num_classes=2), mirror])])]
)
@pytest.mark.parametrize("method", ["fit", "fit_transform", "augment"])
def test_a_transform_that_needs_labels_is_refused(images, transform, method):
    with pytest.raises(ValueError, match=r"augmentation must change images alone; (MixUp|CutMix) mixes"):
        getattr(Augmenter(transform), method)(images)


@pytest.mark.parametrize("method", ["fit_transform", "augment"])
def test_a_transform_that_changes_the_size_is_refused(images, method):
    with pytest.raises(ValueError, match=r"must keep the shape of the images, \(8, 1, 16, 16\).*\(8, 1, 12, 12\)"):
        getattr(Augmenter(v2.RandomCrop(12)), method)(images)


def test_a_transform_that_changes_the_type_of_numbers_is_refused(images):
    with pytest.raises(ValueError, match=r"torch.uint8; .* made torch.float32 of it. Leave conversions out"):
        Augmenter(v2.ToDtype(torch.float32, scale=True)).fit_transform(images)


def test_the_class_of_a_transform_is_refused(images):
    with pytest.raises(TypeError, match=r"got the class RandomRotation. Make one of it: RandomRotation\(...\)"):
        Augmenter(v2.RandomRotation).fit_transform(images)


def test_a_transform_that_returns_no_tensor_is_refused(images):
    with pytest.raises(TypeError, match=r"must return a tensor of images; .* returned a ndarray"):
        Augmenter(lambda block: block.numpy()).fit_transform(images)


@pytest.mark.parametrize("augmentation", ["heavy", None, 3])
@pytest.mark.parametrize("method", ["fit", "augment"])
def test_what_is_no_transform_is_refused(images, augmentation, method):
    with pytest.raises(ValueError, match="'augmentation' parameter of Augmenter must be a str among"):
        getattr(Augmenter(augmentation), method)(images)


def test_nan_is_refused(images):
    X = images / 255
    X[0, 0, 0] = np.nan

    for method in ("fit", "fit_transform", "augment"):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            getattr(Augmenter(mirror), method)(X)


def test_images_of_another_size_are_refused(images):
    with pytest.raises(ValueError, match="1 channel, 16 pixels high and 16 wide, as in fit"):
        Augmenter(mirror).fit(images).transform(images[:, 1:])


def test_rows_one_pixel_high_are_shifted_but_not_mirrored():
    ramp = np.arange(24.0)[None].repeat(64, axis=0)

    changed = Augmenter(image_shape=(1, 1, 24), random_state=0).fit_transform(ramp)

    middle = np.diff(changed[:, 6:18], axis=1)
    assert (middle > 0).all()
    assert not np.array_equal(changed, ramp)


def test_images_come_out_as_arrays_whatever_the_output_is_set_to(images):
    with sklearn.config_context(transform_output="pandas"):
        changed = Augmenter(mirror).fit_transform(images)
        frame = Augmenter(mirror).fit_transform(images.reshape(40, -1))

    assert isinstance(changed, np.ndarray)
    np.testing.assert_array_equal(frame, images[:, :, ::-1].reshape(40, -1))
    assert isinstance(frame, pd.DataFrame)


@pytest.mark.parametrize("copied", [clone, lambda augmenter: pickle.loads(pickle.dumps(augmenter))])
@pytest.mark.parametrize("augmentation", ["light", mirror, v2.RandomRotation(10)], ids=["light", "function", "v2"])
def test_a_copy_does_the_same(images, copied, augmentation):
    augmenter = Augmenter(augmentation, random_state=0)

    np.testing.assert_array_equal(copied(augmenter).fit_transform(images), augmenter.fit_transform(images))


def test_a_clone_has_a_transform_of_its_own_and_all_else(images):
    augmenter = Augmenter(v2.RandomRotation(10), image_shape=(1, 16, 16), random_state=0)
    augmenter.set_output(transform="pandas")

    twin = clone(augmenter)

    assert twin.augmentation is not augmenter.augmentation
    assert {**twin.get_params(), "augmentation": None} == {**augmenter.get_params(), "augmentation": None}
    assert isinstance(twin.fit_transform(images.reshape(40, -1)), pd.DataFrame)
    assert not hasattr(clone(augmenter.fit(images)), "image_shape_")


def test_transforms_can_be_set_and_searched(images):
    augmenter = Augmenter().set_params(augmentation=v2.RandomRotation(10))
    pipeline = make_pipeline(augmenter, LogisticRegression(max_iter=20000, tol=1e-2))
    grid = {"augmenter__augmentation": ["light", mirror, v2.Compose([v2.RandomRotation(10)])]}

    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    search.fit(images[:, :4, :4].reshape(40, -1) / 255, np.arange(40) % 2)

    assert len(search.cv_results_["params"]) == 3
    assert "RandomRotation" in repr(pipeline)
