"""Which modules the dense program knows, and their layers in a row."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from sknets.nn import MLP, ConvNet, ImageNetwork
from sknets.training._conv_layers import MAP_LAYERS
from sknets.training._dense_layers import LAYERS

Table = Mapping[type[nn.Module], Callable[[Any], Any]]

NOT_KNOWN = "its module is not known to the dense program"


def is_dense(module: nn.Module) -> bool:
    """Whether a network is a stack of dense layers that are all known."""
    return type(module) is MLP and _are_known(module, LAYERS)


def why_not_stacked(module: nn.Module) -> str | None:
    """Return why several networks of this structure cannot be computed side by side; None where they can."""
    if is_dense(module):
        return None
    if not isinstance(module, ImageNetwork):
        return NOT_KNOWN
    if module.input.augmentation is not None:
        return "augmentation changes its images"
    if type(module.body) is not ConvNet:
        return "of the convolutional networks only those of architecture='simple' are stacked"
    _, *layers = list_layers(module)
    n_maps = 1 + next(index for index, layer in enumerate(layers) if isinstance(layer, nn.Flatten))
    is_known = _are_known(layers[:n_maps], MAP_LAYERS) and _are_known(layers[n_maps:], LAYERS)
    return None if is_known else NOT_KNOWN


def list_layers(module: Any) -> list[nn.Module]:
    """Return a known module's layers from the input to the output."""
    if not isinstance(module, ImageNetwork):
        return list(module)
    body: Any = module.body
    return [module.input, *body]


def make_layers(modules: Sequence[Any]) -> list[Any]:
    """Return the program's layers for networks of one structure."""
    made = []
    table: Table = MAP_LAYERS if isinstance(modules[0], ImageNetwork) else LAYERS
    for layers in zip(*map(list_layers, modules), strict=True):
        made.append(table[type(layers[0])](layers))
        if isinstance(layers[0], nn.Flatten):
            table = LAYERS
    return made


def _are_known(layers: Iterable[nn.Module], table: Table) -> bool:
    return all(type(part) in table for layer in layers for part in layer.modules())
