"""The four files of MNIST and of the data sets made in its image: 28 x 28 pixels, ten classes."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sknets.datasets._data_home import DATA_HOME_VARIABLE
from sknets.datasets._idx import read_idx

#: The start of the file names of each subset, in the order in which they are put together.
FILE_PREFIXES = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}

IMAGE_SHAPE = (28, 28)
N_CLASSES = 10


def load_images_and_labels(folder: Path, subset: str, origin: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the images and labels of one subset.

    Parameters
    ----------
    folder : pathlib.Path
        Where ``train-images-idx3-ubyte.gz`` and its three fellows lie.
    subset : {"train", "test", "all"}
        "all" is the training rows, then the test rows.
    origin : str
        The address under which the four files can be had.

    Returns
    -------
    images : ndarray of shape (n, 28, 28)
    labels : ndarray of shape (n,)

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        For an unknown subset, or files that are damaged or do not belong together.
    """
    if subset not in FILE_PREFIXES:
        raise ValueError(f"subset must be 'train', 'test' or 'all'; got {subset!r}. Name one of the three.")
    parts = [_load_part(folder, prefix, origin) for prefix in FILE_PREFIXES[subset]]
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _load_part(folder: Path, prefix: str, origin: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images_path = _find_file(folder, f"{prefix}-images-idx3-ubyte.gz", origin)
    labels_path = _find_file(folder, f"{prefix}-labels-idx1-ubyte.gz", origin)
    images, labels = read_idx(images_path), read_idx(labels_path)
    _check_bytes(images, (len(images), *IMAGE_SHAPE), "images", images_path)
    _check_bytes(labels, (len(images),), "labels", labels_path)
    if labels.size and labels.max() >= N_CLASSES:
        raise ValueError(
            f"{labels_path}: labels must be 0 to {N_CLASSES - 1}; got {labels.max()}. "
            "The file is damaged, or belongs to another data set: get it again."
        )
    # Wider than in the file, where labels - 1 would turn 0 into 255.
    return images, labels.astype(np.int64)


def _find_file(folder: Path, name: str, origin: str) -> Path:
    plain_name = name.removesuffix(".gz")
    for path in (folder / name, folder / plain_name):
        if path.is_file():
            return path
    found = "which lacks it" if folder.is_dir() else "which does not exist"
    raise FileNotFoundError(
        f"The file {name} (or {plain_name}) must lie in {folder}, {found}. This version of sknets reads local files "
        f"and downloads nothing: get {origin}/{name} and its three fellows and put them there, or say where they are: "
        f"name the folder above theirs by data_home= or by the environment variable {DATA_HOME_VARIABLE}."
    )


def _check_bytes(array: NDArray[Any], shape: tuple[int, ...], content: str, path: Path) -> None:
    if array.shape != shape or array.dtype != np.uint8:
        raise ValueError(
            f"{path} must hold {content} of shape {shape} and type uint8; got shape {array.shape} and type "
            f"{array.dtype}. The file belongs to another data set: get the four files again."
        )
