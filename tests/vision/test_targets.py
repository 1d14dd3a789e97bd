"""Classes, labels, numbers and the weights of rows."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.utils.class_weight import compute_sample_weight

from sknets import CNNClassifier, CNNRegressor
from tests.vision._pictures import SMALL, assert_same_bits, make_pictures, weights_of


@pytest.fixture
def pictures(rng):
    return make_pictures(rng)


def test_two_classes_have_two_outputs_and_one_column_of_scores(pictures):
    X, y = pictures

    clf = CNNClassifier(**SMALL).fit(X, y)

    scores = clf.decision_function(X)
    assert clf.n_outputs_ == 2
    assert clf.module_.body[-1].out_features == 2
    assert clf.out_activation_ == "softmax"
    assert scores.shape == (40,)
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[(scores > 0).astype(int)])
    np.testing.assert_allclose(clf.predict_proba(X)[:, 1], expit(scores), rtol=1e-5)


def test_more_classes_have_a_column_of_scores_each(rng):
    X, y = make_pictures(rng)[0], np.array(["cat", "dog", "eel", "fox"])[np.arange(40) % 4]

    clf = CNNClassifier(**SMALL).fit(X, y)

    scores = clf.decision_function(X)
    assert clf.classes_.tolist() == ["cat", "dog", "eel", "fox"]
    assert scores.shape == (40, 4)
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[scores.argmax(axis=1)])
    np.testing.assert_allclose(clf.predict_proba(X), softmax(scores, axis=1), rtol=1e-6)
    np.testing.assert_allclose(np.exp(clf.predict_log_proba(X)), clf.predict_proba(X), rtol=1e-6)


def test_the_loss_of_two_classes_is_the_cross_entropy_of_both_outputs(pictures):
    X, y = pictures

    clf = CNNClassifier(alpha=0, **SMALL).fit(X, y, X_val=X, y_val=y)

    expected = -np.log(clf.predict_proba(X)[np.arange(40), y]).mean()
    assert clf.history_[-1]["valid_loss"] == pytest.approx(expected, rel=1e-5)


def test_several_labels_have_an_output_each(pictures):
    X, y = pictures
    Y = np.column_stack([y, 1 - y, X[:, 0, 0] > 100]).astype(int)

    clf = CNNClassifier(channels=(8,), learning_rate_init=0.02, max_iter=30, random_state=0).fit(X, Y)

    assert clf.n_outputs_ == 3
    assert clf.out_activation_ == "logistic"
    np.testing.assert_array_equal(clf.predict(X), clf.decision_function(X) > 0)
    assert (clf.predict(X)[:, :2] == Y[:, :2]).all()


def test_string_labels_are_learnt_as_their_numbers_are(pictures):
    X, y = pictures
    names = np.array(["left", "right"])

    clf = CNNClassifier(**SMALL).fit(X, names[y])

    assert_same_bits(clf, CNNClassifier(**SMALL).fit(X, y))
    assert set(clf.predict(X)) <= {"left", "right"}


@pytest.mark.parametrize("class_weight", [{0: 5.0}, {0: 0.5, 1: 3.0}, "balanced"])
def test_class_weights_are_weights_of_rows(class_weight, rng):
    X, _ = make_pictures(rng)
    y = (np.arange(40) % 5 == 0).astype(int)

    by_class = CNNClassifier(class_weight=class_weight, **SMALL).fit(X, y)

    by_row = CNNClassifier(**SMALL).fit(X, y, sample_weight=compute_sample_weight(class_weight, y))
    for a, b in zip(weights_of(by_class), weights_of(by_row), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("Network", [CNNClassifier, CNNRegressor])
@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_a_weight_of_two_is_a_repeated_picture(normalization, Network, rng):
    X, y = make_pictures(rng, n=20)
    X = X.astype(float)
    counts = rng.integers(1, 4, 20)
    parameters = {"normalization": normalization, "max_iter": 5, "random_state": 0}

    # By default a batch is of 64 rows: of all there are.
    weighted = Network(**parameters).fit(X, y, sample_weight=counts)
    repeated = Network(**parameters).fit(X.repeat(counts, axis=0), y.repeat(counts))

    for a, b in zip(weights_of(weighted)[:2], weights_of(repeated)[:2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)  # each channel's mean and spread
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7)


def test_a_picture_without_weight_is_as_if_it_were_not_there(pictures):
    X, y = pictures
    is_there = np.arange(40) % 3 > 0

    weighted = CNNClassifier(**SMALL).fit(X.astype(float), y, sample_weight=is_there.astype(float))

    without = CNNClassifier(**SMALL).fit(X[is_there].astype(float), y[is_there])
    np.testing.assert_allclose(
        weighted.predict_proba(X.astype(float)), without.predict_proba(X.astype(float)), rtol=1e-7
    )


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "absolute_error", "huber", "quantile"])
def test_every_loss_reads_numbers_off_pictures(loss, rng):
    X, _ = make_pictures(rng, n=60)
    bright = X[:, :, 4:].mean(axis=(1, 2)) / 50

    reg = CNNRegressor(
        loss=loss, channels=(4,), batch_size=20, max_iter=30, learning_rate_init=0.01, random_state=0
    ).fit(X, bright)

    assert reg.score(X, bright) > 0.6
    assert reg.out_activation_ == ("exp" if loss == "poisson" else "identity")


def test_several_numbers_are_read_off_at_once(rng):
    X, _ = make_pictures(rng, n=60)
    Y = np.column_stack([X[:, :, 4:].mean(axis=(1, 2)), X[:, :, :4].mean(axis=(1, 2))]) / 50

    reg = CNNRegressor(channels=(4,), batch_size=20, max_iter=30, learning_rate_init=0.01, random_state=0).fit(X, Y)

    assert reg.n_outputs_ == 2
    assert reg.predict(X).shape == (60, 2)
    assert reg.score(X, Y) > 0.6


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_label_smoothing_is_its_formula_over_both_classes(smoothing, pictures):
    X, y = pictures
    rate = 1e-30  # the first weights stay

    clf = CNNClassifier(
        channels=(4,), normalization=None, alpha=0, label_smoothing=smoothing, learning_rate_init=rate, max_iter=1
    ).fit(X, y)

    log_probabilities = clf.predict_log_proba(X)
    wanted = np.eye(2)[y] * (1 - smoothing) + smoothing / 2
    assert clf.loss_ == pytest.approx(-(wanted * log_probabilities).sum(axis=1).mean(), rel=1e-5)
