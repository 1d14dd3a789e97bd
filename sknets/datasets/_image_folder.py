"""Pictures sorted into one folder per class."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sknets._warnings import warn_user
from sknets.datasets._image_files import ImageFiles
from sknets.datasets._picture_loading import as_result, check_on_error, load_pictures, name_some

PICTURE_ENDINGS = frozenset(
    (".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)

SUBSET_NAMES = frozenset(("dev", "test", "train", "training", "val", "valid", "validation"))

# What macOS adds to an archive.
LITTER = "__MACOSX"


def load_image_folder(
    path: str | os.PathLike[str],
    *,
    size: tuple[int, int] | int = (128, 128),
    mode: str = "rgb",
    resize: str = "crop",
    lazy: bool = False,
    on_error: str = "raise",
    return_X_y: bool = True,
) -> Any:
    """Load pictures that are sorted into one folder per class, ``path/class/picture.jpg``.

    Parameters
    ----------
    path : str or path-like
        The folder that holds the class folders. Folders inside a class folder belong to that class.
    size : tuple of two int, or int, default=(128, 128)
        Height and width in pixels of every picture, at least 1; one number is both.
    mode : {"rgb", "grey"}, default="rgb"
        Three colour channels, or none.
    resize : {"crop", "stretch"}, default="crop"
        "crop" scales a picture, keeping its proportions, and cuts its middle out. "stretch" keeps all of it, out of
        proportion.
    lazy : bool, default=False
        Whether to leave the pictures on disk and decode them when they are used: for more pictures than fit into
        memory. 10 000 of the default size take 0.5 GB.
    on_error : {"raise", "skip"}, default="raise"
        What to do with a file that is damaged or no picture. "skip" leaves such files out, with one warning that names
        them. With ``lazy=True`` only the headers are looked at; damage further inside is an error when it is read.
    return_X_y : bool, default=True
        Whether to return ``(X, y)`` instead of a Bunch.

    Returns
    -------
    X : ndarray of shape (n, height, width, 3), or ImageFiles of that shape if ``lazy``
        Of type uint8; (n, height, width) for "grey". Sorted by class, then by path.
    y : ndarray of str, of shape (n,)
        The names of the class folders.
    bunch : sklearn.utils.Bunch
        If ``return_X_y=False``, ``data`` and ``target``, which are X and y, ``target_names``, the sorted list of
        classes, ``paths``, an ndarray of n file paths, and ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the folder has no class folders with pictures, a file cannot be read, or a parameter is out of range.

    Warns
    -----
    UserWarning
        If a class folder holds no pictures, if the class folders look like subsets, or if files are skipped.

    See Also
    --------
    load_annotated_images : Labels in a table instead of folders.
    ImageFiles : What ``lazy=True`` returns, and how pictures are decoded.

    Notes
    -----
    A file counts as a picture by the ending of its name: bmp, gif, jfif, jpeg, jpg, pbm, pgm, png, ppm, tif, tiff or
    webp, in upper or lower case. Other files, and files and folders whose names start with a dot, are left out.

    Examples
    --------
    >>> from sknets.datasets import load_image_folder
    >>> X, y = load_image_folder("photos/train", size=(128, 128))  # doctest: +SKIP
    >>> X.shape, y[0]  # doctest: +SKIP
    ((400, 128, 128, 3), 'daisy')
    """
    check_on_error(on_error)
    paths, classes = _list_pictures(Path(path))
    files = ImageFiles(paths, size=size, mode=mode, resize=resize)
    X, is_kept = load_pictures(files, lazy=lazy, on_error=on_error)
    y = np.array(classes)[is_kept]
    return as_result(X, y, files.paths[is_kept], np.unique(y).tolist(), load_image_folder.__doc__, return_X_y)


def _list_pictures(root: Path) -> tuple[list[str], list[str]]:
    """Return the paths and, for each, the class."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"path must be a folder with one folder of pictures per class; got {os.fspath(root)!r}, which "
            f"{'is a file' if root.exists() else 'does not exist'}. Relative paths start at {Path.cwd()}."
        )
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not _is_litter(entry.name))
    paths_by_class = {folder.name: list(_walk(folder)) for folder in folders}
    if not any(paths_by_class.values()):
        raise ValueError(_describe_expected_tree(root, list(paths_by_class)))
    _warn_of_oddities(paths_by_class)
    pairs = [(path, name) for name, paths in paths_by_class.items() for path in paths]
    return [path for path, _ in pairs], [name for _, name in pairs]


def _walk(folder: Path) -> Iterator[str]:
    for parent, subfolders, names in os.walk(folder):
        # In place: os.walk goes on into what is left, in this order.
        subfolders[:] = sorted(name for name in subfolders if not _is_litter(name))
        for name in sorted(names):
            if _is_picture(name):
                yield os.path.join(parent, name)


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name == LITTER


def _is_picture(name: str) -> bool:
    return not _is_litter(name) and os.path.splitext(name)[1].lower() in PICTURE_ENDINGS


def _describe_expected_tree(root: Path, class_names: list[str]) -> str:
    n_loose = sum(_is_picture(entry.name) for entry in root.iterdir())
    folders = f"the folders {name_some(class_names)} without a picture" if class_names else "no folders"
    loose = f" and {n_loose} pictures outside of any" if n_loose else ""
    return (
        f"{root} must hold one folder of pictures per class, such as\n"
        f"  {root.name or 'root'}/cat/one.jpg\n"
        f"  {root.name or 'root'}/cat/two.jpg\n"
        f"  {root.name or 'root'}/dog/three.jpg\n"
        f"got {folders}{loose}. Sort the pictures into such folders, or give their labels in a table to "
        f"load_annotated_images. Known endings: {', '.join(sorted(PICTURE_ENDINGS))}."
    )


def _warn_of_oddities(paths_by_class: dict[str, list[str]]) -> None:
    empty = [name for name, paths in paths_by_class.items() if not paths]
    if empty:
        warn_user(
            f"Every class folder should hold pictures; got none in {name_some(empty)}. "
            "These are no classes of y. Delete the folders if that is as it should be."
        )
    if all(name.lower() in SUBSET_NAMES for name in paths_by_class):
        warn_user(
            f"The folders in path should be classes; got {name_some(list(paths_by_class))}, which look like subsets. "
            "If they are, load each by a call of its own."
        )
