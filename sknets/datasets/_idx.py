"""Reading the idx format of MNIST and its relatives.

Two zero bytes, a byte for the kind of numbers, a byte for the number of dimensions, each dimension's length as four
bytes, then the numbers; high bytes first throughout.

References
----------
Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST Database of Handwritten Digits, 1998, section "File formats".
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

GZIP_START = b"\x1f\x8b"


def read_idx(path: Path) -> NDArray[Any]:
    """Return the array in an idx file, compressed by gzip or not.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    array : ndarray
        Of the shape that the file states, in the machine's byte order, writable.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not whole, or not in idx format.
    """
    content = _read_bytes(path)
    dtype, shape = _parse_header(content, path)
    start = 4 + 4 * len(shape)
    n_expected, n_found = math.prod(shape) * dtype.itemsize, len(content) - start
    if n_found != n_expected:
        raise ValueError(
            f"{path}: after its header an idx file of shape {shape} and type {dtype.name} must hold {n_expected} "
            f"bytes; got {n_found}. The file is cut off or damaged: delete it and get it again."
        )
    numbers = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return numbers.astype(dtype.newbyteorder("="))


def _read_bytes(path: Path) -> bytes:
    content = path.read_bytes()
    # Not by the name: browsers unpack .gz files and keep the ending, or the other way round.
    if not content.startswith(GZIP_START):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(
            f"{path}: a gzip file must unpack without error; got {error!r}. "
            "The file is cut off or damaged: delete it and get it again."
        ) from error


def _parse_header(content: bytes, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the numbers' type, in the file's byte order, and the array's shape."""
    if len(content) < 4 or content[:2] != b"\x00\x00":
        raise ValueError(
            f"{path}: an idx file must start with two zero bytes, a type and a number of dimensions; "
            f"got {content[:4].hex(' ') or 'an empty file'}. Is it the right file, such as train-images-idx3-ubyte.gz?"
        )
    code, n_dimensions = content[2], content[3]
    if code not in DTYPES:
        known = ", ".join(f"0x{known:02x}" for known in DTYPES)
        raise ValueError(
            f"{path}: the third byte of an idx file must be one of {known}; got 0x{code:02x}. "
            "The file is damaged, or in another format: delete it and get it again."
        )
    if n_dimensions == 0 or len(content) < 4 + 4 * n_dimensions:
        raise ValueError(
            f"{path}: an idx file must state the length of each dimension, at least one; got {n_dimensions} dimensions "
            f"in a file of {len(content)} bytes. The file is cut off or damaged: delete it and get it again."
        )
    lengths = np.frombuffer(content, ">u4", count=n_dimensions, offset=4)
    return np.dtype(DTYPES[code]), tuple(int(length) for length in lengths)
