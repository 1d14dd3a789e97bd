"""The four files of MNIST and of the data sets made in its image: 28 x 28 pixels, ten classes."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sknets.datasets._data_files import find_or_download
from sknets.datasets._download import Origin
from sknets.datasets._idx import read_idx

#: The start of the file names of each subset, in the order in which they are put together.
FILE_PREFIXES = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}

FILE_KINDS = ("images-idx3", "labels-idx1")

IMAGE_SHAPE = (28, 28)
N_CLASSES = 10


def load_images_and_labels(
    folder: Path, subset: str, origin: Origin, download_if_missing: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the images and labels of one subset; only its own files are downloaded.

    Parameters
    ----------
    folder : pathlib.Path
        Where ``train-images-idx3-ubyte.gz`` and its three fellows lie, or will lie.
    subset : {"train", "test", "all"}
        "all" is the training rows, then the test rows.
    origin : Origin
        Where the four files can be had.
    download_if_missing : bool
        Whether to download what is not there.

    Returns
    -------
    images : ndarray of shape (n, 28, 28)
    labels : ndarray of shape (n,)

    Raises
    ------
    OSError
        If a file is missing and cannot, or must not, be downloaded.
    ValueError
        For an unknown subset, or files that are damaged or do not belong together.
    """
    if subset not in FILE_PREFIXES:
        raise ValueError(f"subset must be 'train', 'test' or 'all'; got {subset!r}. Name one of the three.")
    # All files first: nothing is read before it is sure that everything is there.
    paths = [
        tuple(_find_file(f"{prefix}-{kind}-ubyte.gz", folder, origin, download_if_missing) for kind in FILE_KINDS)
        for prefix in FILE_PREFIXES[subset]
    ]
    parts = [_load_part(images_path, labels_path) for images_path, labels_path in paths]
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _find_file(name: str, folder: Path, origin: Origin, download_if_missing: bool) -> Path:
    return find_or_download(name, folder, origin, download_if_missing, other_names=(name.removesuffix(".gz"),))


def _load_part(images_path: Path, labels_path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images, labels = read_idx(images_path), read_idx(labels_path)
    _check_bytes(images, (len(images), *IMAGE_SHAPE), "images", images_path)
    _check_bytes(labels, (len(images),), "labels", labels_path)
    if labels.size and labels.max() >= N_CLASSES:
        raise ValueError(
            f"{labels_path}: labels must be 0 to {N_CLASSES - 1}; got {labels.max()}. "
            "The file is damaged, or belongs to another data set: delete it and get it again."
        )
    # Wider than in the file, where labels - 1 would turn 0 into 255.
    return images, labels.astype(np.int64)


def _check_bytes(array: NDArray[Any], shape: tuple[int, ...], content: str, path: Path) -> None:
    if array.shape != shape or array.dtype != np.uint8:
        raise ValueError(
            f"{path} must hold {content} of shape {shape} and type uint8; got shape {array.shape} and type "
            f"{array.dtype}. The file belongs to another data set: delete the four files and get them again."
        )
