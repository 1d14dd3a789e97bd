"""How convolutional networks are trained by default, watched, searched, kept and computed in less precision."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sknets import CNNClassifier, CNNRegressor
from tests.vision._pictures import SMALL, assert_same_bits, make_pictures, weights_of


@pytest.fixture
def pictures(rng):
    return make_pictures(rng)


def invert(X):
    return 255 - X


@pytest.mark.parametrize("Network", [CNNClassifier, CNNRegressor])
def test_by_default_the_rate_runs_down_a_cosine_without_a_warning(Network, pictures):
    X, y = pictures

    network = Network(**{**SMALL, "max_iter": 4}).fit(X, y)

    rates = [row["learning_rate"] for row in network.history_]
    np.testing.assert_allclose(rates, [3e-3 * (1 + np.cos(np.pi * epoch / 4)) / 2 for epoch in range(4)])
    assert network.n_iter_ == 4


def test_a_constant_rate_that_was_cut_off_is_warned_of(pictures):
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\) reached"):
        CNNClassifier(learning_rate="constant", **SMALL).fit(*pictures)


def test_partial_fit_keeps_the_rate_constant(pictures):
    X, y = pictures
    default = CNNClassifier(**SMALL)
    constant = CNNClassifier(learning_rate="constant", **SMALL)

    for _ in range(5):
        default.partial_fit(X, y, classes=[0, 1])
        constant.partial_fit(X, y, classes=[0, 1])

    assert [row["learning_rate"] for row in default.history_] == [3e-3] * 5
    assert_same_bits(default, constant)


def test_by_default_a_batch_is_of_64_rows(rng):
    X, y = make_pictures(rng, n=130)

    default = CNNClassifier(channels=(4,), max_iter=2, random_state=0).fit(X, y)

    assert_same_bits(default, CNNClassifier(channels=(4,), batch_size=64, max_iter=2, random_state=0).fit(X, y))


def test_digits_are_read():
    digits = load_digits()
    X, y = digits.images.astype(np.uint8), digits.target

    clf = CNNClassifier(channels=(8,), hidden_layer_sizes=(), learning_rate_init=0.01, max_iter=6, random_state=0)

    assert clf.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:]) > 0.9


@pytest.mark.parametrize("Network", [CNNClassifier, CNNRegressor])
@pytest.mark.parametrize("parameters", [{}, {"augmentation": "light"}, {"architecture": "workshop"}], ids=str)
def test_bfloat16_trains_and_predicts_in_single_precision(parameters, Network, rng):
    X, y = make_pictures(rng, shape=(16, 16))
    own = {"channels": (4,)} if "architecture" not in parameters else {}
    settings = {**own, **parameters, "batch_size": 16, "max_iter": 3, "random_state": 0}

    lower = Network(precision="bfloat16", **settings).fit(X, y)

    outputs = lower.decision_function(X) if Network is CNNClassifier else lower.predict(X)
    assert outputs.dtype == np.float32
    assert {parameter.dtype for parameter in lower.module_.parameters()} == {torch.float32}
    assert np.isfinite(lower.loss_curve_).all()
    single = Network(precision="float32", **settings).fit(X, y)
    # Eight bits of a number: a fraction of a per cent in each of its steps. After some epochs networks of so few rows
    # have gone their own ways.
    assert lower.loss_curve_[0] == pytest.approx(single.loss_curve_[0], rel=0.05)
    assert lower.loss_curve_ != single.loss_curve_


@pytest.fixture
def search(rng):
    """A grid of channels and dropout in a pipeline, and pictures with four axes."""
    X, y = make_pictures(rng, n=48)
    pipeline = make_pipeline(FunctionTransformer(invert), CNNClassifier(**SMALL))
    grid = {"cnnclassifier__channels": [(4,), (4, 6)], "cnnclassifier__dropout": [0.0, 0.3]}
    return GridSearchCV(pipeline, grid, cv=2, error_score="raise"), np.stack([X, X, 255 - X], axis=-1), y


def test_channels_and_dropout_are_searched_in_a_pipeline_on_four_axes(search):
    search, X, y = search

    search.fit(X, y)

    by_hand = clone(search.estimator).set_params(**search.best_params_).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(search.predict_proba(X), by_hand.predict_proba(X))


@pytest.mark.slow
def test_a_search_in_two_jobs_finds_what_a_search_in_one_does(search):
    search, X, y = search

    one, two = (clone(search).set_params(n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2))

    np.testing.assert_array_equal(two.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(two.predict_proba(X), one.predict_proba(X))


@pytest.mark.parametrize("Network", [CNNClassifier, CNNRegressor])
def test_pictures_are_cross_validated(Network, pictures):
    X, y = pictures
    network = Network(channels=(4,), normalization="layer", max_iter=30, learning_rate_init=0.003, random_state=0)

    scores = cross_val_score(network, X[:, None], y, cv=2, error_score="raise")

    flat = cross_val_score(network, X.reshape(40, -1), y, cv=2)
    np.testing.assert_array_equal(scores, flat)
    assert scores.mean() > 0.5


@pytest.mark.parametrize("is_incremental", [False, True])
def test_learning_curves_take_pictures(is_incremental, pictures):
    sizes, train, test = learning_curve(
        CNNClassifier(**{**SMALL, "batch_size": "auto"}),
        *pictures,
        cv=2,
        train_sizes=[0.5, 1.0],
        exploit_incremental_learning=is_incremental,
        error_score="raise",
    )

    assert sizes.tolist() == [10, 20]
    assert train.shape == test.shape == (2, 2)
    assert np.isfinite(test).all()


def test_scoring_monitor_scores_pictures_after_every_epoch(pictures):
    X, y = pictures
    monitor = ScoringMonitor(scoring="accuracy")
    clf = CNNClassifier(**{**SMALL, "learning_rate": "step"})

    watched = clone(clf).set_callbacks(monitor).fit(X[..., None], y)

    table = monitor.get_logs().data_as_pandas
    scores = table.loc[table["task_name"] == "epoch", "accuracy"].dropna()
    assert len(scores) == 3
    assert scores.iloc[-1] == watched.score(X, y)
    assert_same_bits(watched, clf.fit(X, y))


def through_joblib(estimator, folder):
    joblib.dump(estimator, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


COPIERS = {
    "pickle": lambda e, folder: pickle.loads(pickle.dumps(e)),
    "joblib": through_joblib,
    "deepcopy": lambda e, folder: copy.deepcopy(e),
    "copy": lambda e, folder: copy.copy(e),
}


@pytest.mark.parametrize("copier", COPIERS)
@pytest.mark.parametrize("augmentation", [None, "light", invert], ids=["none", "light", "own"])
def test_copies_predict_in_every_layout(augmentation, copier, pictures, tmp_path):
    X, y = pictures
    clf = CNNClassifier(augmentation=augmentation, **SMALL).fit(X, y)

    copied = COPIERS[copier](clf, tmp_path)

    np.testing.assert_array_equal(copied.predict_proba(X[:, None]), clf.predict_proba(X))
    assert copied.image_shape_ == (1, 8, 8)
    assert copied.get_params() == clf.get_params()


def test_a_pickle_holds_no_pictures(rng):
    X, y = make_pictures(rng, n=400, shape=(16, 16))

    clf = CNNClassifier(channels=(2,), hidden_layer_sizes=(), max_iter=1, random_state=0).fit(X, y)

    assert len(pickle.dumps(clf)) < X.nbytes / 3


def test_skorch_and_scikit_learn_see_the_same_network(pictures):
    X, y = pictures

    clf = CNNClassifier(**SMALL).fit(X, y)

    assert clf.module_ is clf.net_.module_
    assert not clf.module_.training
    assert clf.device_ == torch.device("cpu")
    assert clf.t_ == 120
    assert len(weights_of(clf)) == len(clf.module_.state_dict())
    assert clf.__sklearn_tags__().input_tags.three_d_array


def test_fashion_pictures_one_pixel_high_are_a_series(rng):
    X = rng.normal(size=(40, 50))
    y = (X[:, 20:30].sum(axis=1) > 0).astype(int)

    clf = CNNClassifier(channels=(4,), max_iter=20, learning_rate_init=0.02, random_state=0).fit(X, y)

    assert clf.image_shape_ == (1, 1, 50)
    assert clf.score(X, y) > 0.9
