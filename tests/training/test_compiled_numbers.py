"""Numbers on which the compiled pass could go wrong: corners, what is no number, single precision, large outputs."""

import math

import numpy as np
import pytest
import torch

from sknets._device import Precision
from sknets.nn import MLP
from sknets.training import LossSpec, ModuleSpec, Rows, make_net
from sknets.training._compiled_pass import load_kernel
from tests.training._compiling import (
    KNOWN_ACTIVATIONS,
    KNOWN_LOSSES,
    N_INPUTS,
    N_OUTPUTS,
    PLAIN,
    compile_nets,
    make_nets,
    make_rows,
    run_at,
)
from tests.training._fitting import make_recipe
from tests.training._gradients import reference_of


def make_one(rng, **changes):
    case = PLAIN | changes
    (net,) = make_nets(case)
    return net, make_rows(case, *case["n_rows"], rng)


def run_one(net, rows):
    """Return the loss and the gradient of a batch."""
    program, compiled = compile_nets([net], [rows])
    run_at(compiled, [0.0])
    return compiled.end_pass()[0], [slope[0].clone() for slope in program.slopes]


def check(net, rows, rtol=1e-10):
    reference = net.branch()

    loss, slopes = run_one(net, rows)

    expected, gradients = reference_of(reference, rows.inputs, rows.targets, rows.weights)
    assert loss == pytest.approx(expected, rel=rtol)
    for slope, gradient in zip(slopes, gradients, strict=True):
        torch.testing.assert_close(slope, gradient, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("widths", [(1, 1), (1, 1, 1), (4, 1, 3, 1), (1, 6, 2)], ids=str)
@pytest.mark.parametrize("n_rows", [1, 2, 30])
def test_layers_may_have_a_single_unit(widths, n_rows, rng):
    n_inputs, *hidden, n_outputs = widths
    arguments = {"n_inputs": n_inputs, "hidden_sizes": hidden, "n_outputs": n_outputs, "activation": "logistic"}
    net = make_net(make_recipe(module=ModuleSpec(MLP, arguments)), np.random.RandomState(0))
    inputs, targets = rng.normal(size=(n_rows, n_inputs)), rng.normal(size=(n_rows, n_outputs))

    check(net, Rows(torch.from_numpy(inputs), torch.from_numpy(targets)))


# Where relu and its relatives, hardtanh and softplus turn, and where exponentials would overflow.
@pytest.mark.parametrize("corner", [0.0, -0.0, 1.0, -1.0, 19.9, 20.1, 700.0, -700.0])
@pytest.mark.parametrize("activation", KNOWN_ACTIVATIONS)
def test_gradients_at_the_corners_of_an_activation_are_autograds(activation, corner, rng):
    net, rows = make_one(rng, activation=activation)
    first = net.module_[0]
    with torch.no_grad():
        first.weight.zero_()
        first.bias.fill_(corner)

    check(net, rows)


@pytest.mark.parametrize("distance", [0.0, 1.0, -1.0])
@pytest.mark.parametrize("loss", KNOWN_LOSSES)
def test_gradients_at_the_corners_of_a_loss_are_autograds(loss, distance, rng):
    net, rows = make_one(rng, loss=loss, hidden=())
    with torch.no_grad():
        net.module_[0].weight.zero_()
        net.module_[0].bias.fill_(distance)

    check(net, Rows(rows.inputs, torch.zeros_like(rows.targets)))


def test_the_l1_penalty_does_not_move_a_weight_of_zero(rng):
    net, rows = make_one(rng, hidden=(), penalty="l1")
    with torch.no_grad():
        net.module_[0].weight[:, ::2] = 0

    check(net, rows)


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "squared_error", "absolute_error", "huber"])
def test_outputs_of_any_size_have_finite_losses(loss, rng):
    net, rows = make_one(rng, loss=loss, hidden=())
    with torch.no_grad():
        net.module_[0].bias.copy_(torch.tensor([1e5, -1e5, 1e5 - 1]))

    check(net, rows)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("offset", [0.0, 1e4, -1e4, 1e30])
def test_the_cross_entropy_of_equal_outputs_does_not_depend_on_their_size(offset, smoothing):
    loss = loss_of_outputs("cross_entropy", [offset] * N_OUTPUTS, torch.arange(9) % 3, label_smoothing=smoothing)

    assert loss == pytest.approx(math.log(N_OUTPUTS), rel=1e-6)


@pytest.mark.parametrize("output", [3.0, 10.0, 30.0, 80.0])
def test_small_losses_of_two_classes_keep_their_digits(output):
    loss = loss_of_outputs("binary_cross_entropy", [output, -output, output], torch.tensor([[1.0, 0.0, 1.0]] * 9))

    assert loss == pytest.approx(3 * math.log1p(math.exp(-output)), rel=1e-5)


@pytest.mark.parametrize("n_outputs", [1, 3, 5000])
@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
def test_sums_over_many_rows_and_outputs_stay_finite(loss, n_outputs, rng):
    """Logarithms are taken of products, which must not leave the numbers."""
    n_rows = 15_000 // n_outputs
    module = ModuleSpec(MLP, {"n_inputs": N_INPUTS, "hidden_sizes": (), "n_outputs": n_outputs})
    net = make_net(make_recipe(module=module, loss=LossSpec(loss)), np.random.RandomState(0))
    torch.nn.init.zeros_(net.module_[0].weight)
    torch.nn.init.zeros_(net.module_[0].bias)
    labels = rng.integers(0, n_outputs, n_rows)
    targets = labels if loss == "cross_entropy" else rng.integers(0, 2, (n_rows, n_outputs)).astype(float)
    rows = Rows(torch.zeros(n_rows, N_INPUTS, dtype=torch.float64), torch.from_numpy(targets))
    _, compiled = compile_nets([net], [rows], batch_size=n_rows)

    run_at(compiled, [0.0])

    expected = math.log(n_outputs) if loss == "cross_entropy" else n_outputs * math.log(2)
    assert compiled.end_pass()[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 4e-16), (np.float32, 1.2e-7)])
def test_exponentials_are_exact_to_a_rounding_or_two(dtype, tolerance):
    kernel = load_kernel()
    numbers = np.concatenate([np.linspace(-80, 80, 4001), [0.0, -0.0, 1e-300, -1e-300]]).astype(dtype)

    ours = np.array([kernel._exp(number) for number in numbers])

    expected = np.exp(numbers.astype(np.longdouble))
    assert float(np.max(np.abs(ours - expected) / expected)) < tolerance


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_exponentials_of_extremes_are_those_of_numpy(dtype):
    kernel = load_kernel()

    assert kernel._exp(dtype(np.inf)) == kernel._exp(dtype(800)) == np.inf
    assert 0 <= kernel._exp(dtype(-np.inf)) < 1e-300
    assert np.isnan(kernel._exp(dtype(np.nan)))


def loss_of_outputs(loss, outputs, targets, **settings):
    """Return the mean loss of a network with the same outputs for all rows, in single precision."""
    module = ModuleSpec(MLP, {"n_inputs": N_INPUTS, "hidden_sizes": (), "n_outputs": len(outputs)})
    recipe = make_recipe(module=module, loss=LossSpec(loss, settings), precision=Precision(torch.float32))
    net = make_net(recipe, np.random.RandomState(0))
    with torch.no_grad():
        net.module_[0].bias.copy_(torch.tensor(outputs))
    return run_one(net, Rows(torch.zeros(len(targets), N_INPUTS), targets))[0]


@pytest.mark.parametrize("place", ["input", "first weight", "last weight", "bias"])
@pytest.mark.parametrize("drops", [False, True])
@pytest.mark.parametrize("activation", KNOWN_ACTIVATIONS)
def test_what_is_no_number_reaches_the_loss_through_every_activation(activation, drops, place, rng):
    net, rows = make_one(rng, activation=activation, drops=drops)
    spoil(net, rows, place)

    loss, slopes = run_one(net, rows)

    assert math.isnan(loss)
    assert all(slope.isnan().any() for slope in slopes)


@pytest.mark.parametrize("hidden", [(), (8,)])
@pytest.mark.parametrize("place", ["input", "first weight"])
@pytest.mark.parametrize("loss", KNOWN_LOSSES)
def test_what_is_no_number_reaches_every_loss(loss, place, hidden, rng):
    net, rows = make_one(rng, loss=loss, hidden=hidden)
    spoil(net, rows, place)

    measured, slopes = run_one(net, rows)

    assert math.isnan(measured)
    assert all(slope.isnan().any() for slope in slopes)


def spoil(net, rows, place):
    layers = [layer for layer in net.module_ if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        if place == "input":
            rows.inputs[4, 2] = math.nan
        elif place == "bias":
            layers[0].bias[1] = math.nan
        else:
            layers[0 if place == "first weight" else -1].weight[1, 2] = math.nan


@pytest.mark.parametrize("trouble", [math.inf, -math.inf])
@pytest.mark.parametrize("loss", KNOWN_LOSSES)
def test_an_infinite_output_leaves_no_finite_loss(loss, trouble, rng):
    net, rows = make_one(rng, loss=loss, hidden=())
    reference = net.branch()
    for one in (net, reference):
        with torch.no_grad():
            one.module_[0].bias[1] = trouble

    measured, _ = run_one(net, rows)

    expected, _ = reference_of(reference, rows.inputs, rows.targets, None)
    assert math.isfinite(measured) == math.isfinite(expected)


@pytest.mark.parametrize("loss", KNOWN_LOSSES)
@pytest.mark.parametrize("activation", KNOWN_ACTIVATIONS)
def test_single_precision_is_near_double_precision(activation, loss, rng):
    case = PLAIN | {"activation": activation, "loss": loss, "penalty": "both", "is_weighted": True, "n_rows": (40,)}
    (double,), rows = make_nets(case), make_rows(case, 40, rng)
    (single,) = make_nets(case, torch.float32)
    targets = rows.targets if loss == "cross_entropy" else rows.targets.float()
    rows_of_single = Rows(rows.inputs.float(), targets, rows.weights.float())

    loss_of_double, slopes = run_one(double, rows)
    loss_of_single, slopes_of_single = run_one(single, rows_of_single)

    assert loss_of_single == pytest.approx(loss_of_double, rel=1e-5)
    for ours, reference in zip(slopes_of_single, slopes, strict=True):
        assert ours.dtype == torch.float32
        assert float((ours - reference).abs().max()) < 1e-5 * (1 + float(reference.abs().max()))


@pytest.mark.parametrize("size", [1e-9, 1e-5, 1e-2, 0.1])
@pytest.mark.parametrize("activation", KNOWN_ACTIVATIONS)
def test_small_numbers_keep_their_digits_in_single_precision(activation, size, rng):
    """Rows in a unit of the wrong size: an activation that is off by no more than rounding 1 would be loses them."""
    case = PLAIN | {"activation": activation, "hidden": (8,), "n_rows": (40,)}
    (double,), rows = make_nets(case), make_rows(case, 40, rng)
    (single,) = make_nets(case, torch.float32)
    for net in (double, single):
        torch.nn.init.zeros_(net.module_[0].bias)
    rows.inputs.mul_(size)

    _, slopes = run_one(double, rows)
    _, slopes_of_single = run_one(single, Rows(rows.inputs.float(), rows.targets.float()))

    for ours, reference in zip(slopes_of_single, slopes, strict=True):
        assert float((ours - reference).abs().max()) < 1e-5 * float(reference.abs().max())
