"""Tiny files in the format of MNIST."""

import gzip
import struct

import numpy as np
import pytest


@pytest.fixture
def write_mnist_like():
    """Write four files of a few random images into a folder and return what they hold, by prefix."""

    def write(folder, rng, n_train=5, n_test=3, compress=gzip.compress, ending=".gz"):
        folder.mkdir(parents=True)
        written = {}
        for prefix, n in (("train", n_train), ("t10k", n_test)):
            images = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)
            labels = rng.integers(0, 10, n).astype(np.uint8)
            for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 0x08, array.ndim, *array.shape)
                path = folder / f"{prefix}-{kind}-ubyte{ending}"
                path.write_bytes(compress(header + array.tobytes()))
            written[prefix] = images, labels
        return written

    return write
