"""MNIST and Fashion-MNIST as rows of pixels, from the folder that SKNETS_DATA names."""

import gzip
import os
from pathlib import Path

import numpy as np

from sknets import datasets

FILE_PREFIXES = {"train": "train", "test": "t10k"}


def are_available() -> bool:
    return bool(os.environ.get("SKNETS_DATA"))


def load_rows(name: str, subset: str) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels in [0, 1] of shape (n, 784), float32, and labels of ``name``: "mnist" or "fashion_mnist"."""
    fetch = getattr(datasets, f"fetch_{name}", None)
    images, labels = fetch(subset=subset, return_X_y=True) if fetch else _read_files(name, subset)
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255), labels


def _read_files(name: str, subset: str) -> tuple[np.ndarray, np.ndarray]:
    prefix = Path(os.environ["SKNETS_DATA"]) / name / FILE_PREFIXES[subset]
    return _read_idx(f"{prefix}-images-idx3-ubyte.gz"), _read_idx(f"{prefix}-labels-idx1-ubyte.gz")


def _read_idx(path: str) -> np.ndarray:
    content = gzip.decompress(Path(path).read_bytes())
    n_dimensions = content[3]
    shape = np.frombuffer(content, ">u4", count=n_dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)
