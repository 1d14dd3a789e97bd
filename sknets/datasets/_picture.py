"""Decoding one picture file into an array of a given size."""

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow's names for the modes.
PILLOW_MODES = {"rgb": "RGB", "grey": "L"}

RESIZES = ("crop", "stretch")

# What Pillow raises for damaged files; its formats are written by many hands.
DAMAGES = (OSError, EOFError, IndexError, KeyError, SyntaxError, TypeError, ValueError, struct.error)


def decode_picture(path: str, size: tuple[int, int], mode: str, resize: str) -> NDArray[np.uint8]:
    """Return a picture, upright, of the given size.

    Parameters
    ----------
    path : str
    size : tuple of two int
        Height and width of the result in pixels.
    mode : {"rgb", "grey"}
    resize : {"crop", "stretch"}

    Returns
    -------
    pixels : ndarray of shape (height, width, 3), or (height, width) for "grey"

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no picture, or a damaged one.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            # JPEG unpacks at 1/2, 1/4 or 1/8 for a fraction of the time. Both sides at least twice the longer one that
            # is wanted leaves the resizing below enough to average, whichever way up the picture is.
            picture.draft(None, (2 * max(size), 2 * max(size)))
            upright = ImageOps.exif_transpose(picture)
            return np.asarray(_resize(_flatten(upright, PILLOW_MODES[mode]), size, resize))
    except FileNotFoundError:
        raise
    except (*DAMAGES, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def check_header(path: str) -> None:
    """Raise what ``decode_picture`` would, as far as the first bytes of the file show."""
    from PIL import Image

    try:
        Image.open(path).close()
    except FileNotFoundError:
        raise
    except (*DAMAGES, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: BaseException) -> ValueError:
    return ValueError(
        f"{path} must be a whole picture in a format that Pillow knows; got {error!r}. "
        "Replace or delete the file, or leave such files out by on_error='skip' in the loader."
    )


def _flatten(picture: "Image", pillow_mode: str) -> "Image":
    """Return a picture of eight bits per channel, without transparency or palette."""
    from PIL import Image

    if picture.mode == "F":
        raise ValueError("pixels that are floating-point numbers, whose range the file does not state")
    if picture.mode.startswith("I"):
        # Sixteen bits. Pillow's own conversion would clip them at 255.
        sixteen_bits: NDArray[Any] = np.asarray(picture).clip(0, 0xFFFF)
        picture = Image.fromarray((sixteen_bits >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        # Under transparent pixels lie arbitrary colours; over white they look as on a page.
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert(pillow_mode)


def _resize(picture: "Image", size: tuple[int, int], resize: str) -> "Image":
    from PIL.Image import Resampling

    height, width = size
    box = _centre_box(picture, height, width) if resize == "crop" else None
    # Pillow's bilinear filter averages over all pixels when it makes smaller: no aliasing.
    return picture.resize((width, height), Resampling.BILINEAR, box=box, reducing_gap=2.0)


def _centre_box(picture: "Image", height: int, width: int) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the largest part in the middle with the wanted ratio of sides."""
    scale = min(picture.width / width, picture.height / height)
    # min: rounding must not lead past the edge.
    box_width, box_height = min(width * scale, picture.width), min(height * scale, picture.height)
    left, top = (picture.width - box_width) / 2, (picture.height - box_height) / 2
    return left, top, min(left + box_width, picture.width), min(top + box_height, picture.height)
