"""Augmentation: of training images only, repeatable, and left out of everything else."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sknets import CNNClassifier, CNNRegressor
from tests.vision._pictures import SMALL, assert_same_bits, differ, make_pictures

STEADY = {**SMALL, "learning_rate": "constant"}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def darken(images):
    return images // 2 if images.dtype == torch.uint8 else images * 0.5


class AddNoise:
    """Draws from torch's global generator, as torchvision's transforms do."""

    def __call__(self, images):
        noise = torch.randint(-20, 21, images.shape)
        return (images.long() + noise).clamp(0, 255).to(images.dtype)


@pytest.fixture
def pictures(rng):
    return make_pictures(rng)


@pytest.mark.parametrize("augmentation", ["light", AddNoise()], ids=["light", "own"])
@pytest.mark.parametrize("Network", [CNNClassifier, CNNRegressor])
def test_a_seed_repeats_the_changes(Network, augmentation, pictures):
    X, y = pictures
    network = Network(augmentation=augmentation, **SMALL)

    first, second = clone(network).fit(X, y), clone(network).fit(X, y)

    assert_same_bits(first, second)
    assert differ(first, clone(network).set_params(augmentation=None).fit(X, y))
    assert differ(first, clone(network).set_params(random_state=1).fit(X, y))


def test_a_transform_is_called_with_bytes_of_eight_images_at_most_with_channels_first(pictures):
    X, y = pictures
    seen = []

    def note(images):
        seen.append((images.dtype, tuple(images.shape)))
        return images

    noted = CNNClassifier(augmentation=note, **SMALL).fit(X[..., None], y)

    # Three epochs of batches of 16, 16 and 8 rows.
    assert seen == [(torch.uint8, (8, 1, 8, 8))] * 15
    assert_same_bits(noted, CNNClassifier(**SMALL).fit(X[..., None], y))


def test_training_on_changed_images_is_training_on_those_images(pictures):
    X, y = pictures

    changed = CNNClassifier(augmentation=darken, shuffle=False, **SMALL).fit(X, y)

    # By hand: pictures of half the brightness, scaled by the statistics of the given ones.
    darkened = CNNClassifier(warm_start=True, shuffle=False, **SMALL).initialize(X, y).fit(X // 2, y)
    np.testing.assert_allclose(changed.loss_curve_, darkened.loss_curve_, rtol=1e-5)


def test_predictions_and_validation_see_images_as_they_are(pictures):
    X, y = pictures

    clf = CNNClassifier(augmentation=AddNoise(), **SMALL).fit(X, y, X_val=X, y_val=y)

    np.testing.assert_array_equal(clf.predict_proba(X), clf.predict_proba(X))
    plain = clone(clf).set_params(augmentation=None).initialize(X, y)
    plain.module_.load_state_dict(clf.module_.state_dict())
    np.testing.assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))
    assert clf.history_[-1]["valid_score"] == clf.score(X, y)


def test_rows_that_are_held_out_are_not_changed(pictures):
    X, y = pictures
    n_changed = []

    def count(images):
        n_changed.append(len(images))
        return images

    clf = CNNClassifier(augmentation=count, early_stopping=True, **SMALL).fit(X, y)

    assert sum(n_changed) == 36 * clf.n_iter_


def test_a_warm_start_may_change_it(pictures):
    X, y = pictures
    clf = CNNClassifier(warm_start=True, **STEADY).fit(X, y)
    calls = []

    clf.set_params(augmentation=lambda images: calls.append(1) or images).fit(X, y)
    n_calls = len(calls)
    clf.set_params(augmentation=None).fit(X, y)

    assert n_calls == len(calls) == 15
    plain = CNNClassifier(warm_start=True, **STEADY).fit(X, y).fit(X, y).fit(X, y)
    assert_same_bits(clf, plain)


def test_partial_fit_goes_on_with_new_changes(pictures):
    X, y = pictures
    seen = []

    def record(images):
        changed = AddNoise()(images)
        seen.append(changed.clone())
        return changed

    clf = CNNClassifier(augmentation=record, shuffle=False, **{**STEADY, "batch_size": 40})
    clf.partial_fit(X, y, classes=[0, 1]).partial_fit(X, y)

    assert len(seen) == 10
    assert not torch.equal(seen[0], seen[5])


@pytest.mark.parametrize("augmentation", ["light", AddNoise()], ids=["light", "own"])
def test_a_copied_model_goes_on_with_the_changes_of_the_original(augmentation, pictures):
    X, y = pictures
    clf = CNNClassifier(augmentation=augmentation, **STEADY).partial_fit(X, y, classes=[0, 1])

    copied = pickle.loads(pickle.dumps(clf))

    assert_same_bits(copied.partial_fit(X, y), clf.partial_fit(X, y))


def test_a_warm_start_goes_on_with_new_changes(pictures):
    X, y = pictures
    seen = []

    def record(images):
        changed = AddNoise()(images)
        seen.append(changed.clone())
        return changed

    clf = CNNClassifier(augmentation=record, shuffle=False, warm_start=True, **{**STEADY, "max_iter": 1})
    clf.fit(X, y).fit(X, y)

    assert len(seen) == 10
    assert not torch.equal(seen[0], seen[5])


def test_a_failed_fit_leaves_the_transform_in_use_as_it_was(pictures):
    X, y = pictures
    clf, undisturbed = (CNNClassifier(augmentation=AddNoise(), warm_start=True, **STEADY).fit(X, y) for _ in range(2))

    other, clf.augmentation = clf.augmentation, lambda images: images[:0]
    with pytest.raises(ValueError, match="must keep the shape"):
        clf.fit(X, y)
    clf.augmentation = other

    assert_same_bits(clf.fit(X, y), undisturbed.fit(X, y))


def test_it_can_be_searched_and_cloned(pictures):
    X, y = pictures
    choices = {"augmentation": [None, "light", AddNoise()]}

    search = GridSearchCV(CNNClassifier(**SMALL), choices, cv=2, error_score="raise").fit(X, y)

    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("augmentation", "error", "message"),
    [
        (lambda images: images[:, :, 1:], ValueError, r"must keep the shape of the images, \(8, 1, 8, 8\)"),
        (lambda images: images.float(), ValueError, r"must keep the type of the images' numbers, torch.uint8"),
        (lambda images: images.numpy(), TypeError, r"must return a tensor of images.*ndarray"),
        (AddNoise, TypeError, r"got the class AddNoise\. Make one of it"),
    ],
)
def test_what_is_no_change_of_images_is_refused(augmentation, error, message, pictures):
    clf = CNNClassifier(augmentation=augmentation, **SMALL)

    with pytest.raises(error, match=message):
        clf.fit(*pictures)
    assert not hasattr(clf, "net_")


@pytest.mark.slow
def test_a_pickle_with_a_transform_of_torchvision_opens_in_a_fresh_process(pictures, tmp_path):
    from torchvision.transforms import v2

    X, y = pictures
    clf = CNNClassifier(augmentation=v2.RandomRotation(10), **STEADY).fit(X, y)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(clf))
    np.savez(tmp_path / "data.npz", X=X, y=y)
    program = """
import pickle, sys
import numpy as np
folder = sys.argv[1]
data = np.load(folder + "/data.npz")
clf = pickle.loads(open(folder + "/model.pickle", "rb").read())
now = clf.predict_proba(data["X"])
later = clf.partial_fit(data["X"], data["y"]).predict_proba(data["X"])
np.savez(folder + "/out.npz", now=now, later=later)
"""

    subprocess.run([sys.executable, "-W", "error", "-c", program, str(tmp_path)], check=True, timeout=120)

    found = np.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(found["now"], clf.predict_proba(X))
    np.testing.assert_array_equal(found["later"], clf.partial_fit(X, y).predict_proba(X))
