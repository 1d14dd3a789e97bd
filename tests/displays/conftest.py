"""Drawing without a screen, and what is drawn."""

import matplotlib as mpl
import numpy as np
import pytest

from sknets import CNNClassifier
from tests.vision._pictures import make_pictures

mpl.use("Agg")


@pytest.fixture
def figures():
    """Return pyplot; what a test has drawn is closed afterwards."""
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.fixture
def pictures(rng):
    """Return twelve grey pictures of bytes, and two classes."""
    return make_pictures(rng, n=12)


@pytest.fixture
def colours(rng):
    """Return twelve colour pictures of bytes, channels last, and two classes."""
    return rng.integers(0, 256, (12, 8, 6, 3), dtype=np.uint8), np.arange(12) % 2


@pytest.fixture
def cnn(pictures):
    """Return a network with two convolutions that has its initial weights."""
    return CNNClassifier(channels=(4, 6), hidden_layer_sizes=(5,), random_state=0).initialize(*pictures)


@pytest.fixture
def colour_cnn(colours):
    return CNNClassifier(channels=(4,), hidden_layer_sizes=(5,), random_state=0).initialize(*colours)
