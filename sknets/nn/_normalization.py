"""Normalization of a layer's outputs by name. A new one is one function and one line in each table."""

from collections.abc import Callable

from torch import nn

from sknets.nn._batch_normalization import BatchNormalization

MAX_GROUPS = 8
# Wu and He (2018, arXiv:1803.08494, table 3) find 16 channels a group best. In five dense layers of 32 units on digits
# groups of 4, 8 and 16 gave accuracies of 0.88, 0.92 and 0.93 (mean of five seeds).
MIN_GROUP_WIDTH = 16


def _group_norm(width: int) -> nn.Module:
    fitting = [n for n in range(1, MAX_GROUPS + 1) if width % n == 0 and width // n >= MIN_GROUP_WIDTH]
    return nn.GroupNorm(max(fitting, default=1), width)


def _all_channels(width: int) -> nn.Module:
    # Over channels and pixels, as nn.LayerNorm would, but for pictures of any size.
    return nn.GroupNorm(1, width)


#: Of dense layers.
NORMALIZATIONS: dict[str, Callable[[int], nn.Module]] = {
    "batch": BatchNormalization,
    "layer": nn.LayerNorm,
    "group": _group_norm,
}

#: Of convolutional layers.
CHANNEL_NORMALIZATIONS: dict[str, Callable[[int], nn.Module]] = {
    "batch": BatchNormalization,
    "layer": _all_channels,
    "group": _group_norm,
}
