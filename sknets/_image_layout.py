"""Which axis of X is which: the layouts in which users hold pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: How many channels an axis may have to be taken for one without being told: grey, grey and alpha, colour, alpha.
CHANNEL_COUNTS = (1, 2, 3, 4)

#: Flat rows are taken for three square channels from this side on.
MIN_COLOUR_SIDE = 8

CHOICES = (
    "X may have the shape (n_samples, height, width), (n_samples, height, width, n_channels), "
    "(n_samples, n_channels, height, width), or (n_samples, n_channels * height * width) with "
    "image_shape=(n_channels, height, width)"
)


@dataclass(frozen=True)
class ImageLayout:
    """Where a picture's values stand in a row of X.

    Attributes
    ----------
    n_channels, height, width : int
    is_channels_last : bool
        Whether the channels of one pixel stand side by side.
    ndim : int
        Of X: 2 for flat rows, 3 without an axis of channels, 4 with one.
    """

    n_channels: int
    height: int
    width: int
    is_channels_last: bool = False
    ndim: int = 4

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(n_channels, height, width)."""
        return self.n_channels, self.height, self.width

    @property
    def n_values(self) -> int:
        """Numbers in one picture."""
        return math.prod(self.image_shape)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row of X."""
        if self.ndim == 2:
            return (self.n_values,)
        if self.ndim == 3:
            return self.height, self.width
        return self.unfolded_shape

    @property
    def unfolded_shape(self) -> tuple[int, int, int]:
        """The shape of one picture with its three axes in the order in which its values stand."""
        return (self.height, self.width, self.n_channels) if self.is_channels_last else self.image_shape


def resolve_layout(shape: Sequence[int], image_shape: Any = None) -> ImageLayout:
    """Find the layout of an X of ``shape``.

    Parameters
    ----------
    shape : sequence of int
        (n_samples, ...), two to four numbers.
    image_shape : sequence of two or three int, or None
        (n_channels, height, width), or (height, width) for one channel. None infers it: an axis of at most four is
        taken for the channels; flat rows for a square with one or three channels, else for a picture one pixel high.

    Raises
    ------
    ValueError
        If no layout fits, or more than one.
    """
    if len(shape) not in (2, 3, 4):
        raise ValueError(f"{CHOICES}; got {len(shape)} dimensions, shape {tuple(shape)}.")
    stated = None if image_shape is None else check_image_shape(image_shape)
    row = tuple(int(length) for length in shape[1:])
    if math.prod(row) == 0:
        raise ValueError(f"Pictures need at least one pixel; got X of shape {tuple(shape)}.")
    if len(row) == 1:
        return _resolve_flat(row[0], stated)
    if len(row) == 2:
        if stated is not None and stated not in ((1, *row), (*row, 1)):
            raise _does_not_fit(shape, stated)
        return ImageLayout(1, *row, ndim=3)
    return _resolve_stated(shape, stated) if stated is not None else _infer_channels(shape)


def match_layout(shape: Sequence[int], learnt: ImageLayout) -> ImageLayout:
    """Find the layout of further rows, of pictures like those of ``learnt``; another layout than before is welcome.

    Raises
    ------
    ValueError
        If the pictures have another size, or their layout could be mistaken.
    """
    row = tuple(int(length) for length in shape[1:])
    if row == learnt.row_shape:
        return learnt
    channels_first, channels_last = learnt.image_shape, (learnt.height, learnt.width, learnt.n_channels)
    if row == (learnt.n_values,):
        _refuse_unclear_order(row, learnt, is_clear=not learnt.is_channels_last)
        return ImageLayout(*learnt.image_shape, ndim=2)
    if row == (learnt.height, learnt.width) and learnt.n_channels == 1:
        return ImageLayout(*learnt.image_shape, ndim=3)
    if row == channels_first:
        _refuse_unclear_order(row, learnt, is_clear=row != channels_last)
        return ImageLayout(*learnt.image_shape)
    if row == channels_last:
        return ImageLayout(*learnt.image_shape, is_channels_last=True)
    raise ValueError(
        f"X must hold pictures of {_describe(learnt)}, as in fit; got rows of shape {row}. "
        "Resize or reshape them, or fit a new estimator."
    )


def check_image_shape(image_shape: Any) -> tuple[int, int, int]:
    """Return three positive whole numbers, two getting one channel put before them."""
    try:
        sizes = tuple(int(size) for size in image_shape)
        are_whole = all(size == given for size, given in zip(sizes, image_shape, strict=True))
    except (TypeError, ValueError):
        sizes, are_whole = (), False
    if not are_whole or len(sizes) not in (2, 3) or min(sizes) < 1:
        raise ValueError(
            "image_shape must be (n_channels, height, width), or (height, width) for one channel, in positive whole "
            f"numbers; got {image_shape!r}."
        )
    return (1, *sizes) if len(sizes) == 2 else sizes  # type: ignore[return-value]  # three numbers by now


def _resolve_flat(n_values: int, stated: tuple[int, int, int] | None) -> ImageLayout:
    if stated is not None:
        if math.prod(stated) != n_values:
            raise ValueError(
                f"image_shape={stated} has {math.prod(stated)} values, but X has {n_values} features. The product of "
                "channels, height and width must be the number of features."
            )
        if stated[0] not in CHANNEL_COUNTS and stated[2] in CHANNEL_COUNTS:
            return ImageLayout(stated[2], *stated[:2], is_channels_last=True, ndim=2)
        return ImageLayout(*stated, ndim=2)
    side = math.isqrt(n_values)
    if side * side == n_values:
        return ImageLayout(1, side, side, ndim=2)
    side = math.isqrt(n_values // 3)
    if 3 * side * side == n_values and side >= MIN_COLOUR_SIDE:
        return ImageLayout(3, side, side, ndim=2)
    return ImageLayout(1, 1, n_values, ndim=2)


def _resolve_stated(shape: Sequence[int], stated: tuple[int, int, int]) -> ImageLayout:
    row = tuple(shape[1:])
    channels, height, width = stated
    if row == stated:
        # (32, 32, 3) is what numpy says of a picture with channels last, not of 32 channels.
        if channels not in CHANNEL_COUNTS and width in CHANNEL_COUNTS:
            return ImageLayout(width, channels, height, is_channels_last=True)
        return ImageLayout(*stated)
    if row == (height, width, channels):
        return ImageLayout(*stated, is_channels_last=True)
    raise _does_not_fit(shape, stated)


def _infer_channels(shape: Sequence[int]) -> ImageLayout:
    _, first, middle, last = (int(length) for length in shape)
    may_be_first, may_be_last = first in CHANNEL_COUNTS, last in CHANNEL_COUNTS
    if may_be_first and not may_be_last:
        return ImageLayout(first, middle, last)
    if may_be_last and not may_be_first:
        return ImageLayout(last, first, middle, is_channels_last=True)
    why = "both its second and its last axis" if may_be_first else "neither its second nor its last axis"
    raise ValueError(
        f"The layout of X, of shape {tuple(shape)}, is ambiguous: {why} could be the channels, of which there are at "
        f"most {max(CHANNEL_COUNTS)}. Say which: image_shape={(first, middle, last)} for channels first, "
        + (
            f"image_shape={(last, first, middle)} for channels last."
            if (first, middle, last) != (last, first, middle)
            else "and the same with X.transpose(0, 3, 1, 2) in place of X for channels last."
        )
    )


def _does_not_fit(shape: Sequence[int], stated: tuple[int, int, int]) -> ValueError:
    return ValueError(
        f"image_shape={stated} does not fit X of shape {tuple(shape)}. {CHOICES}. Leave image_shape out unless X is "
        "flat or ambiguous."
    )


def _refuse_unclear_order(row: tuple[int, ...], learnt: ImageLayout, is_clear: bool) -> None:
    if learnt.n_channels > 1 and not is_clear:
        raise ValueError(
            f"Rows of shape {row} do not say whether their channels come first or last; the rows of fit had shape "
            f"{learnt.row_shape}. Give X in the layout of fit."
        )


def _describe(layout: ImageLayout) -> str:
    colours = "1 channel" if layout.n_channels == 1 else f"{layout.n_channels} channels"
    return f"{colours}, {layout.height} pixels high and {layout.width} wide"
