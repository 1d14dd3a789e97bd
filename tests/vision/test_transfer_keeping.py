import copy
import io
import json
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback

from sknets import TransferClassifier
from tests.vision._pretrained import BACKBONE, bits, is_same, make_model, make_pictures

#: Every source of random numbers at once.
RANDOM_PARTS = {"hidden_layer_sizes": (6,), "dropout": 0.3, "augmentation": "light"}


class NoCallback(Callback):
    """Does nothing; an estimator with a callback trains a copy of its net."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mine.pth"
    torch.save(make_model().state_dict(), path)
    return str(path)


@pytest.fixture
def data(rng):
    return make_pictures(rng)


def make(name=BACKBONE, **parameters):
    defaults = {"weights": None, "freeze": False, "batch_size": 4, "max_iter": 2, "random_state": 0}
    return TransferClassifier(name, **{**defaults, **parameters})


def through_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


COPIERS = {
    "pickle": lambda clf: pickle.loads(pickle.dumps(clf)),
    "joblib": through_joblib,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize("name", [BACKBONE, "mobilenet_v3_small"])
def test_the_same_seed_gives_the_same_bits(name, data):
    first, second = (make(name, **RANDOM_PARTS).fit(*data) for _ in range(2))

    other = make(name, **RANDOM_PARTS, random_state=1).fit(*data) if name == BACKBONE else None

    assert is_same(bits(first.module_), bits(second.module_))
    assert first.loss_curve_ == second.loss_curve_
    assert other is None or not is_same(bits(first.module_), bits(other.module_))


@pytest.mark.parametrize("parameters", [{"freeze": False}, {"freeze": True, "unfreeze_after": 1}], ids=str)
def test_other_draws_do_not_change_a_fit(parameters, data):
    first = make(**RANDOM_PARTS, **parameters).fit(*data)
    torch.rand(7)

    assert is_same(bits(first.module_), bits(make(**RANDOM_PARTS, **parameters).fit(*data).module_))


@pytest.mark.parametrize(
    "parameters",
    [{"freeze": False}, {"freeze": True, "unfreeze_after": 1}, {"early_stopping": True, "validation_fraction": 0.3}],
    ids=str,
)
def test_a_fit_moves_nobody_elses_generators(parameters, data):
    X, y = data
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - the one that must not move

    make("mobilenet_v3_small", **RANDOM_PARTS, **parameters).fit(X, y).predict(X)

    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpys)  # noqa: NPY002


@pytest.mark.parametrize(
    ("copier", "parameters"),
    [
        *((copier, {}) for copier in COPIERS),
        *((copier, {"freeze": True, "unfreeze_after": 1}) for copier in ("pickle", "deepcopy")),
        *(pytest.param(copier, RANDOM_PARTS, marks=pytest.mark.slow) for copier in COPIERS),
    ],
    ids=str,
)
def test_a_copy_predicts_the_same(copier, parameters, data):
    X, y = data
    clf = make(**parameters).fit(X, y)

    twin = COPIERS[copier](clf)

    np.testing.assert_array_equal(twin.predict_proba(X), clf.predict_proba(X))
    assert twin.history_ == clf.history_
    assert repr(twin) == repr(clf)


@pytest.mark.parametrize("copier", ["pickle", "deepcopy"])
def test_a_copy_of_a_pretrained_network_predicts_the_same(copier, weights, data):
    X, y = data
    clf = make(weights=weights, freeze=True).fit(X, y)

    np.testing.assert_array_equal(COPIERS[copier](clf).predict_proba(X), clf.predict_proba(X))


def test_a_copy_needs_the_file_of_its_weights_no_more(data, tmp_path):
    X, y = data
    path = tmp_path / "mine.pth"
    torch.save(make_model().state_dict(), path)
    clf = make(weights=path, freeze=True).fit(X, y)
    content = pickle.dumps(clf)
    path.unlink()

    np.testing.assert_array_equal(pickle.loads(content).predict_proba(X), clf.predict_proba(X))


@pytest.mark.slow
@pytest.mark.parametrize("copier", ["pickle", "deepcopy"])
@pytest.mark.parametrize("parameters", [RANDOM_PARTS, {"freeze": True, "unfreeze_after": 1}], ids=str)
def test_a_copy_goes_on_as_the_original_does(parameters, copier, data):
    X, y = data
    clf = make(**parameters).partial_fit(X, y, classes=[0, 1])

    twin = COPIERS[copier](clf)

    for _ in range(2):
        assert is_same(bits(twin.partial_fit(X, y).module_), bits(clf.partial_fit(X, y).module_))


def test_a_callback_changes_nothing_about_going_on(data):
    X, y = data
    plain, listened_to = make(), make(callbacks=[NoCallback()])

    for clf in (plain, listened_to):
        for _ in range(2):
            clf.partial_fit(X, y, classes=[0, 1])

    assert is_same(bits(plain.module_), bits(listened_to.module_))


def test_a_clone_is_unfitted_and_learns_the_same(data):
    clf = make(**RANDOM_PARTS, backbone_learning_rate=1e-4, image_size=40).fit(*data)

    twin = clone(clf)

    assert not hasattr(twin, "net_")
    assert twin.get_params() == clf.get_params()
    assert is_same(bits(twin.fit(*data).module_), bits(clf.module_))


def test_a_file_of_weights_stays_the_same(weights, data, tmp_path):
    with open(weights, "rb") as file:
        before = file.read()

    make(weights=weights, unfreeze_after=1, freeze=True).fit(*data)

    with open(weights, "rb") as file:
        assert file.read() == before


def test_a_pickle_carries_the_weights_once_beside_the_optimizers_numbers(data):
    clf = make(solver="sgd", momentum=0.0).fit(*data)

    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in bits(clf.module_))

    assert len(pickle.dumps(clf)) < 1.3 * n_bytes


@pytest.mark.slow
@pytest.mark.parametrize("augmentation", [None, "light"])
def test_a_pickle_is_read_in_a_process_of_its_own(augmentation, weights, data, tmp_path):
    X, y = data
    clf = make(weights=weights, freeze=True, augmentation=augmentation).fit(X, y)
    (tmp_path / "clf.pkl").write_bytes(pickle.dumps(clf))
    np.save(tmp_path / "X.npy", X)
    program = """
import json, pickle, sys, numpy, torch
torch.set_num_threads(1)
with open(sys.argv[1] + "/clf.pkl", "rb") as file:
    clf = pickle.load(file)
print(json.dumps(clf.predict_proba(numpy.load(sys.argv[1] + "/X.npy")).tolist()))
"""

    finished = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )

    np.testing.assert_allclose(json.loads(finished.stdout), clf.predict_proba(X), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_search_in_a_pipeline(n_jobs, weights, data):
    X, y = data
    clf = make(weights=weights, freeze=True, max_iter=4)
    grid = {
        "transferclassifier__dropout": [0.0, 0.5],
        "transferclassifier__hidden_layer_sizes": [(4,), (4, 3)],
        "transferclassifier__learning_rate_init": [1e-3, 1e-2],
    }
    pipeline = make_pipeline(FunctionTransformer(np.copy), clf)

    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(X, y)

    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.cv_results_["params"]) == 8
    assert search.predict(X).shape == y.shape


def test_a_pipeline_is_cross_validated(data):
    pipeline = make_pipeline(FunctionTransformer(np.copy), make(max_iter=1))

    scores = cross_val_score(pipeline, *data, cv=2, error_score="raise")

    assert scores.shape == (2,)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_failed_fit_leaves_the_last_one(data):
    X, y = data
    clf = make().fit(X, y)
    expected = clf.predict_proba(X)

    with pytest.raises(ValueError, match="Did you mean"):
        clf.set_params(backbone="resnet17").fit(X, y)

    np.testing.assert_array_equal(clf.predict_proba(X), expected)


def test_the_text_shows_what_differs_from_the_defaults():
    assert repr(TransferClassifier("resnet50", unfreeze_after=5)) == (
        "TransferClassifier(backbone='resnet50', unfreeze_after=5)"
    )
