"""Many small pictures of one size as one."""

import math

import numpy as np

# Smaller pictures are enlarged, so that gaps can be narrow.
LEAST_SIDE = 10


def choose_columns(n, most=8):
    """Return the number of columns for ``n`` pictures: a full last row if possible, and not higher than wide."""
    square = math.sqrt(n)
    choices = range(math.ceil(square), min(most, math.ceil(2 * square)) + 1)
    return min(choices, key=lambda columns: (-n % columns, abs(columns - 1.3 * square)), default=min(n, most))


def lay_tiles(tiles, n_columns):
    """Return pictures side by side in rows, with gaps of about a sixth of a picture between them.

    Parameters
    ----------
    tiles : ndarray of shape (n, height, width) or (n, height, width, 3)
        Of numbers, or of colours between 0 and 1.
    n_columns : int

    Returns
    -------
    mosaic : masked array of shape (rows, columns), or ndarray of shape (rows, columns, 4)
        Gaps are masked, or transparent. A pixel of a small picture is several here.
    corners : ndarray of shape (n, 2)
        The pictures' upper left ones, as (x, y) in pixels of the mosaic.
    size : (int, int)
        Width and height of a picture there.
    """
    factor = math.ceil(LEAST_SIDE / max(tiles.shape[1:3]))
    tiles = tiles.repeat(factor, axis=1).repeat(factor, axis=2)
    n, height, width = tiles.shape[:3]
    gap = max(1, round(max(height, width) / 6))
    n_rows = math.ceil(n / n_columns)
    shape = n_rows * (height + gap) - gap, n_columns * (width + gap) - gap
    is_colour = tiles.ndim == 4
    mosaic = np.zeros((*shape, 4)) if is_colour else np.full(shape, np.nan)
    corners = np.empty((n, 2))
    for i, tile in enumerate(tiles):
        row, column = divmod(i, n_columns)
        top, left = row * (height + gap), column * (width + gap)
        place = slice(top, top + height), slice(left, left + width)
        if is_colour:
            mosaic[place] = np.concatenate([tile, np.ones((height, width, 1))], axis=2)
        else:
            mosaic[place] = tile
        corners[i] = left - 0.5, top - 0.5  # a pixel's middle is at its number
    return (mosaic if is_colour else np.ma.masked_invalid(mosaic)), corners, (width, height)


def as_colours(tiles, limit):
    """Return weights of red, green and blue, of shape (n, 3, height, width), as colours: zero is grey."""
    return (0.5 + tiles.transpose(0, 2, 3, 1) / (2 * limit)).clip(0, 1)


def symmetric_limit(values):
    """Return the largest absolute value, and 1 where all are zero."""
    return float(np.abs(values).max(initial=0)) or 1.0
