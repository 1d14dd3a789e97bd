import numpy as np
import pytest
import torch
from sklearn.preprocessing import scale

from sknets.nn import NORMALIZATIONS

EPSILON = 1e-5  # torch's bound on the variance


def test_batch_normalization_standardises_each_unit_over_the_batch(rng):
    inputs = rng.normal(3, 5, (50, 6))

    outputs = NORMALIZATIONS["batch"](6).double()(torch.from_numpy(inputs))

    np.testing.assert_allclose(outputs.detach().numpy(), scale(inputs), atol=1e-5)


def test_layer_normalization_standardises_each_row(rng):
    inputs = rng.normal(3, 5, (50, 6))

    outputs = NORMALIZATIONS["layer"](6).double()(torch.from_numpy(inputs))

    np.testing.assert_allclose(outputs.detach().numpy(), scale(inputs, axis=1), atol=1e-4)


@pytest.mark.parametrize(
    ("width", "n_groups"),
    [(256, 8), (100, 5), (64, 4), (48, 3), (32, 2), (31, 1), (16, 1), (8, 1), (1, 1), (150, 6)],
)
def test_groups_hold_at_least_sixteen_units_and_there_are_at_most_eight(width, n_groups):
    fitting = [n for n in range(1, 9) if width % n == 0 and (width / n >= 16 or n == 1)]

    layer = NORMALIZATIONS["group"](width)

    assert layer.num_groups == max(fitting) == n_groups


def test_group_normalization_standardises_each_group_of_a_row(rng):
    inputs = rng.normal(3, 5, (50, 32))

    outputs = NORMALIZATIONS["group"](32).double()(torch.from_numpy(inputs))

    expected = np.hstack([scale(inputs[:, :16], axis=1), scale(inputs[:, 16:], axis=1)])
    np.testing.assert_allclose(outputs.detach().numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("name", ["layer", "group"])
def test_a_single_row_can_be_normalized(rng, name):
    outputs = NORMALIZATIONS[name](8).double()(torch.from_numpy(rng.normal(size=(1, 8))))

    assert float(outputs.detach().std()) > 0.5
