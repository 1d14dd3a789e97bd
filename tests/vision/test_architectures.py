"""What each architecture is made of, counted by hand, and which parameters it takes."""

import numpy as np
import pytest
import torch
from torch import nn

from sknets import CNNClassifier, CNNRegressor
from sknets.nn import BatchNormalization, ChannelDropout, Dropout, Residual, trace_layers
from tests.vision._pictures import SMALL, make_pictures


def built(image_shape=(1, 28, 28), n_classes=10, **parameters):
    """Return the untrained network for pictures of a shape."""
    X = np.zeros((n_classes, *image_shape), np.uint8)
    return CNNClassifier(image_shape=image_shape, **parameters).initialize(X, np.arange(n_classes)).module_.body


def users_network(image_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, n_outputs))


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def shapes(module, image_shape=(1, 28, 28)):
    """Return (kind of layer, output shape) in the order in which layers run."""
    layers = trace_layers(module, torch.zeros(1, *image_shape, dtype=next(module.parameters()).dtype))
    return [(type(layer.layer).__name__, layer.output_shape) for layer in layers]


def test_lenet5_is_that_of_the_documentation():
    body = built(architecture="lenet5")

    assert shapes(body) == [
        ("Conv2d", (6, 28, 28)),
        ("Tanh", (6, 28, 28)),
        ("AvgPool2d", (6, 14, 14)),
        ("Conv2d", (16, 10, 10)),
        ("Tanh", (16, 10, 10)),
        ("AvgPool2d", (16, 5, 5)),
        ("Conv2d", (120, 1, 1)),
        ("Tanh", (120, 1, 1)),
        ("Flatten", (120,)),
        ("Linear", (84,)),
        ("Tanh", (84,)),
        ("Linear", (10,)),
    ]
    convolutions = 6 * (1 * 25 + 1) + 16 * (6 * 25 + 1) + 120 * (16 * 25 + 1)
    assert n_parameters(body) == convolutions + 84 * (120 + 1) + 10 * (84 + 1) == 61706


def test_workshop_is_that_of_the_documentation():
    body = built(architecture="workshop")

    assert shapes(body) == [
        ("Conv2d", (10, 24, 24)),
        ("MaxPool2d", (10, 12, 12)),
        ("ReLU", (10, 12, 12)),
        ("Conv2d", (20, 8, 8)),
        ("ChannelDropout", (20, 8, 8)),
        ("MaxPool2d", (20, 4, 4)),
        ("ReLU", (20, 4, 4)),
        ("Flatten", (320,)),
        ("Linear", (50,)),
        ("ReLU", (50,)),
        ("Dropout", (50,)),
        ("Linear", (10,)),
    ]
    assert n_parameters(body) == 10 * (25 + 1) + 20 * (10 * 25 + 1) + 50 * (320 + 1) + 10 * (50 + 1) == 21840


def test_simple_by_default_has_two_convolutions_with_batch_normalization():
    body = built()

    assert shapes(body) == [
        ("Conv2d", (32, 28, 28)),
        ("BatchNormalization", (32, 28, 28)),
        ("ReLU", (32, 28, 28)),
        ("MaxPool2d", (32, 14, 14)),
        ("Conv2d", (64, 14, 14)),
        ("BatchNormalization", (64, 14, 14)),
        ("ReLU", (64, 14, 14)),
        ("MaxPool2d", (64, 7, 7)),
        ("Flatten", (64 * 49,)),
        ("Linear", (128,)),
        ("BatchNormalization", (128,)),
        ("ReLU", (128,)),
        ("Linear", (10,)),
    ]
    normalizations = 2 * (32 + 64 + 128)
    convolutions = 32 * (9 + 1) + 64 * (32 * 9 + 1)
    assert n_parameters(body) == convolutions + 128 * (64 * 49 + 1) + 10 * (128 + 1) + normalizations


def test_residual_halves_the_picture_three_times():
    body = built(architecture="residual", image_shape=(3, 32, 32))

    maps = [shape for kind, shape in shapes(body, (3, 32, 32)) if kind == "MaxPool2d"]
    assert maps == [(32, 16, 16), (64, 8, 8), (128, 4, 4)]
    assert sum(isinstance(layer, Residual) for layer in body) == 2
    # Filters of 3 x 3 without bias, and a scale and a shift for each channel behind them.
    pairs = [(3, 16), (16, 32), (32, 32), (32, 32), (32, 64), (64, 128), (128, 128), (128, 128)]
    assert n_parameters(body) == sum(9 * a * b + 2 * b for a, b in pairs) + 10 * (128 + 1)


@pytest.mark.parametrize("Network", [CNNClassifier, CNNRegressor])
@pytest.mark.parametrize("architecture", ["simple", "lenet5", "workshop", "residual"])
def test_every_architecture_trains(architecture, Network, rng):
    X, y = make_pictures(rng, n=20, shape=(16, 16))
    parameters = {"max_iter": 2, "batch_size": 10, "random_state": 0}

    estimator = Network(architecture, **parameters).fit(X, y)

    start = Network(architecture, **parameters).initialize(X, y)
    for now, before in zip(estimator.module_.parameters(), start.module_.parameters(), strict=True):
        assert torch.isfinite(now).all()
        assert not torch.equal(now, before)


def test_each_convolution_may_have_settings_of_its_own():
    body = built(
        channels=(4, 6, 8),
        kernel_size=(5, (1, 3), 3),
        stride=[1, 2, (2, 1)],
        padding=["valid", "same", 1],
        pool_size=np.array([2, 1, 2]),
        hidden_layer_sizes=(),
        normalization=None,
    )

    assert [shape for kind, shape in shapes(body) if kind == "Conv2d"] == [(4, 24, 24), (6, 6, 6), (8, 3, 6)]
    assert [shape for kind, shape in shapes(body) if kind == "MaxPool2d"] == [(4, 12, 12), (6, 6, 6), (8, 2, 3)]
    assert [tuple(layer.weight.shape) for layer in body if isinstance(layer, nn.Conv2d)] == [
        (4, 1, 5, 5),
        (6, 4, 1, 3),
        (8, 6, 3, 3),
    ]


@pytest.mark.parametrize(
    ("parameters", "convolved"),
    [
        ({}, (4, 28, 28)),
        ({"stride": 2}, (4, 14, 14)),
        ({"padding": "valid"}, (4, 26, 26)),
        ({"padding": 0}, (4, 26, 26)),
        ({"padding": 2}, (4, 30, 30)),
        ({"padding": "valid", "stride": 3}, (4, 9, 9)),
        ({"kernel_size": 5, "padding": 1}, (4, 26, 26)),
        ({"kernel_size": 4}, (4, 28, 28)),
    ],
    ids=str,
)
def test_one_setting_is_for_all_convolutions(parameters, convolved):
    body = built(channels=4, pool=None, hidden_layer_sizes=(), **parameters)

    assert next(shape for kind, shape in shapes(body) if kind == "Conv2d") == convolved
    assert body[-1].in_features == np.prod(convolved)


@pytest.mark.parametrize(("pool", "kind"), [("max", "MaxPool2d"), ("avg", "AvgPool2d"), ("lp", "PowerAveragePool2d")])
def test_pools_are_those_that_were_asked_for(pool, kind):
    traced = shapes(built(channels=(4, 4), pool=pool, pool_size=(3, 2), hidden_layer_sizes=()))

    assert [shape for name, shape in traced if name == kind] == [(4, 10, 10), (4, 5, 5)]


@pytest.mark.parametrize("normalization", ["batch", "layer", "group", None])
def test_normalizations_are_those_that_were_asked_for(normalization):
    kinds = [kind for kind, _ in shapes(built(channels=(8,), hidden_layer_sizes=(8,), normalization=normalization))]

    # Over the channels and pixels of one picture, layer normalization is that of a single group.
    expected = {
        "batch": ["BatchNormalization"] * 2,
        "layer": ["GroupNorm", "LayerNorm"],
        "group": ["GroupNorm"] * 2,
        None: [],
    }
    assert [kind for kind in kinds if "Norm" in kind] == expected[normalization]


def test_no_channels_give_a_multilayer_perceptron():
    body = built(channels=(), hidden_layer_sizes=(5,), normalization=None)

    assert [kind for kind, _ in shapes(body)] == ["Flatten", "Linear", "ReLU", "Linear"]
    assert n_parameters(body) == 5 * (784 + 1) + 10 * (5 + 1)


@pytest.mark.parametrize(
    ("dropout", "of_channels", "of_units"),
    [(0.25, [], [0.25]), ([0.1, 0.0, 0.5], [0.1], [0.5]), ([0.1, 0.2, 0.0], [0.1, 0.2], []), ("auto", [], [])],
)
def test_dropout_acts_on_channels_behind_convolutions_and_on_units_behind_dense_layers(dropout, of_channels, of_units):
    body = built(channels=(4, 4), hidden_layer_sizes=(6,), dropout=dropout)

    assert [layer.p for layer in body if isinstance(layer, ChannelDropout)] == of_channels
    assert [layer.p for layer in body if isinstance(layer, Dropout)] == of_units


@pytest.mark.parametrize(("dropout", "expected"), [("auto", 0.5), (0.1, 0.1), (0, 0.0)])
def test_workshops_own_dropout_is_a_half(dropout, expected):
    body = built(architecture="workshop", dropout=dropout)

    assert [layer.p for layer in body if isinstance(layer, (Dropout, ChannelDropout))] == [expected] * 2


@pytest.mark.parametrize(
    ("architecture", "name", "value"),
    [
        ("lenet5", "channels", (8,)),
        ("lenet5", "dropout", 0.5),
        ("lenet5", "activation", "gelu"),
        ("lenet5", "normalization", "group"),
        ("workshop", "hidden_layer_sizes", (30,)),
        ("workshop", "normalization", "layer"),
        ("residual", "kernel_size", 5),
        ("residual", "pool", "avg"),
        (users_network, "activation", "tanh"),
        (users_network, "dropout", 0.3),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_parameter_that_the_architecture_would_ignore_is_refused(architecture, name, value, rng):
    X, y = make_pictures(rng)

    with pytest.raises(ValueError, match=rf"{name} is used by architecture=.*'simple'.*got {name}=.*would ignore it"):
        CNNClassifier(architecture, **{name: value}).fit(X, y)


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [
        ("lenet5", {"activation": "tanh", "normalization": None, "pool": "avg", "channels": [32, 64]}),
        ("workshop", {"activation": "silu", "normalization": None, "dropout": 0.2}),
        ("residual", {"activation": "elu", "normalization": "group", "dropout": 0.1, "residual": True}),
    ],
)
def test_what_an_architecture_has_anyway_may_be_said(architecture, parameters, rng):
    X, y = make_pictures(rng)

    clf = CNNClassifier(architecture, **parameters).initialize(X, y)

    assert clf.predict_proba(X).shape == (40, 2)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel_size": (3, 5, 3)}, r"kernel_size must be one value, or one for each of the 2 .*\(3, 5, 3\)"),
        ({"kernel_size": [3, "big"]}, r"kernel_size must be a whole number of pixels >= 1.*got 'big'"),
        ({"kernel_size": [3, (3, 0)]}, r"kernel_size must be .*got \(3, 0\)"),
        ({"stride": [(1, 2, 3), 1]}, r"stride must be .*got \(1, 2, 3\)"),
        ({"stride": [1, 1.5]}, r"stride must be .*got 1.5"),
        ({"pool_size": [2, 0]}, r"pool_size must be .*got 0"),
        ({"padding": ["same", "full"]}, r"padding must be 'same', 'valid', a whole number of pixels >= 0.*'full'"),
        ({"padding": [0, -1]}, r"padding must be .*got -1"),
        ({"channels": (8, 0)}, r"channels must be whole numbers > 0, got \[8, 0\]"),
        ({"channels": (8, 2.5)}, r"channels must be whole numbers > 0, got \[8, 2.5\]"),
        ({"hidden_layer_sizes": (5, -1)}, r"hidden_layer_sizes must be whole numbers > 0, got \[5, -1\]"),
        ({"dropout": [0.1]}, r"dropout must be one number in \[0, 1\), or one for each of the 2 .*1 dense.*\[0.1\]"),
        ({"dropout": [0.1, 0.1, 1.0]}, r"dropout must be one number.*1.0"),
        ({"kernel_size": 20, "padding": "valid"}, r"Convolution 1 needs pictures at least.*map of 8 x 8"),
        ({"architecture": "workshop", "dropout": [0.1, 0.2]}, r"dropout must be 'auto' or one number.*'simple'"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "initialize"])
def test_settings_that_cannot_be_are_refused_by_name(method, parameters, message, rng):
    X, y = make_pictures(rng)

    with pytest.raises(ValueError, match=message):
        getattr(CNNClassifier(**parameters), method)(X, y)


def test_a_change_of_the_network_between_warm_starts_is_refused(rng):
    X, y = make_pictures(rng)
    clf = CNNClassifier(warm_start=True, **SMALL).fit(X, y)

    with pytest.raises(ValueError, match=r"the network of the last fit.*channels.*\(4,\).*\(6,\)"):
        clf.set_params(channels=(6,)).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "spread"),
    [
        # He's: two over what a filter reads; Glorot's: a third of six over what it reads and is read by.
        ({}, np.sqrt(2 / 25)),
        ({"activation": "silu"}, np.sqrt(2 / 25)),
        ({"activation": nn.ReLU6}, np.sqrt(2 / 25)),
        ({"activation": "tanh"}, np.sqrt(2 / (25 + 64 * 25))),
        ({"activation": "logistic"}, np.sqrt(2 / 3 / (25 + 64 * 25))),
    ],
    ids=str,
)
def test_initial_weights_suit_the_activation(parameters, spread):
    body = built(channels=(64,), kernel_size=5, random_state=0, **parameters)

    assert float(body[0].weight.detach().std()) == pytest.approx(spread, rel=0.05)


def test_the_networks_memory_has_channels_side_by_side():
    body = built(channels=(4, 8))

    assert isinstance(body[1], BatchNormalization)
    assert body[4].weight.is_contiguous(memory_format=torch.channels_last)
