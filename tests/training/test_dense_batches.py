import numpy as np
import pytest
import torch

from sknets.training import Rows
from sknets.training import _dense_batches as dense_batches
from sknets.training._batches import BatchOrder, EpochBatches
from sknets.training._dense_batches import SingleBatches, StackedBatches


def make_parts(lengths, weighted=(), seed=0):
    """Rows of several networks; the first column says whose and which row it is."""
    rng = np.random.default_rng(seed)
    for k, n in enumerate(lengths):
        inputs = torch.from_numpy(rng.normal(size=(n, 3)))
        inputs[:, 0] = 1000 * k + torch.arange(n)
        weights = torch.from_numpy(rng.uniform(0.5, 2, n)) if k in weighted else None
        yield Rows(inputs, torch.from_numpy(rng.integers(0, 3, n)), weights)


def make_orders(lengths, batch_size=16, shuffle=True):
    return [BatchOrder(n, min(batch_size, n), shuffle, np.random.RandomState(k)) for k, n in enumerate(lengths)]


def make_stacked(lengths, weighted=(), batch_size=16, shuffle=True, merge=False):
    return StackedBatches(list(make_parts(lengths, weighted)), make_orders(lengths, batch_size, shuffle), merge)


def own_rows(batch, k):
    """One network's part of a batch, without padding; weights of one where it has none."""
    n = batch.n_rows[k]
    weights = torch.ones(n, dtype=torch.float64) if batch.weights is None else batch.weights[k, :n, 0].clone()
    return batch.inputs[k, :n].clone(), batch.targets[k, :n].clone(), weights


def gather_batch_by_batch(monkeypatch):
    monkeypatch.setattr(dense_batches, "MAX_GATHERED_BYTES", 0)


LENGTHS = {"equal": [48, 48, 48], "unequal": [47, 40, 33], "single batch": [9, 14, 11], "one network": [37]}


@pytest.mark.parametrize("weighted", [(), (0,), (1, 2)], ids=str)
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("kind", LENGTHS)
def test_every_network_meets_the_batches_that_it_would_alone(kind, at_once, shuffle, weighted, monkeypatch):
    lengths = LENGTHS[kind]
    if not at_once:
        gather_batch_by_batch(monkeypatch)
    batches = make_stacked(lengths, weighted, shuffle=shuffle)
    parts = list(make_parts(lengths, weighted))
    alone = [
        EpochBatches([part.inputs, part.targets, part.weights], order)
        for part, order in zip(parts, make_orders(lengths, shuffle=shuffle), strict=True)
    ]

    for _ in range(3):
        expected = [list(own.next_epoch()) for own in alone]
        for index, batch in enumerate(batches.next_epoch()):
            for k, steps in enumerate(expected):
                inputs, targets, weights = own_rows(batch, k)
                assert torch.equal(inputs, steps[index][0])
                assert torch.equal(targets, steps[index][1])
                wanted = torch.ones_like(weights) if steps[index][2] is None else steps[index][2]
                assert torch.equal(weights, wanted)
        assert index == len(batches.sizes) - 1 == len(expected[0]) - 1


@pytest.mark.parametrize("weighted", [(), (1,)], ids=str)
@pytest.mark.parametrize("at_once", [False, True])
def test_padding_has_no_weight_and_repeats_the_networks_first_row(at_once, weighted, monkeypatch):
    if not at_once:
        gather_batch_by_batch(monkeypatch)
    batches = make_stacked([47, 40, 33], weighted)

    for _ in range(2):
        *whole, last = batches.next_epoch()

        assert not any(batch.is_padded for batch in whole)
        assert last.is_padded
        assert last.n_rows == (15, 8, 1)
        for k, n in enumerate(last.n_rows):
            assert (last.weights[k, n:] == 0).all()
            assert (last.weights[k, :n] > 0).all()
            assert (last.inputs[k, n:, 0] == 1000 * k).all()


def test_rows_that_all_count_alike_have_no_weights_but_where_there_is_padding():
    *whole, last = make_stacked([47, 40]).next_epoch()

    assert [batch.weights for batch in whole] == [None, None]
    assert last.weights.shape == (2, 15, 1)


def test_batches_say_where_they_start():
    starts = [batch.start for batch in make_stacked([47, 40]).next_epoch()]

    assert starts == [0, 16, 32]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_last_single_row_is_merged_network_by_network(at_once, monkeypatch):
    if not at_once:
        gather_batch_by_batch(monkeypatch)
    batches = make_stacked([33, 32, 30], merge=True)

    first, last = batches.next_epoch()

    assert batches.sizes == [(16, 16, 16), (17, 16, 14)]
    assert first.n_rows == (16, 16, 16)
    assert last.n_rows == (17, 16, 14)
    assert last.inputs.shape == (3, 17, 3)
    for k, n in enumerate([33, 32, 30]):
        met = torch.cat([own_rows(batch, k)[0][:, 0] for batch in (first, last)]) - 1000 * k
        assert sorted(met.tolist()) == list(range(n))


def test_without_shuffling_an_epochs_batches_are_gathered_once():
    batches = make_stacked([48, 48], shuffle=False)

    first, second = list(batches.next_epoch()), list(batches.next_epoch())

    assert all(one is other for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("at_once", [False, True])
def test_those_who_stay_go_on_with_their_own_orders(at_once, monkeypatch):
    if not at_once:
        gather_batch_by_batch(monkeypatch)
    lengths = [47, 40, 33]
    whole, part = make_stacked(lengths, (1,)), make_stacked(lengths, (1,))
    list(whole.next_epoch())
    list(part.next_epoch())

    part = part.compact([1, 2])

    assert part.n_rows == 40
    for _ in range(2):
        for old, new in zip(whole.next_epoch(), part.next_epoch(), strict=True):
            for k in (1, 2):
                assert all(
                    torch.equal(one, other) for one, other in zip(own_rows(old, k), own_rows(new, k - 1), strict=True)
                )


def test_single_batches_are_those_of_an_epoch_with_an_axis_for_the_network():
    (part,) = make_parts([37], (0,))
    tensors = [part.inputs, part.targets, part.weights]
    (order,), (other,) = make_orders([37]), make_orders([37])
    batches = SingleBatches(EpochBatches(tensors, order))

    stepped = list(batches.next_epoch())

    assert batches.n_rows == 37
    assert batches.sizes == [(16,), (16,), (5,)]
    for batch, (inputs, targets, weights) in zip(stepped, EpochBatches(tensors, other).next_epoch(), strict=True):
        assert torch.equal(batch.inputs, inputs.unsqueeze(0))
        assert torch.equal(batch.targets, targets.unsqueeze(0))
        assert torch.equal(batch.weights, weights.view(1, -1, 1))
    assert [batch.start for batch in stepped] == [0, 16, 32]
