import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from sklearn.neural_network import MLPRegressor as SklearnMLPRegressor

from sknets import MLPClassifier, MLPRegressor
from sknets.nn import INITIALISERS, MLP, initialise


def dense_layers(mlp):
    return [layer for layer in mlp.modules() if isinstance(layer, torch.nn.Linear)]


def double(*args, **kwargs):
    return MLP(*args, **kwargs).double()


def scikit_learns_start(estimator, X, y):
    """The weights before the first step, by steps too short to be seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.set_params(solver="sgd", learning_rate_init=1e-300, max_iter=1).fit(X, y)


@pytest.fixture
def X(rng):
    return rng.normal(size=(12, 3))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 2, 4)])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_classifier_starts_where_scikit_learns_starts(X, activation, hidden, n_classes):
    y = np.arange(12) % n_classes
    parameters = {"hidden_layer_sizes": hidden, "activation": activation, "random_state": 3}

    clf = MLPClassifier(**parameters).initialize(X, y)

    reference = scikit_learns_start(SklearnMLPClassifier(**parameters), X, y)
    for ours, theirs in zip(clf.coefs_ + clf.intercepts_, reference.coefs_ + reference.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_regressor_starts_where_scikit_learns_starts(X, rng):
    Y = rng.normal(size=(12, 2))

    reg = MLPRegressor(hidden_layer_sizes=(4,), random_state=np.random.RandomState(8)).initialize(X, Y)

    # A generator gives a fit one seed, so that the fit's own numbers do not depend on who else draws.
    seed = np.random.RandomState(8).randint(np.iinfo(np.int32).max)
    reference = scikit_learns_start(SklearnMLPRegressor(hidden_layer_sizes=(4,), random_state=seed), X, Y)
    for ours, theirs in zip(reg.coefs_ + reg.intercepts_, reference.coefs_ + reference.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_single_precision_starts_at_the_cast_of_double_precisions_start(X):
    y = np.arange(12) % 2

    wide = MLPClassifier((5,), random_state=0, precision="float64").initialize(X, y)
    narrow = MLPClassifier((5,), random_state=0, precision="float32").initialize(X, y)

    assert narrow.coefs_[0].dtype == np.float32
    for ours, theirs in zip(narrow.coefs_ + narrow.intercepts_, wide.coefs_ + wide.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(np.float32))


@pytest.mark.parametrize(("name", "factor"), [("glorot", 6.0), ("glorot_logistic", 2.0)])
def test_glorot_weights_fill_their_interval(name, factor):
    (layer,) = dense_layers(initialise(double(300, (), 200), name, np.random.RandomState(0)))

    bound = np.sqrt(factor / 500)
    assert bound * 0.999 < float(layer.weight.abs().max().detach()) <= bound
    assert float(layer.bias.abs().max().detach()) <= bound
    # A uniform distribution's variance is a third of its bound squared.
    assert float(layer.weight.detach().var()) == pytest.approx(bound**2 / 3, rel=0.02)


def test_linear_models_start_at_zero():
    module = initialise(double(3, (), 2), "zeros", np.random.RandomState(0))

    assert all(not parameter.any() for parameter in module.parameters())


@pytest.mark.parametrize("name", sorted(INITIALISERS))
def test_a_layer_without_bias_is_initialised(name):
    module = initialise(double(3, (), 2, bias=False), name, np.random.RandomState(0))

    assert torch.isfinite(dense_layers(module)[0].weight).all()


def test_torchs_own_generator_is_not_moved(X):
    before = torch.get_rng_state()

    MLPClassifier((5,), normalization="batch", dropout=0.5, random_state=0).initialize(X, np.arange(12) % 2)

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("normalization", ["batch", "layer", "group"])
def test_normalization_layers_start_as_torch_starts_them(normalization):
    with torch.device("meta"):
        module = double(3, (8,), 2, normalization=normalization)
    module = initialise(module.to_empty(device="cpu"), "glorot", np.random.RandomState(0))

    layer = module[1]
    assert torch.equal(layer.weight, torch.ones(8, dtype=torch.float64))
    assert torch.equal(layer.bias, torch.zeros(8, dtype=torch.float64))
    if normalization == "batch":
        assert torch.equal(layer.running_mean, torch.zeros(8, dtype=torch.float64))
        assert torch.equal(layer.running_var, torch.ones(8, dtype=torch.float64))
        assert int(layer.num_batches_tracked) == 0


def test_normalization_layers_do_not_change_what_the_dense_layers_draw():
    plain = initialise(double(3, (8,), 2), "glorot", np.random.RandomState(0))
    normalized = initialise(double(3, (8,), 2, normalization="batch"), "glorot", np.random.RandomState(0))

    for one, other in zip(dense_layers(plain), dense_layers(normalized), strict=True):
        assert torch.equal(one.weight, other.weight)


def filters(n_inputs, n_outputs, side, name, seed=0):
    layer = torch.nn.Conv2d(n_inputs, n_outputs, side).double()
    return initialise(torch.nn.Sequential(layer), name, np.random.RandomState(seed))[0]


@pytest.mark.parametrize(("n_inputs", "n_outputs", "side"), [(1, 400, 5), (30, 40, 3), (200, 100, 1)])
def test_hes_filters_keep_the_spread_behind_a_rectifier(n_inputs, n_outputs, side):
    layer = filters(n_inputs, n_outputs, side, "he")

    weights = layer.weight.detach().numpy()
    assert weights.std() == pytest.approx(np.sqrt(2 / (n_inputs * side**2)), rel=0.03)
    assert abs(weights.mean()) < 0.03 * weights.std()
    # Normal numbers, unlike those of an interval, lie beyond two standard deviations once in 22 times.
    assert (np.abs(weights) > 2 * weights.std()).mean() == pytest.approx(0.0455, abs=0.01)
    assert not layer.bias.detach().any()


@pytest.mark.parametrize(("name", "factor"), [("glorot", 6.0), ("glorot_logistic", 2.0)])
@pytest.mark.parametrize(("n_inputs", "n_outputs", "side"), [(1, 300, 5), (30, 40, 3), (100, 100, 1)])
def test_glorots_filters_fill_the_interval_of_what_they_read_and_who_reads_them(
    n_inputs, n_outputs, side, name, factor
):
    layer = filters(n_inputs, n_outputs, side, name)

    weights = layer.weight.detach().numpy()
    bound = np.sqrt(factor / (n_inputs * side**2 + n_outputs * side**2))
    assert bound * 0.99 < np.abs(weights).max() <= bound
    assert weights.var() == pytest.approx(bound**2 / 3, rel=0.03)
    assert np.abs(layer.bias.detach().numpy()).max() <= bound


def test_filters_of_one_pixel_start_as_a_dense_layer_does():
    dense = torch.nn.Sequential(torch.nn.Linear(7, 5).double())

    for name in ("glorot", "glorot_logistic", "zeros"):
        (dense_layer,) = initialise(dense, name, np.random.RandomState(0))
        layer = filters(7, 5, 1, name)
        assert torch.equal(layer.weight.flatten(1), dense_layer.weight)
        assert torch.equal(layer.bias, dense_layer.bias)


def test_hes_dense_layers_keep_the_spread_behind_a_rectifier_too():
    layer = initialise(torch.nn.Sequential(torch.nn.Linear(300, 200).double()), "he", np.random.RandomState(0))[0]

    assert float(layer.weight.detach().std()) == pytest.approx(np.sqrt(2 / 300), rel=0.03)
    assert not layer.bias.detach().any()


@pytest.mark.parametrize("name", sorted(INITIALISERS))
def test_filters_without_bias_are_initialised(name):
    layer = torch.nn.Conv2d(3, 4, 3, bias=False).double()

    initialise(torch.nn.Sequential(layer), name, np.random.RandomState(0))

    assert torch.isfinite(layer.weight).all()


def test_the_spread_of_what_passes_through_rectified_filters_neither_grows_nor_shrinks(rng):
    layers = [part for _ in range(6) for part in (torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.ReLU())]
    network = initialise(torch.nn.Sequential(*layers).double(), "he", np.random.RandomState(0))

    with torch.no_grad():
        maps = network[0](torch.from_numpy(rng.normal(size=(4, 32, 24, 24))))
        spread = [float(maps.square().mean())]
        for layer in network[1:]:
            maps = layer(maps)
            spread.append(float(maps.square().mean()))

    # Margins of zeros take something away at the edge.
    assert 0.3 < spread[-2] / spread[0] < 3
