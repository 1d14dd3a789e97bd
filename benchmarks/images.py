"""Images from the folder that SKNETS_DATA names: as they are, or as rows of pixels."""

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


def load_images(name: str, subset: str, n_rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the first ``n_rows`` images, uint8 of shape (n, 28, 28), and labels."""
    images, labels = getattr(datasets, f"fetch_{name}")(subset=subset, return_X_y=True)
    return images[:n_rows], labels[:n_rows]


def birds_are_available() -> bool:
    return are_available() and _birds_file().is_file()


def load_birds(subset: str, n_rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return airplanes (0) and birds (1) of CIFAR-10: uint8 of shape (n, 3, 32, 32), and labels.

    They are read from ``cifar2/cifar2.npz``, or else from CIFAR-10 itself.
    """
    part = {"train": "train", "test": "val"}[subset]
    if _birds_file().is_file():
        with np.load(_birds_file()) as file:
            images, labels = file[f"x_{part}"], file[f"y_{part}"]
    else:
        images, labels = datasets.fetch_cifar10(subset=subset, classes=["airplane", "bird"], return_X_y=True)
        images = images.transpose(0, 3, 1, 2)
    return images[:n_rows], labels[:n_rows].astype(np.int64)


def _birds_file() -> Path:
    return Path(os.environ["SKNETS_DATA"]) / "cifar2" / "cifar2.npz"


def _read_files(name: str, subset: str) -> tuple[np.ndarray, np.ndarray]:
    prefix = Path(os.environ["SKNETS_DATA"]) / name / FILE_PREFIXES[subset]
    return _read_idx(f"{prefix}-images-idx3-ubyte.gz"), _read_idx(f"{prefix}-labels-idx1-ubyte.gz")


def _read_idx(path: str) -> np.ndarray:
    content = gzip.decompress(Path(path).read_bytes())
    n_dimensions = content[3]
    shape = np.frombuffer(content, ">u4", count=n_dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)
