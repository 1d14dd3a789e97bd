"""Pictures that stay files until they are needed."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sknets._lazy_rows import LazyRows
from sknets.datasets._picture import PILLOW_MODES, RESIZES, decode_picture

# Pillow decodes without holding Python's lock, so threads share the work; more than these gain little.
MAX_THREADS = 8


class ImageFiles(LazyRows):
    """Picture files as the rows of an array, each decoded when it is used.

    An estimator that trains batch by batch holds no more than a batch of pixels in memory. ``train_test_split``,
    cross-validation, slices, masks and lists of integers take rows without reading any; an integer reads one picture,
    and ``numpy.asarray`` all.

    Parameters
    ----------
    paths : iterable of str or path-like, n of them
        The files, in any format that Pillow reads.
    size : tuple of two int, or int, default=(128, 128)
        Height and width in pixels of every picture, at least 1; one number is both.
    mode : {"rgb", "grey"}, default="rgb"
        Three colour channels, or none.
    resize : {"crop", "stretch"}, default="crop"
        How a picture of another size is made to fit. "crop" scales it, keeping its proportions, until it just covers
        the wanted size, and cuts off what stands out on two sides. "stretch" keeps all of it, out of proportion.

    Attributes
    ----------
    paths : ndarray of str, of shape (n,)
    size : tuple of two int
        Height and width.
    shape : tuple of int
        (n, height, width, 3), or (n, height, width) for "grey".
    dtype : numpy.dtype
        uint8; 0 is black.

    Raises
    ------
    TypeError, ValueError
        For a parameter that is out of range. A file is not looked at before it is read: reading raises
        FileNotFoundError for one that is gone, and ValueError with its name for one that is damaged or no picture.

    See Also
    --------
    load_image_folder : Finds the files and their classes in a folder.
    load_annotated_images : Takes the files and their labels from a table.

    Notes
    -----
    Pictures are turned upright as their EXIF data say. Transparent ones are laid over white; of animations the first
    image is taken; sixteen bits per pixel become eight. Large JPEG files are decoded at a reduced scale, which is
    several times quicker and changes pixels by one of 255 levels on average. The number of threads does not change the
    result.

    Examples
    --------
    >>> from sknets.datasets import ImageFiles
    >>> X = ImageFiles(["one.jpg", "two.jpg", "three.jpg"], size=(32, 48))
    >>> X.shape
    (3, 32, 48, 3)
    >>> X[:2]
    ImageFiles(2 pictures, size=(32, 48), mode='rgb')
    """

    def __init__(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        size: tuple[int, int] | int = (128, 128),
        mode: str = "rgb",
        resize: str = "crop",
    ) -> None:
        self.size = _check_size(size)
        self.mode = check_choice("mode", mode, tuple(PILLOW_MODES))
        self.resize = check_choice("resize", resize, RESIZES)
        self.paths = _check_paths(paths)
        self.shape = (len(self.paths), *self.size, *((3,) if mode == "rgb" else ()))
        self.dtype = np.dtype(np.uint8)

    def read(self, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the pictures at ``index`` as an array of shape (len(index), height, width[, 3])."""
        pictures = np.empty((len(index), *self.shape[1:]), np.uint8)
        paths = self.paths[index]

        def decode_into_place(place: int) -> None:
            pictures[place] = decode_picture(paths[place], self.size, self.mode, self.resize)

        for _ in map_in_threads(decode_into_place, range(len(paths))):
            pass
        return pictures

    def take(self, index: NDArray[np.int64]) -> "ImageFiles":
        """Return the pictures at ``index`` without reading them."""
        return ImageFiles(self.paths[index], size=self.size, mode=self.mode, resize=self.resize)

    def __repr__(self) -> str:
        return f"ImageFiles({len(self)} pictures, size={self.size}, mode={self.mode!r})"


def map_in_threads(function: Callable[[int], Any], items: Iterable[int]) -> Iterator[Any]:
    """Give ``function(item)`` in the order of the items; the first error in that order stops it."""
    items = list(items)
    n_threads = min(MAX_THREADS, os.cpu_count() or 1, len(items))
    if n_threads < 2:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(n_threads, thread_name_prefix="sknets-pictures") as pool:
        yield from pool.map(function, items)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    """Return the value, or raise ValueError if it is none of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}; got {value!r}. Choose one of them.")
    return value


def _check_size(size: Any) -> tuple[int, int]:
    sides: tuple[Any, ...] = tuple(size) if isinstance(size, Iterable) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, (int, np.integer)) and side >= 1 for side in sides):
        raise ValueError(
            f"size must be a height and a width in pixels, whole numbers from 1; got {size!r}. "
            "Write size=(128, 128), say."
        )
    return int(sides[0]), int(sides[1])


def _check_paths(paths: Any) -> NDArray[Any]:
    if isinstance(paths, (str, os.PathLike)):
        raise TypeError(
            f"paths must be a list of files; got one path, {os.fspath(paths)!r}. "
            "Put it in a list, or give a folder to load_image_folder."
        )
    # Objects: as fixed-width text, one long path would make room for itself in every row.
    return np.array([os.fspath(path) for path in paths], dtype=object)
