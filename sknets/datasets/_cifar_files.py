"""The binary release of CIFAR-10: six files of records, packed in one archive or not."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILES = ("test_batch.bin",)

#: The files of each subset, in the order in which they are put together.
SUBSET_FILES = {"train": TRAIN_FILES, "test": TEST_FILES, "all": TRAIN_FILES + TEST_FILES}

IMAGE_SHAPE = (3, 32, 32)
N_CLASSES = 10

# A record is a label, then the red, the green and the blue pixels, row by row, one byte each.
N_PIXELS = 3 * 32 * 32
RECORD_BYTES = 1 + N_PIXELS


def find_unpacked(folder: Path, names: tuple[str, ...]) -> bool:
    """Whether all the files are in the folder."""
    return all((folder / name).is_file() for name in names)


def read_unpacked(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the files' contents by name."""
    return {name: (folder / name).read_bytes() for name in names}


def read_archive(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the contents of the named files in the archive, in memory: nothing is unpacked to the disk.

    Parameters
    ----------
    path : pathlib.Path
        ``cifar-10-binary.tar.gz``.
    names : tuple of str
        Names without folders.

    Returns
    -------
    contents : dict of str to bytes

    Raises
    ------
    ValueError
        If the archive is not whole or lacks a file.
    """
    try:
        contents = {name: content for name, content in _read_members(path) if name in names}
    except (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error) as error:
        raise ValueError(
            f"{path} must be a tar.gz archive that unpacks without error; got {error!r}. "
            "It is cut off or damaged: delete it, and the next call downloads it again."
        ) from error
    missing = [name for name in names if name not in contents]
    if missing:
        raise ValueError(
            f"{path} must hold {', '.join(names)}; {', '.join(missing)} is not in it. "
            "It is another archive, such as the one for Python: delete it, and the next call downloads the binary one."
        )
    return contents


def parse_records(content: bytes, source: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return pixels of shape (n, 3 * 32 * 32) and labels of shape (n,), both views of ``content``.

    Parameters
    ----------
    content : bytes
    source : str
        Where the bytes come from, for the message.

    Raises
    ------
    ValueError
        If these are no records of CIFAR-10.
    """
    if not content or len(content) % RECORD_BYTES:
        raise ValueError(
            f"{source} must hold records of {RECORD_BYTES} bytes; got {len(content)} bytes. "
            "It is cut off or damaged: delete it and get it again."
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD_BYTES)
    labels, pixels = records[:, 0], records[:, 1:]
    if labels.max() >= N_CLASSES:
        raise ValueError(
            f"{source} must hold labels 0 to {N_CLASSES - 1}; got {labels.max()}. "
            "It is damaged, or of another data set: delete it and get it again."
        )
    return pixels, labels


def _read_members(path: Path) -> Iterator[tuple[str, bytes]]:
    # "r|": as a stream, front to back, which does not unpack everything a second time to look for a name.
    with gzip.open(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            file = archive.extractfile(member) if member.isreg() and name in SUBSET_FILES["all"] else None
            if file is not None:
                yield name, file.read()
        # gzip compares its checksum at the very end only.
        while unpacked.read(io.DEFAULT_BUFFER_SIZE):
            pass
