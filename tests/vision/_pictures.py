"""Small pictures and small networks that the tests of vision share."""

import numpy as np

#: A network that is fitted in a few milliseconds, in several batches.
SMALL = {"channels": (4,), "hidden_layer_sizes": (8,), "batch_size": 16, "max_iter": 3, "random_state": 0}


def make_pictures(rng, n=40, shape=(8, 8)):
    """Return bytes of shape (n, *shape) and labels: whether the left half is brighter than the right one."""
    pictures = rng.integers(0, 128, (n, *shape), dtype=np.uint8)
    y = np.arange(n) % 2
    middle = shape[1] // 2
    pictures[y == 0, :, :middle] += 100
    pictures[y == 1, :, middle:] += 100
    return pictures, y


def weights_of(estimator):
    """Return copies of all trained numbers."""
    return [tensor.detach().cpu().numpy().copy() for tensor in estimator.module_.state_dict().values()]


def assert_same_bits(first, second):
    for a, b in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(a, b)


def differ(first, second):
    return any((a != b).any() for a, b in zip(weights_of(first), weights_of(second), strict=True))
