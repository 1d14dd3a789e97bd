"""One seed, one model: whatever ran before it, beside it or in another process; and nobody else's generator moves."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, cross_validate
from sklearn.utils import check_random_state

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)
from tests.contract._cases import (
    FEW_EPOCHS,
    add_noise,
    assert_same_bits,
    draws_from_torch,
    make_rows,
    make_targets,
    name_of,
    weights_of,
)

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

# Everything that draws: initial weights, a validation split, the order of the rows, dropout.
RANDOM = [
    LinearRegression(solver="sgd", batch_size=8, early_stopping=True, max_iter=6),
    LogisticRegression(solver="adam", batch_size=8, early_stopping=True, max_iter=6),
    Perceptron(early_stopping=True, max_iter=6),
    MLPClassifier((16, 8), batch_size=8, dropout=0.3, early_stopping=True, max_iter=6),
    MLPClassifier((16,), solver="sgd", normalization="batch", dropout=[0.5], batch_size=8, max_iter=6),
    MLPRegressor(hidden_layer_sizes=(16, 8), batch_size=8, dropout=0.3, early_stopping=True, max_iter=6),
    MLPClassifier((16,), solver="lbfgs", dropout=0.2, max_iter=6),
    CNNClassifier(
        channels=(4,), hidden_layer_sizes=(8,), dropout=[0.3, 0.3], batch_size=8, early_stopping=True, max_iter=4
    ),
    CNNRegressor(draws_from_torch, augmentation=add_noise, batch_size=16, max_iter=4),
]


@pytest.fixture(params=RANDOM, ids=name_of)
def drawing(request):
    return clone(request.param)


def fit_with_seed(estimator, X, y, seed):
    return clone(estimator).set_params(random_state=seed).fit(X, y)


def generator_states():
    numpy_state = check_random_state(None).get_state()
    return numpy_state[1].tobytes(), numpy_state[2:], torch.random.get_rng_state().numpy().tobytes(), random.getstate()


def test_the_same_seed_gives_the_same_bits(drawing, X):
    y = make_targets(drawing, X)

    first, second = (fit_with_seed(drawing, X, y, 3) for _ in range(2))

    assert_same_bits(first, second)
    assert first.loss_curve_ == second.loss_curve_


def test_another_seed_gives_another_model(drawing, X):
    y = make_targets(drawing, X)

    first, second = (fit_with_seed(drawing, X, y, seed) for seed in (3, 4))

    assert any((a != b).any() for a, b in zip(weights_of(first), weights_of(second), strict=True))


def test_seed_zero_is_a_seed(X):
    clf = MLPClassifier((4,), max_iter=2)
    y = make_targets(clf, X)

    assert_same_bits(fit_with_seed(clf, X, y, 0), fit_with_seed(clf, X, y, 0))


def test_a_numpy_integer_is_the_same_seed_as_an_int(drawing, X):
    y = make_targets(drawing, X)

    assert_same_bits(fit_with_seed(drawing, X, y, 7), fit_with_seed(drawing, X, y, np.int64(7)))


def test_what_ran_before_does_not_change_a_model(drawing, X):
    y = make_targets(drawing, X)
    alone = fit_with_seed(drawing, X, y, 0)

    torch.rand(17)
    check_random_state(None).uniform(size=17)
    fit_with_seed(drawing, X, y, 1)
    fit_with_seed(drawing, X, y, None)
    later = fit_with_seed(drawing, X, y, 0)

    assert_same_bits(alone, later)


def test_the_same_object_fitted_twice_gives_the_same_bits(drawing, X):
    y = make_targets(drawing, X)
    drawing.set_params(random_state=0).fit(X, y)
    first = weights_of(drawing)

    drawing.fit(X, y)

    for a, b in zip(first, weights_of(drawing), strict=True):
        np.testing.assert_array_equal(a, b)


def test_fits_in_threads_at_once_give_the_bits_of_fits_one_by_one(drawing, X):
    y = make_targets(drawing, X)
    seeds = [0, 1, 0, 2]
    one_by_one = [fit_with_seed(drawing, X, y, seed) for seed in seeds]
    start = threading.Barrier(len(seeds))

    def fit(seed):
        start.wait()
        return fit_with_seed(drawing, X, y, seed)

    with ThreadPoolExecutor(len(seeds)) as pool:
        at_once = list(pool.map(fit, seeds))

    for a, b in zip(one_by_one, at_once, strict=True):
        assert_same_bits(a, b)


def test_joblib_threads_give_the_bits_of_fits_one_by_one(drawing, X):
    y = make_targets(drawing, X)

    fitted = Parallel(n_jobs=2, backend="threading")(delayed(fit_with_seed)(drawing, X, y, seed) for seed in (0, 1))

    for seed, estimator in enumerate(fitted):
        assert_same_bits(estimator, fit_with_seed(drawing, X, y, seed))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_cross_validation_gives_the_same_bits_in_one_job_and_in_two(backend, drawing, X):
    y = make_targets(drawing, X)
    drawing.set_params(random_state=0)
    folds = KFold(3, shuffle=True, random_state=0)
    one = cross_validate(drawing, X, y, cv=folds, n_jobs=1, return_estimator=True)

    with parallel_config(backend):
        two = cross_validate(drawing, X, y, cv=folds, n_jobs=2, return_estimator=True)

    np.testing.assert_array_equal(one["test_score"], two["test_score"])
    for a, b in zip(one["estimator"], two["estimator"], strict=True):
        assert_same_bits(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_of_torch_threads_does_not_change_a_small_model(dtype, rng):
    X = make_rows(rng, n=300, n_features=30).astype(dtype)
    clf = MLPClassifier((100,), max_iter=3, dropout=0.1, random_state=0)
    y = make_targets(clf, X)
    n_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = clone(clf).fit(X, y)
        torch.set_num_threads(2)
        two = clone(clf).fit(X, y)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(n_threads)

    assert_same_bits(one, two)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_number_of_torch_threads_does_not_change_a_large_model(solver, dtype, rng):
    # 6 * (784 * 256) * 512 operations a step: past the bound below which a fit takes one thread for itself.
    X = make_rows(rng, n=1024, n_features=784).astype(dtype)
    clf = MLPClassifier((256,), solver=solver, batch_size=512, max_iter=3, dropout=0.1, random_state=0)
    y = make_targets(clf, X, n_classes=3)
    n_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = clone(clf).fit(X, y)
        torch.set_num_threads(2)
        two = clone(clf).fit(X, y)
    finally:
        torch.set_num_threads(n_threads)

    assert_same_bits(one, two)


def test_fitting_and_predicting_with_a_seed_moves_no_global_generator(drawing, X):
    y = make_targets(drawing, X)
    drawing.set_params(random_state=0)
    before = generator_states()

    drawing.fit(X, y).predict(X)

    assert generator_states() == before


def test_partial_fit_with_a_seed_moves_no_global_generator(stepwise, X):
    y = make_targets(stepwise, X)
    classes = {"classes": [0, 1]} if is_classifier(stepwise) else {}
    before = generator_states()

    stepwise.partial_fit(X, y, **classes)
    stepwise.partial_fit(X, y)

    assert generator_states() == before


def test_no_seed_draws_exactly_one_number_from_numpys_global_generator(drawing, X):
    y = make_targets(drawing, X)
    generator = check_random_state(None)
    twin = np.random.RandomState()
    twin.set_state(generator.get_state())
    before = generator_states()

    drawing.set_params(random_state=None).fit(X, y)

    twin.randint(np.iinfo(np.int32).max)
    assert twin.get_state()[2:] == generator.get_state()[2:]
    np.testing.assert_array_equal(twin.get_state()[1], generator.get_state()[1])
    assert generator_states()[2:] == before[2:], "torch's or Python's generator moved"


def test_no_seed_gives_another_model_every_time(X):
    clf = MLPClassifier((4,), max_iter=2)
    y = make_targets(clf, X)

    first, second = clone(clf).fit(X, y), clone(clf).fit(X, y)

    assert (first.coefs_[0] != second.coefs_[0]).any()


def test_no_seed_repeats_under_the_same_state_of_numpys_global_generator(drawing, X):
    y = make_targets(drawing, X)
    generator = check_random_state(None)
    state = generator.get_state()

    first = fit_with_seed(drawing, X, y, None)
    generator.set_state(state)
    second = fit_with_seed(drawing, X, y, None)

    assert_same_bits(first, second)


def test_a_random_state_instance_advances_from_fit_to_fit(drawing, X):
    y = make_targets(drawing, X)
    before = generator_states()
    generator = np.random.RandomState(0)
    drawing.set_params(random_state=generator)

    first = weights_of(drawing.fit(X, y))
    second = weights_of(drawing.fit(X, y))

    assert any((a != b).any() for a, b in zip(first, second, strict=True))
    assert generator.get_state()[2] != np.random.RandomState(0).get_state()[2]
    assert generator_states() == before


def test_equal_random_state_instances_give_the_same_bits(drawing, X):
    y = make_targets(drawing, X)

    first, second = (clone(drawing).set_params(random_state=np.random.RandomState(5)).fit(X, y) for _ in range(2))

    assert_same_bits(first, second)


def test_a_clone_with_a_seed_gives_the_same_bits_as_its_original(drawing, X):
    y = make_targets(drawing, X)
    drawing.set_params(random_state=0)

    assert_same_bits(clone(drawing).fit(X, y), drawing.fit(X, y))


def test_dropout_draws_anew_in_every_epoch(X):
    # One batch, no gain from repeating a mask: if every epoch dropped the same units, the loss without learning
    # would repeat.
    clf = MLPClassifier((16,), dropout=0.5, learning_rate_init=1e-30, max_iter=4, n_iter_no_change=10, random_state=0)

    clf.fit(X, make_targets(clf, X))

    assert len(set(clf.loss_curve_)) == clf.n_iter_


def test_printing_and_watching_do_not_change_a_model(drawing, X, capsys):
    y = make_targets(drawing, X)
    quiet = fit_with_seed(drawing, X, y, 0)

    loud = fit_with_seed(clone(drawing).set_params(verbose=True), X, y, 0)

    assert_same_bits(quiet, loud)
    assert "loss" in capsys.readouterr().out


def test_validation_rows_do_not_change_a_model_that_does_not_stop_by_them(rng):
    reg = MLPRegressor(hidden_layer_sizes=(8,), dropout=0.3, batch_size=16, max_iter=5, random_state=0)
    X = make_rows(rng)
    y = make_targets(reg, X)

    assert_same_bits(clone(reg).fit(X, y), clone(reg).fit(X, y, X_val=X[:7], y_val=y[:7]))
