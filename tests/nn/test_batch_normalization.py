import copy

import numpy as np
import pytest
import torch

from sknets.nn import BatchNormalization


def randomised(layer, seed=1):
    """Give scales and shifts values of their own, so that neither is without effect."""
    generator = torch.Generator().manual_seed(seed)
    layer = layer.double()
    with torch.no_grad():
        layer.weight.copy_(torch.rand(layer.weight.shape, generator=generator) + 0.5)
        layer.bias.copy_(torch.rand(layer.bias.shape, generator=generator))
    return layer


@pytest.fixture(params=[(6, 3), (6, 3, 4, 5)], ids=["dense", "maps"])
def inputs(request, rng):
    return torch.from_numpy(rng.normal(2, 3, request.param))


def torchs(inputs):
    return randomised(torch.nn.BatchNorm1d(3) if inputs.ndim == 2 else torch.nn.BatchNorm2d(3))


def pass_through(layer, inputs, repeats=None, factors=None):
    """Return outputs and gradients for a loss that treats all outputs alike, however often its row occurs."""
    inputs = inputs.clone().requires_grad_()
    outputs = layer(inputs if repeats is None else inputs.repeat_interleave(repeats, dim=0))
    row_losses = (outputs.sin() + outputs.square()).flatten(1).sum(1)
    (row_losses if factors is None else row_losses * factors).sum().backward()
    return outputs.detach(), inputs.grad, layer.weight.grad, layer.bias.grad


def assert_all_close(first, second, tolerance=1e-12):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance)


def test_outputs_and_gradients_in_training_are_torchs(inputs):
    assert_all_close(pass_through(randomised(BatchNormalization(3)), inputs), pass_through(torchs(inputs), inputs))


def test_outputs_in_prediction_are_torchs_with_the_same_statistics(inputs):
    layer, reference = randomised(BatchNormalization(3)), torchs(inputs)
    layer(inputs)
    reference.load_state_dict(layer.state_dict())

    assert_all_close([layer.eval()(inputs).detach()], [reference.eval()(inputs).detach()])


def test_prediction_moves_no_statistics(inputs):
    layer = randomised(BatchNormalization(3)).eval()

    layer(inputs)

    assert torch.equal(layer.running_mean, torch.zeros(3, dtype=torch.float64))
    assert torch.equal(layer.running_var, torch.ones(3, dtype=torch.float64))
    assert int(layer.num_batches_tracked) == 0


def test_a_row_of_weight_two_is_two_rows(inputs):
    counts = torch.tensor([1, 2, 3, 1, 1, 2])
    weighted, repeated = randomised(BatchNormalization(3)), randomised(BatchNormalization(3))

    weighted.row_weights = counts.double()
    by_weight = pass_through(weighted, inputs, factors=counts)
    by_repetition = pass_through(repeated, inputs, repeats=counts)

    first_copies = torch.cat([torch.zeros(1, dtype=int), counts.cumsum(0)[:-1]])
    assert_all_close(by_weight, (by_repetition[0][first_copies], *by_repetition[1:]))
    assert_all_close([weighted.running_mean, weighted.running_var], [repeated.running_mean, repeated.running_var])


@pytest.mark.parametrize("factor", [1.0, 0.001, 700.0])
def test_equal_weights_of_any_size_are_no_weights(inputs, factor):
    weighted, plain = randomised(BatchNormalization(3)), randomised(BatchNormalization(3))

    weighted.row_weights = torch.full((6,), factor, dtype=torch.float64)

    assert_all_close(pass_through(weighted, inputs), pass_through(plain, inputs))
    assert_all_close([weighted.running_mean, weighted.running_var], [plain.running_mean, plain.running_var])


def test_a_row_of_hardly_any_weight_does_not_reach_the_statistics(inputs):
    weighted, without = randomised(BatchNormalization(3)), randomised(BatchNormalization(3))
    weighted.row_weights = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 1e-300], dtype=torch.float64)

    assert_all_close([weighted(inputs)[:5].detach()], [without(inputs[:5]).detach()])


def test_running_statistics_of_the_first_batches_are_their_plain_mean(inputs, rng):
    layer = randomised(BatchNormalization(3))
    batches = [inputs * float(rng.uniform(0.5, 2)) for _ in range(7)]

    for batch in batches:
        layer(batch)

    axes = (0, *range(2, inputs.ndim))
    means, variances = zip(*[(b.numpy().mean(axes), b.numpy().var(axes)) for b in batches], strict=True)
    np.testing.assert_allclose(layer.running_mean, np.mean(means, axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, np.mean(variances, axis=0), rtol=1e-12)


def test_running_statistics_of_later_batches_move_by_a_tenth(inputs):
    layer = randomised(BatchNormalization(3))
    for _ in range(15):
        layer(inputs)
    before = layer.running_mean.clone()

    layer(inputs + 100)

    # Ten per cent of the way, as in torch, from the mean of what came before.
    np.testing.assert_allclose(layer.running_mean - before, 10 * np.ones(3), rtol=1e-9)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: reloaded(layer)], ids=["copy", "state"])
def test_a_copy_knows_how_many_batches_there_were(copied, inputs):
    layer = randomised(BatchNormalization(3))
    for _ in range(3):
        layer(inputs)

    twin = copied(layer)
    layer(inputs + 8)
    twin(inputs + 8)

    assert_all_close([twin.running_mean, twin.running_var], [layer.running_mean, layer.running_var])
    assert int(twin.num_batches_tracked) == 4


def reloaded(layer):
    twin = BatchNormalization(3).double()
    twin.load_state_dict(layer.state_dict())
    return twin


def test_a_single_row_has_no_spread_to_learn_from():
    with pytest.raises(ValueError, match=r"at least two rows \(or pixels\).*got one.*batch_size.*layer"):
        BatchNormalization(3)(torch.zeros(1, 3))


def test_the_pixels_of_a_single_picture_have(rng):
    picture = torch.from_numpy(rng.normal(size=(1, 3, 4, 5)))

    outputs = BatchNormalization(3).double()(picture).detach().numpy()

    np.testing.assert_allclose(outputs.mean((0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(outputs.std((0, 2, 3)), 1, rtol=1e-4)


def test_channels_last_memory_changes_nothing(rng):
    maps = torch.from_numpy(rng.normal(size=(6, 3, 4, 5)))

    plain = pass_through(randomised(BatchNormalization(3)), maps)
    channels_last = pass_through(randomised(BatchNormalization(3)), maps.to(memory_format=torch.channels_last))

    assert_all_close(channels_last, plain)
