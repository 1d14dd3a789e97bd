import math
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sknets._lazy_rows import MappedRows
from sknets.training import Rows, StoredRows, TrainingPlan, gradual_unfreezing
from sknets.training._batches import BatchOrder, EpochBatches
from sknets.training._feature_rows import FeatureRows, compute_features
from sknets.training.callbacks import Unfreeze


class DoublingModule(nn.Module):
    """Features are the doubled sums of a picture's channels; the passes are counted."""

    def __init__(self, n_stages=5):
        super().__init__()
        self.stages = [nn.Linear(1, 1) for _ in range(n_stages)]
        self.is_frozen = True
        self.batch_sizes = []

    def train_stages(self, n_stages):
        self.is_frozen = n_stages == 0

    def features(self, rows):
        assert not self.training
        assert not torch.is_grad_enabled()
        self.batch_sizes.append(len(rows))
        return 2.0 * rows.sum(dim=(2, 3))


@pytest.fixture
def module():
    return DoublingModule().train()


@pytest.fixture
def net(module):
    recipe = SimpleNamespace(precision=SimpleNamespace(dtype=torch.float64))
    return SimpleNamespace(
        module_=module, recipe=recipe, autocast=nullcontext, rows_per_pass=lambda pictures: 4, epochs_of_fit=0
    )


@pytest.fixture
def pictures(rng):
    return torch.from_numpy(rng.normal(size=(10, 3, 2, 2)))


@pytest.fixture
def plan(pictures):
    train = Rows(pictures, torch.arange(10))
    validation = Rows(pictures[:3], torch.arange(3))
    return TrainingPlan(None, train, validation, 6, np.random.RandomState(0))


def expected_features(pictures):
    return 2.0 * pictures.sum(dim=(2, 3))[:, None, None, None]


def test_features_are_computed_once_in_passes_of_the_nets_size(net, module, pictures):
    features = compute_features(net, pictures)

    torch.testing.assert_close(features, expected_features(pictures))
    assert module.batch_sizes == [4, 4, 2]


def test_features_of_rows_on_disk_are_read_in_passes(net, module, pictures):
    rows = StoredRows(MappedRows(pictures.numpy()), torch.device("cpu"))

    torch.testing.assert_close(compute_features(net, rows), expected_features(pictures))
    assert module.batch_sizes == [4, 4, 2]


def test_features_have_the_nets_type_of_numbers(net, pictures):
    net.recipe.precision.dtype = torch.float32

    assert compute_features(net, pictures).dtype == torch.float32


def test_rows_are_features_while_frozen_and_pictures_after(net, module, pictures):
    rows = FeatureRows(net, pictures, compute_features(net, pictures))

    frozen = rows[2:5]
    module.is_frozen = False
    thawed = rows[torch.tensor([7, 1])]

    torch.testing.assert_close(frozen, expected_features(pictures)[2:5])
    assert torch.equal(thawed, pictures[[7, 1]])


def test_they_have_the_shape_of_the_pictures_and_must_not_be_gathered(net, pictures):
    rows = FeatureRows(net, pictures, compute_features(net, pictures))

    assert (rows.shape, len(rows)) == ((10, 3, 2, 2), 10)
    assert rows.n_bytes == math.inf
    assert rows.device == pictures.device


@pytest.mark.parametrize("is_stored", [False, True])
def test_their_sample_is_a_picture(is_stored, net, pictures):
    source = StoredRows(MappedRows(pictures.numpy()), torch.device("cpu")) if is_stored else pictures

    sample = FeatureRows(net, source, compute_features(net, pictures)).sample()

    assert torch.equal(sample, pictures[:1])


@pytest.mark.parametrize("shuffle", [False, True])
def test_they_come_in_batches(shuffle, net, pictures):
    rows = FeatureRows(net, pictures, compute_features(net, pictures))
    order = BatchOrder(10, 4, shuffle, np.random.RandomState(0))

    batches = list(EpochBatches([rows, torch.arange(10), None], order).next_epoch())

    assert [len(features) for features, _, _ in batches] == [4, 4, 2]
    for features, index, _ in batches:
        torch.testing.assert_close(features, expected_features(pictures)[index])


def test_a_backbone_that_stays_frozen_leaves_features_alone(net, pictures, plan):
    changed = gradual_unfreezing(plan, net, ())

    torch.testing.assert_close(changed.train.inputs, expected_features(pictures))
    torch.testing.assert_close(changed.validation.inputs, expected_features(pictures[:3]))
    assert changed.listeners == ()
    assert torch.equal(changed.train.targets, plan.train.targets)


def test_without_validation_rows_there_are_none(net, plan):
    changed = gradual_unfreezing(TrainingPlan(None, plan.train, None, 6, plan.random), net, (2,))

    assert changed.validation is None


@pytest.mark.parametrize(
    ("epochs", "is_whole", "n_stages"),
    [((2,), True, None), ((2,), False, 5), ((1, 2), False, 3), ((1, 2, 3), False, 2), ((1, 2, 3, 4, 5, 6), False, 1)],
)
def test_the_steps_of_thawing_are_of_equal_size(epochs, is_whole, n_stages, net, plan):
    ((name, listener),) = gradual_unfreezing(plan, net, epochs, is_whole).listeners

    assert name == "unfreeze"
    assert isinstance(listener, Unfreeze)
    assert (listener.epochs, listener.stages_per_step) == (epochs, n_stages)


def test_a_backbone_that_learns_at_once_is_not_asked_for_features(net, module, pictures, plan):
    changed = gradual_unfreezing(plan, net, (0, 3))

    assert changed.train.inputs is pictures
    assert module.batch_sizes == []


def test_a_new_fit_begins_with_a_frozen_backbone(net, module, plan):
    module.is_frozen = False

    changed = gradual_unfreezing(plan, net, (2,))

    assert module.is_frozen
    assert isinstance(changed.train.inputs, FeatureRows)


def test_a_single_pass_goes_on_with_a_thawed_backbone(net, module, pictures, plan):
    module.is_frozen = False
    net.order, net.epochs_of_fit = None, 2

    changed = gradual_unfreezing(
        TrainingPlan(None, plan.train, plan.validation, 6, plan.random, is_one_pass=True), net, (2,)
    )

    assert not module.is_frozen
    assert changed.train.inputs is pictures
    assert module.batch_sizes == []
