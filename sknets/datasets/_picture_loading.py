"""From a list of picture files and their labels to what the loaders return."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sknets._warnings import warn_user
from sknets.datasets._image_files import ImageFiles, check_choice, map_in_threads
from sknets.datasets._picture import check_header

ON_ERRORS = ("raise", "skip")

MAX_NAMED = 5


def load_pictures(
    files: ImageFiles, *, lazy: bool, on_error: str
) -> tuple[ImageFiles | NDArray[np.uint8], NDArray[np.bool_]]:
    """Decode the files, or only look at their headers if ``lazy``.

    Parameters
    ----------
    files : ImageFiles of n pictures
    lazy : bool
    on_error : {"raise", "skip"}
        "skip" leaves out, with one warning, the files that cannot be read.

    Returns
    -------
    X : ndarray of shape (n_kept, height, width[, 3]), or ImageFiles if ``lazy``
    is_kept : ndarray of bool, of shape (n,)

    Raises
    ------
    ValueError
        If a file, or with "skip" every file, is damaged or no picture.
    """
    pixels = None if lazy else np.empty(files.shape, files.dtype)

    def find_fault(place: int) -> Exception | None:
        try:
            if pixels is None:
                check_header(files.paths[place])
            else:
                pixels[place] = files.read(np.array([place]))[0]
        # OSError: a link that leads nowhere.
        except (ValueError, OSError) as error:
            if on_error == "raise":
                raise
            return error
        return None

    faults = list(map_in_threads(find_fault, range(len(files))))
    X = files if pixels is None else pixels
    is_kept = np.array([fault is None for fault in faults], dtype=bool)
    if is_kept.all():
        return X, is_kept
    warn_of_skipped([path for path, fault in zip(files.paths, faults, strict=True) if fault], len(files), "be read")
    return X[is_kept], is_kept


def warn_of_skipped(paths: list[str], n_paths: int, purpose: str) -> None:
    """Warn that files are left out; raise if no others remain."""
    message = f"{len(paths)} of {n_paths} pictures cannot {purpose}: {name_some(paths)}."
    if len(paths) == n_paths:
        raise ValueError(f"At least one picture must remain; got none. {message} Check the path and the files.")
    warn_user(f"{message} They are left out, as on_error='skip' asks; replace or delete them to silence this.")


def name_some(names: Sequence[object]) -> str:
    """Return the first names and the number of the others."""
    n_more = len(names) - MAX_NAMED
    return ", ".join(map(str, names[:MAX_NAMED])) + (f" and {n_more} more" if n_more > 0 else "")


def check_on_error(on_error: str) -> None:
    """Raise ValueError unless it is one of the known ways."""
    check_choice("on_error", on_error, ON_ERRORS)


def as_result(
    X: Any, y: NDArray[Any], paths: NDArray[Any], target_names: list[str], description: str | None, return_X_y: bool
) -> Any:
    """Return ``(X, y)`` or a Bunch."""
    if return_X_y:
        return X, y
    return Bunch(data=X, target=y, target_names=target_names, paths=paths, DESCR=(description or "").strip())
