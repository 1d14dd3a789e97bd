import numpy as np
import pytest
import torch

from sknets.nn import POOLS

SHAPES = [(2, 3, 6, 8), (2, 3, 7, 5), (1, 1, 1, 9)]


def windows_of(maps, size):
    """Yield (row, column, pixels of that window): those at the far edges may be smaller."""
    height, width = (size, size) if isinstance(size, int) else size
    for row in range(0, maps.shape[2], height):
        for column in range(0, maps.shape[3], width):
            yield row // height, column // width, maps[:, :, row : row + height, column : column + width]


def pooled(maps, size, summary):
    height, width = (size, size) if isinstance(size, int) else size
    outputs = np.empty((*maps.shape[:2], -(-maps.shape[2] // height), -(-maps.shape[3] // width)))
    for row, column, window in windows_of(maps, size):
        outputs[:, :, row, column] = summary(window, height * width)
    return outputs


SUMMARIES = {
    "max": lambda window, n: window.max(axis=(2, 3)),
    "avg": lambda window, n: window.mean(axis=(2, 3)),
    # Of a window that is cut off at the edge: as if the pixels that are missing were like those that are there.
    "lp": lambda window, n: np.sqrt(n * (window**2).mean(axis=(2, 3))),
}


def test_every_pool_has_a_reference_here():
    assert set(SUMMARIES) == set(POOLS)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [2, 3, (1, 3), (4, 2)])
@pytest.mark.parametrize("name", SUMMARIES)
def test_each_window_becomes_one_number(name, size, shape, rng):
    maps = rng.normal(size=shape)

    outputs = POOLS[name](size)(torch.from_numpy(maps))

    np.testing.assert_allclose(outputs.numpy(), pooled(maps, size, SUMMARIES[name]), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("size", [2, (3, 2)])
def test_power_average_is_torchs_where_torchs_has_a_slope(size, rng):
    maps = torch.from_numpy(rng.uniform(0.5, 2, (2, 3, 6, 6))).requires_grad_()

    ours = POOLS["lp"](size)(maps)
    theirs = torch.nn.LPPool2d(2, size)(maps)

    np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-9)
    gradients = [torch.autograd.grad(outputs.sin().sum(), maps)[0] for outputs in (ours, theirs)]
    np.testing.assert_allclose(*gradients, rtol=1e-9)


def test_power_average_has_a_finite_slope_where_a_window_is_all_zeros():
    maps = torch.zeros(1, 1, 4, 4, requires_grad=True)

    POOLS["lp"](2)(maps).sum().backward()

    assert torch.equal(maps.grad, torch.zeros(1, 1, 4, 4))


def test_power_average_lies_between_mean_and_largest_up_to_the_window(rng):
    maps = torch.from_numpy(rng.uniform(0, 1, (3, 2, 6, 6)))

    root = POOLS["lp"](2)(maps) / 2  # of the mean of squares: four pixels in a window

    assert (root >= POOLS["avg"](2)(maps) - 1e-9).all()
    assert (root <= POOLS["max"](2)(maps) + 1e-9).all()
