"""Getting a file from the first mirror that has it, whole or not at all."""

import errno
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sknets.datasets._data_home import DATA_HOME_VARIABLE
from sknets.datasets._file_lock import hold_lock
from sknets.datasets._transfer import TransferError, continue_transfer

# A connection that breaks off is taken up again so often, as long as it brings something every time.
MAX_ATTEMPTS = 5


class Origin(NamedTuple):
    """Where a data set's files come from, and what they must be.

    Attributes
    ----------
    mirrors : tuple of str
        Addresses of folders, each ending with a slash, in the order in which they are tried.
    checksums : mapping of str to str
        By file name, the algorithm and the digest in hexadecimal: ``"sha256:3aede3..."``.
    """

    mirrors: tuple[str, ...]
    checksums: Mapping[str, str]


def download(name: str, folder: Path, origin: Origin) -> Path:
    """Bring a file into a folder unless it is there.

    The bytes go to ``<name>.part``, which a later call continues if this one breaks off. Only a file with the right
    checksum gets its name, by an atomic move, so nobody ever sees half of it. A second process waits for the first.

    Parameters
    ----------
    name : str
        One of the names in ``origin.checksums``.
    folder : pathlib.Path
        Made if it does not exist.
    origin : Origin

    Returns
    -------
    path : pathlib.Path
        ``folder / name``.

    Raises
    ------
    ConnectionError
        If no mirror gave the file; the message has the reason of each.
    OSError
        If the folder cannot be written to, or the disk is full.
    """
    path = folder / name
    try:
        failures = _download_alone(path, origin)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{folder} must be a folder that can be written to, with room for {name}; got: {error.strerror or error}. "
            f"Make room there, or name another folder by data_home= or by the environment variable "
            f"{DATA_HOME_VARIABLE}",
        ) from error
    if failures:
        reasons = "".join(f"\n  {url}: {reason}" for url, reason in failures.items())
        raise ConnectionError(
            f"{name} is not on this machine, so one of its mirrors must give it; got:{reasons}\n"
            f"Try again later, or get the file by other means and put it at {path}. If the data lie elsewhere, name "
            f"the folder above {folder.name!r} by data_home= or by the environment variable {DATA_HOME_VARIABLE}."
        )
    return path


def _download_alone(path: Path, origin: Origin) -> dict[str, str]:
    """Return why each mirror failed, by address; nothing if one did not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(path.with_name(f"{path.name}.lock")) as is_alone:
        # Whoever held the lock before may have brought the file.
        if path.is_file():
            return {}
        # Without locks, processes must not write into one another's file.
        part = path.with_name(f"{path.name}.part" if is_alone else f"{path.name}.{os.getpid()}.part")
        try:
            return _try_mirrors(path, part, origin)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                # A full disk is worse than downloading again.
                part.unlink(missing_ok=True)
            raise


def _try_mirrors(path: Path, part: Path, origin: Origin) -> dict[str, str]:
    failures = {}
    for mirror in origin.mirrors:
        url = f"{mirror}{path.name}"
        failure = _try_mirror(url, part, path.name, origin.checksums[path.name])
        if failure is None:
            os.replace(part, path)
            return {}
        failures[url] = failure
    return failures


def _try_mirror(url: str, part: Path, title: str, checksum: str) -> str | None:
    """Return why the mirror failed, or None if ``part`` is now the whole file."""
    failure = None
    for _ in range(MAX_ATTEMPTS):
        n_before = _n_bytes(part)
        try:
            continue_transfer(url, part, title)
        except TransferError as error:
            failure = str(error)
            if _n_bytes(part) <= n_before:
                return failure
            continue
        failure = _compare_checksum(part, checksum)
        if failure is None:
            return None
        part.unlink()
        if n_before == 0:
            return failure
        # The fault may lie in the bytes of an earlier transfer: once more from the start.
    return failure


def _n_bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _compare_checksum(path: Path, checksum: str) -> str | None:
    """Return what is wrong with a file's checksum, or None."""
    algorithm, expected = checksum.split(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if found == expected:
        return None
    return f"{algorithm} must be {expected}, got {found}: the mirror has another file, or a damaged one"
