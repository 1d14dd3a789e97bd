"""Normalization of a dense layer's outputs by name. A new one is one function and one line in NORMALIZATIONS."""

from collections.abc import Callable

from torch import nn

MAX_GROUPS = 8
MIN_GROUP_WIDTH = 4


def _group_norm(width: int) -> nn.Module:
    # Groups of one unit would normalize every value to zero, groups of two to a sign.
    fitting = [n for n in range(1, MAX_GROUPS + 1) if width % n == 0 and width // n >= MIN_GROUP_WIDTH]
    return nn.GroupNorm(max(fitting, default=1), width)


NORMALIZATIONS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
    "group": _group_norm,
}
