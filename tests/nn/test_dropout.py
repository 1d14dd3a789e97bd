import copy
import io
import pickle

import pytest
import torch

from sknets.nn import ChannelDropout, Dropout, draw_words, find_threshold


def seeded(p, seed=0, Layer=Dropout):
    layer = Layer(p)
    layer.generator = torch.Generator().manual_seed(seed)
    return layer


def test_kept_units_are_scaled_so_that_the_expectation_stays():
    outputs = seeded(0.25)(torch.ones(100_000, dtype=torch.float64))

    assert set(outputs.unique().tolist()) == {0.0, 1 / 0.75}
    # The standard error of the share of zeros is 0.0014.
    assert float((outputs == 0).double().mean()) == pytest.approx(0.25, abs=0.007)


@pytest.mark.parametrize("keep", [0.001, 0.3, 0.5, 0.9, 0.999])
def test_both_halves_of_a_draw_are_kept_with_the_same_probability(keep):
    n = 400_000
    kept = draw_words(n, torch.Generator().manual_seed(1)) < find_threshold(keep)

    deviation = 5 * (keep * (1 - keep) / (n / 2)) ** 0.5
    for half in (kept[::2], kept[1::2]):
        assert float(half.double().mean()) == pytest.approx(keep, abs=deviation)


def test_neighbours_are_dropped_independently_of_one_another():
    kept = (draw_words(400_000, torch.Generator().manual_seed(2)) < find_threshold(0.5)).double()

    correlation = torch.corrcoef(torch.stack([kept[:-1], kept[1:]]))[0, 1]
    assert abs(float(correlation)) < 5 / len(kept) ** 0.5


def test_thresholds_are_whole_numbers_of_32_bits():
    assert find_threshold(0.0) == -(2**31)
    assert find_threshold(0.5) == 0
    assert find_threshold(1.0) == 2**31 - 1


def test_nothing_is_dropped_in_prediction(rng):
    inputs = torch.from_numpy(rng.normal(size=(5, 7)))

    assert torch.equal(seeded(0.9).eval()(inputs), inputs)


def test_nothing_is_dropped_with_probability_zero(rng):
    inputs = torch.from_numpy(rng.normal(size=(5, 7)))

    assert torch.equal(seeded(0.0)(inputs), inputs)


def test_dropped_units_get_no_gradient():
    inputs = torch.ones(50, dtype=torch.float64, requires_grad=True)

    outputs = seeded(0.5)(inputs)
    outputs.sum().backward()

    assert torch.equal(inputs.grad, outputs.detach())


def test_only_the_own_generator_is_moved():
    layer = seeded(0.5)
    global_before, own_before = torch.get_rng_state(), layer.generator.get_state()

    layer(torch.ones(10))

    assert torch.equal(torch.get_rng_state(), global_before)
    assert not torch.equal(layer.generator.get_state(), own_before)


def test_torchs_own_generator_does_not_matter():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = seeded(0.5)(torch.ones(50))
        torch.manual_seed(2)
        second = seeded(0.5)(torch.ones(50))

    assert torch.equal(first, second)


def pickled(layer):
    return pickle.loads(pickle.dumps(layer))


def saved_by_torch(layer):
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy, saved_by_torch])
@pytest.mark.parametrize("Layer", [Dropout, ChannelDropout])
def test_a_copy_goes_on_with_the_same_numbers(copied, Layer):
    layer = seeded(0.5, Layer=Layer)
    layer(torch.ones(10, 5, 1, 1))

    twin = copied(layer)

    assert torch.equal(twin(torch.ones(50, 5, 1, 1)), layer(torch.ones(50, 5, 1, 1)))


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy])
def test_a_copys_numbers_are_its_own(copied):
    layer = seeded(0.5)
    twin = copied(layer)

    first, second = layer(torch.ones(50)), layer(torch.ones(50))

    assert torch.equal(twin(torch.ones(50)), first)
    assert torch.equal(twin(torch.ones(50)), second)


def test_a_generator_of_a_missing_device_becomes_one_of_the_cpu():
    layer = seeded(0.5)
    state = layer.__getstate__() | {"generator": ("cuda", torch.arange(16, dtype=torch.uint8))}
    if torch.cuda.is_available():
        pytest.skip("this machine has the device that is to be missing")

    revived = object.__new__(Dropout)
    revived.__setstate__(state)

    assert revived.generator.device.type == "cpu"
    assert 0 < float(revived(torch.ones(1000)).count_nonzero()) < 1000


def test_a_layer_without_generator_is_pickled_without():
    assert pickled(Dropout(0.3)).generator is None


@pytest.mark.parametrize("Layer", [Dropout, ChannelDropout])
def test_its_probability_is_shown(Layer):
    assert repr(Layer(0.3)) == f"{Layer.__name__}(p=0.3)"


def test_channels_are_dropped_whole_and_each_picture_for_itself():
    outputs = seeded(0.25, Layer=ChannelDropout)(torch.ones(2000, 10, 3, 2, dtype=torch.float64))

    channels = outputs.flatten(2)  # (n, n_channels, height * width)
    assert torch.equal(channels.amin(2), channels.amax(2))
    assert set(outputs.unique().tolist()) == {0.0, 1 / 0.75}
    # The standard error of the share of zeros is 0.003.
    assert float((channels[..., 0] == 0).double().mean()) == pytest.approx(0.25, abs=0.015)
    n_dropped = (channels[..., 0] == 0).sum(1)
    assert len(n_dropped.unique()) > 5


def test_no_channel_is_dropped_in_prediction_or_with_probability_zero(rng):
    inputs = torch.from_numpy(rng.normal(size=(5, 7, 3, 3)))

    assert seeded(0.9, Layer=ChannelDropout).eval()(inputs) is inputs
    assert seeded(0.0, Layer=ChannelDropout)(inputs) is inputs


def test_dropped_channels_get_no_gradient():
    inputs = torch.ones(20, 5, 2, 2, dtype=torch.float64, requires_grad=True)

    outputs = seeded(0.5, Layer=ChannelDropout)(inputs)
    outputs.sum().backward()

    assert torch.equal(inputs.grad, outputs.detach())


def test_dropping_channels_moves_only_the_own_generator():
    layer = seeded(0.5, Layer=ChannelDropout)
    global_before, own_before = torch.get_rng_state(), layer.generator.get_state()

    layer(torch.ones(10, 5, 2, 2))

    assert torch.equal(torch.get_rng_state(), global_before)
    assert not torch.equal(layer.generator.get_state(), own_before)
