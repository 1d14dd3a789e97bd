"""The numbers by which each channel is shifted and scaled."""

import numpy as np
import pytest
from skorch.callbacks import Callback

from sknets import CNNClassifier
from tests.vision._pictures import SMALL, assert_same_bits, make_pictures, weights_of


def statistics(clf):
    return clf.module_.input.mean.numpy().ravel(), clf.module_.input.scale.numpy().ravel()


@pytest.fixture
def colour(rng):
    pictures, y = make_pictures(rng)
    return np.stack([pictures, pictures // 4 + 7, 255 - pictures // 2], axis=-1), y


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_they_are_numpys_mean_and_standard_deviation(dtype, colour):
    X, y = colour

    clf = CNNClassifier(**SMALL).fit(X.astype(dtype), y)

    mean, scale = statistics(clf)
    np.testing.assert_allclose(mean, X.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(scale, X.std(axis=(0, 1, 2)), rtol=1e-6)


def test_rows_that_early_stopping_holds_out_are_left_out(colour):
    X, y = colour
    # A picture tells which one it is.
    X[:, 0, 0, 0] = np.arange(40)
    seen = []

    class Spy(Callback):
        def on_epoch_end(self, net, dataset_train=None, **kwargs):
            seen.append(np.asarray(dataset_train.X).reshape(-1, 8, 8, 3)[:, 0, 0, 0])

    clf = CNNClassifier(early_stopping=True, callbacks=[Spy()], **SMALL).fit(X, y)

    mean, scale = statistics(clf)
    trained_on = X[seen[0]]
    assert len(trained_on) == 36
    np.testing.assert_allclose(mean, trained_on.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(scale, trained_on.std(axis=(0, 1, 2)), rtol=1e-6)
    assert not np.allclose(mean, X.mean(axis=(0, 1, 2)), rtol=1e-6)


def test_given_validation_rows_are_left_out(colour):
    X, y = colour

    clf = CNNClassifier(**SMALL).fit(X, y, X_val=255 - X, y_val=y)

    np.testing.assert_allclose(statistics(clf)[0], X.mean(axis=(0, 1, 2)), rtol=1e-6)


def test_weights_count(colour):
    X, y = colour
    counts = np.arange(40) % 4

    clf = CNNClassifier(**SMALL).fit(X, y, sample_weight=counts)

    repeated = X.repeat(counts, axis=0)
    np.testing.assert_allclose(statistics(clf)[0], repeated.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(statistics(clf)[1], repeated.std(axis=(0, 1, 2)), rtol=1e-6)


def test_further_training_keeps_those_of_the_first_fit(colour):
    X, y = colour
    clf = CNNClassifier(warm_start=True, **SMALL).fit(X, y)
    before = statistics(clf)

    clf.fit(X // 3, y).partial_fit(X // 2, y)

    np.testing.assert_array_equal(statistics(clf), before)


def test_a_new_fit_learns_new_ones(colour):
    X, y = colour

    again = CNNClassifier(**SMALL).fit(X // 3, y).fit(X, y)

    assert_same_bits(again, CNNClassifier(**SMALL).fit(X, y))


def test_a_constant_channel_does_no_harm(colour):
    X, y = colour
    X[..., 1] = 200

    clf = CNNClassifier(**SMALL).fit(X, y)

    assert statistics(clf)[1][1] == 1
    assert np.isfinite(clf.predict_proba(X)).all()


def test_the_scale_of_pictures_does_not_matter(colour):
    X, y = colour

    plain = CNNClassifier(**SMALL).fit(X.astype(float), y)
    scaled = CNNClassifier(**SMALL).fit(X / 255 * 1e6 - 3e5, y)

    for a, b in zip(weights_of(scaled)[2:], weights_of(plain)[2:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def test_initialize_learns_them_too(colour):
    X, y = colour

    np.testing.assert_allclose(
        statistics(CNNClassifier(**SMALL).initialize(X, y))[0], X.mean(axis=(0, 1, 2)), rtol=1e-6
    )
