"""The explicit gradients of stacked convolutional networks against autograd's."""

import numpy as np
import pytest
import torch

from sknets._image_layout import ImageLayout
from sknets.nn import ACTIVATIONS, ConvNet, ImageNetwork
from sknets.training import LossSpec, ModuleSpec, Penalty, SolverSpec, make_net
from sknets.training._dense_batches import Batch
from sknets.training._dense_program import DenseProgram
from tests.training._fitting import make_recipe
from tests.training._gradients import join_batch, reference_of

N_OUTPUTS = 3

DEFAULTS = {
    "channels": (4, 8),
    "kernel_size": (3, 3),
    "stride": (1, 1),
    "padding": ("same", "same"),
    "pool": "max",
    "pool_size": (2, 2),
    "hidden_sizes": (5,),
    "activation": "relu",
    "channel_dropout": (0.0, 0.0),
    "dropout": (0.0,),
    "normalization": "batch",
    "residual": False,
}

CASES = {
    "default": {},
    **{f"pool={pool}": {"pool": pool} for pool in ("avg", "lp", None)},
    **{f"normalization={name}": {"normalization": name} for name in (None, "layer", "group")},
    "wide groups": {"normalization": "group", "channels": (8, 32)},
    "even kernels": {"kernel_size": (2, (4, 3))},
    "even kernel behind nothing": {"kernel_size": (2, 3), "normalization": None, "pool": None},
    "strides": {"stride": (2, (1, 2)), "kernel_size": (5, 3)},
    "valid": {"padding": ("valid", 1), "kernel_size": ((2, 3), 3)},
    "windows over the edge": {"pool_size": ((3, 2), 4), "pool": "avg"},
    "windows over the edge of squares": {"pool_size": ((3, 2), 4), "pool": "lp"},
    "no convolution": {"channels": ()},
    "no hidden layer": {"hidden_sizes": (), "dropout": (0.4,)},
    "channel dropout": {"channel_dropout": (0.3, 0.4), "dropout": (0.5,)},
    "residual": {"residual": True, "channels": (4, 4), "pool": None},
    "residual from the first layer on": {"residual": True, "channels": (1, 4), "normalization": None, "pool": "avg"},
    **{f"activation={name}": {"activation": name} for name in ACTIVATIONS if name not in ("relu", "hard_threshold")},
    "no normalization, smooth": {"activation": "gelu", "normalization": None, "pool": "lp"},
}

LAYOUTS = {
    "grey": ImageLayout(1, 7, 6, ndim=3),
    "colours first": ImageLayout(3, 7, 6),
    "colours last": ImageLayout(3, 7, 6, is_channels_last=True),
    "two channels": ImageLayout(2, 7, 6, ndim=2),
    "one pixel high": ImageLayout(1, 1, 13, ndim=2),
}


def make_nets(settings, layout, n_networks, penalty=0.0, solver="sgd"):
    """Networks of one structure; weights, rates and the statistics of their images differ."""
    n_convolutions = len(settings["channels"])
    per_convolution = ("kernel_size", "stride", "padding", "pool_size", "channel_dropout")
    settings = settings | {name: settings[name][:n_convolutions] for name in per_convolution}
    for network in range(n_networks):
        own = {
            name: tuple(rate + 0.1 * network if rate else 0.0 for rate in settings[name])
            for name in ("channel_dropout", "dropout")
        }
        arguments = {"layout": layout, "n_outputs": N_OUTPUTS, "build": ConvNet, **settings, **own}
        recipe = make_recipe(
            module=ModuleSpec(ImageNetwork, arguments),
            loss=LossSpec("cross_entropy"),
            penalty=Penalty(l1=penalty * network, l2=penalty * (network + 1)),
            solver=SolverSpec(solver, 0.1),
            seed=network,
        )
        net = make_net(recipe, np.random.RandomState(network))
        with torch.no_grad():
            own_rng = np.random.default_rng(network)
            # Fresh ones are 0 and 1, with which much cannot be wrong.
            for parameter in net.module_.parameters():
                if parameter.ndim == 1:
                    parameter.copy_(torch.from_numpy(own_rng.uniform(0.5, 1.5, len(parameter))))
            mean, scale = own_rng.uniform(20, 100, (2, layout.n_channels))
            net.module_.input.set_statistics(torch.from_numpy(mean), torch.from_numpy(scale))
        yield net


def make_batch(layout, n_rows, rng, is_weighted=False, dtype=np.uint8):
    shape = (len(n_rows), max(n_rows))
    inputs = torch.from_numpy(rng.integers(0, 256, (*shape, layout.n_values)).astype(dtype))
    targets = torch.from_numpy(rng.integers(0, N_OUTPUTS, shape))
    return join_batch(inputs, targets, n_rows, is_weighted, rng)


def check(settings, layout, batch, penalty=0.0):
    nets = list(make_nets(DEFAULTS | settings, layout, len(batch.n_rows), penalty))
    # With the same random numbers for dropout still to be drawn.
    references = [net.branch() for net in nets]

    program = DenseProgram(nets, max(batch.n_rows))
    program.compute_gradient(batch)
    losses = program.end_pass()
    state = program.copy_state()

    for k, (net, n) in enumerate(zip(references, batch.n_rows, strict=True)):
        weights = None if batch.weights is None else batch.weights[k, :n, 0]
        loss, gradients = reference_of(net, batch.inputs[k, :n], batch.targets[k, :n], weights)
        assert losses[k] == pytest.approx(loss, rel=1e-10)
        for slope, gradient in zip(program.slopes, gradients, strict=True):
            torch.testing.assert_close(slope[k], gradient, rtol=1e-10, atol=1e-11)
        snapshot = program.read_snapshot(state, k)
        torch.testing.assert_close(snapshot.weights, net.snapshot().weights, rtol=0, atol=0)
        program.write_back(k)
        for ours, copied, theirs in zip(
            nets[k].module_.buffers(), snapshot.buffers, net.module_.buffers(), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-13)
            torch.testing.assert_close(copied, theirs, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("n_rows", [(9,), (9, 9, 9), (9, 7, 3)], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_gradients_losses_and_statistics_are_autograds(name, n_rows, rng):
    layout = LAYOUTS["grey"]

    check(CASES[name], layout, make_batch(layout, n_rows, rng))


@pytest.mark.parametrize("normalization", [None, "batch", "layer", "group"])
@pytest.mark.parametrize("n_rows", [(9,), (9, 9, 9), (9, 7, 3)], ids=str)
def test_weights_and_penalties_count_as_autograd_counts_them(n_rows, normalization, rng):
    layout = LAYOUTS["grey"]
    batch = make_batch(layout, n_rows, rng, is_weighted=True)

    check({"normalization": normalization, "channel_dropout": (0.2, 0.0)}, layout, batch, penalty=0.3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("name", LAYOUTS)
def test_images_of_any_layout_and_type_are_read_as_the_module_reads_them(name, dtype, rng):
    layout = LAYOUTS[name]

    check({}, layout, make_batch(layout, (8, 8), rng, dtype=dtype))


@pytest.mark.parametrize("name", CASES)
def test_rows_that_are_not_trained_on_have_the_modules_outputs(name, rng):
    layout = LAYOUTS["two channels"]
    nets = list(make_nets(DEFAULTS | CASES[name], layout, 3))
    program = DenseProgram(nets, 9)
    program.compute_gradient(make_batch(layout, (9, 7, 3), rng))
    inputs = torch.from_numpy(rng.integers(0, 256, (3, 11, layout.n_values), dtype=np.uint8))

    outputs = program.evaluate(inputs)

    for k, net in enumerate(nets):
        program.write_back(k)
        torch.testing.assert_close(outputs[k], net.outputs(inputs[k]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["default", "channel dropout", "residual", "normalization=group"])
def test_networks_that_stay_keep_their_gradients_when_others_leave(name, rng):
    layout = LAYOUTS["colours last"]
    nets, batch = list(make_nets(DEFAULTS | CASES[name], layout, 3)), make_batch(layout, (9, 9, 9), rng)
    alone = [net.branch() for net in nets]
    program = DenseProgram(nets, 9)
    program.compute_gradient(batch)
    program.update([0.1, 0.2, 0.3])
    program.end_pass()

    program.compact([0, 2])
    program.compute_gradient(Batch(batch.inputs[[0, 2]], batch.targets[[0, 2]], None, (9, 9), False, 0))
    program.update([0.1, 0.3])

    for place, (k, rate) in enumerate([(0, 0.1), (2, 0.3)]):
        single = DenseProgram([alone[k]], 9)
        own = Batch(batch.inputs[k : k + 1], batch.targets[k : k + 1], None, (9,), False, 0)
        for _ in range(2):
            single.compute_gradient(own)
            single.update([rate])
        for ours, theirs in zip(program.values, single.values, strict=True):
            torch.testing.assert_close(ours[place], theirs[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n_networks", [1, 2])
def test_weights_and_moments_come_back_in_the_order_of_the_modules_memory(n_networks, rng):
    layout = LAYOUTS["colours first"]
    nets = list(make_nets(DEFAULTS, layout, n_networks, solver="adam"))
    strides = [parameter.stride() for parameter in nets[0].module_.parameters()]
    program = DenseProgram(nets, 9)
    program.compute_gradient(make_batch(layout, (9,) * n_networks, rng))
    program.update([0.1] * n_networks)

    program.write_back(0)

    assert [parameter.stride() for parameter in nets[0].module_.parameters()] == strides
    for parameter, state in nets[0].optimizer_.state.items():
        assert state["exp_avg"].stride() == state["exp_avg_sq"].stride() == parameter.stride()
