"""Small convolutional networks share stacks and end as they do outside; others are trained alone."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV, cross_validate

from sknets import CNNClassifier, CNNRegressor
from sknets.batching import batched_fits
from tests.batching._comparison import Outcome, assert_same

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

VARIANTS = {
    "default": {},
    "bytes": {},
    "layer normalization": {"normalization": "layer", "pool": "avg"},
    "group normalization": {"normalization": "group", "pool": "lp", "channels": (32,)},
    "no normalization": {"normalization": None, "activation": "tanh", "stride": 2, "pool": None},
    "dropout": {"dropout": (0.2, 0.3, 0.4)},
    "residual": {"channels": (3, 3), "residual": True, "kernel_size": (3, 2)},
    "penalties": {"alpha": 0.1, "l1": 0.05, "solver": "sgd", "learning_rate_init": 0.01},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 1, "max_iter": 8},
    "class weights": {"class_weight": "balanced"},
    "one batch": {"batch_size": "auto"},
    "perceptron": {"channels": ()},
}


@pytest.fixture
def pictures(rng):
    y = np.arange(62) % 3
    X = rng.normal(size=(62, 7, 6)) + np.eye(3)[y].repeat(2, axis=1)[:, None]
    return 60 * X, y


def make(Network=CNNClassifier, **parameters):
    defaults = {"channels": (3, 4), "hidden_layer_sizes": (5,), "batch_size": 16, "max_iter": 3, "random_state": 0}
    return Network(**(defaults | parameters))


def validate(network, X, y):
    results = cross_validate(network, X, y, cv=4, return_train_score=True, return_estimator=True)
    networks = results.pop("estimator")
    return Outcome({name: scores for name, scores in results.items() if "time" not in name}, networks)


@pytest.mark.parametrize("name", VARIANTS)
def test_folds_share_a_stack_and_end_as_outside(name, pictures):
    X, y = pictures
    # Bytes in double precision: what is compared to 1e-6 is the way, not the rounding.
    X, own = (X.clip(0, 255).astype(np.uint8), {"precision": "float64"}) if name == "bytes" else (X, {})
    network = make(**VARIANTS[name], **own)
    outside = validate(network, X, y)

    with batched_fits() as report:
        inside = validate(network, X, y)

    assert_same(inside, outside)
    assert report.stack_sizes == [4]


def test_colours_of_a_regressor_share_a_stack(rng):
    X, y = rng.normal(size=(50, 6, 6, 3)), rng.normal(size=(50, 2))
    network = make(CNNRegressor)
    outside = validate(network, X, y)

    with batched_fits() as report:
        inside = validate(network, X, y)

    assert_same(inside, outside)
    assert report.stack_sizes == [4]


def test_candidates_of_a_search_share_a_stack(pictures):
    X, y = pictures
    grid = {"alpha": [0.0, 0.1], "learning_rate_init": [1e-3, 1e-2]}

    def search():
        search = GridSearchCV(make(), grid, cv=3).fit(X, y)
        return Outcome({"scores": search.cv_results_["mean_test_score"]}, [search.best_estimator_], search.predict(X))

    outside = search()
    with batched_fits() as report:
        inside = search()

    assert_same(inside, outside)
    assert report.stack_sizes == [12]


def test_training_goes_on_after_a_stack_as_after_training_alone(pictures):
    X, y = pictures
    outside = validate(make(), X, y)
    with batched_fits():
        inside = validate(make(), X, y)

    for network in (*inside.networks, *outside.networks):
        network.partial_fit(X, y)

    assert_same(inside, outside)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_a_part_of_one_network_ends_as_outside(pictures, monkeypatch):
    outside = validate(make(dropout=0.2), *pictures)
    # So that each of two threads takes single networks.
    monkeypatch.setattr("sknets.training._side_by_side.MIN_THREAD_FLOPS", 1.0)
    monkeypatch.setattr("sknets.training._stack.MAX_STACK_SIZE", 2)

    with batched_fits() as report:
        inside = validate(make(dropout=0.2), *pictures)

    assert_same(inside, outside)
    assert report.stack_sizes == [2, 2]
    for network in inside.networks:
        assert all(parameter.grad is None for parameter in network.module_.parameters())


def test_a_network_that_diverges_ends_as_outside(pictures):
    X, y = pictures

    def fit_all():
        search = GridSearchCV(make(solver="sgd"), {"learning_rate_init": [1e-3, 1e160]}, cv=2, error_score=-1.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search.fit(X, y)
        return Outcome({"scores": search.cv_results_["mean_test_score"]}, [search.best_estimator_])

    outside = fit_all()
    with batched_fits() as report:
        inside = fit_all()

    assert_same(inside, outside)
    assert report.stack_sizes == [4]


def test_images_of_other_types_are_no_fellows(pictures):
    X, y = pictures
    networks = {np.uint8: X.clip(0, 255).astype(np.uint8), np.float32: X.astype(np.float32)}

    with batched_fits() as report:
        for inputs in networks.values():
            cross_validate(make(), inputs, y, cv=2)

    assert report.stack_sizes == [2, 2]


def shift(images):
    return images.roll(1, 3)


class Softsigned(torch.nn.Softsign):
    """Of a type that the program cannot know."""


def build(image_shape, n_outputs):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(42, n_outputs))


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"augmentation": shift}, "augmentation changes its images"),
        ({"activation": Softsigned}, "its module is not known to the dense program"),
        ({"precision": "bfloat16"}, "bfloat16"),
        ({"channels": (64, 64)}, "its steps are too large for a stack to gain anything"),
    ],
    ids=["augmentation", "activation", "bfloat16", "large"],
)
def test_some_networks_are_trained_alone(parameters, reason, pictures):
    with batched_fits() as report:
        cross_validate(make(**({"max_iter": 1} | parameters)), *pictures, cv=2, error_score="raise")

    assert not report.stack_sizes
    assert report.reasons == {reason: 2}


def test_a_large_batch_makes_a_network_large(pictures):
    X, y = np.tile(pictures[0], (5, 4, 4)), np.tile(pictures[1], 5)

    with batched_fits() as report:
        cross_validate(make(channels=(16,), batch_size=150, max_iter=1), X, y, cv=2)

    assert list(report.reasons) == ["its steps are too large for a stack to gain anything"]


@pytest.mark.parametrize("architecture", ["lenet5", build], ids=["lenet5", "own"])
def test_other_architectures_are_trained_alone(architecture, rng):
    side = (7, 6) if callable(architecture) else (28, 28)
    network = CNNClassifier(architecture, max_iter=1, random_state=0)

    with batched_fits() as report:
        cross_validate(network, rng.normal(size=(8, *side)), np.arange(8) % 2, cv=2, error_score="raise")

    assert list(report.reasons) == ["of the convolutional networks only those of architecture='simple' are stacked"]
