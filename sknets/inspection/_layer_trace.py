"""Which layers of a module run, in which order, and the shapes of what they give."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from sknets._randomness import seeded_global_generator
from sknets.nn import Augmentation, Residual

#: Sizes of a tensor's axes; None is the axis of rows.
Shape = tuple[int | None, ...]

# They compute with the parameters of what they hold without calling it, or hold what is no layer.
WHOLE_LAYERS = (Augmentation, nn.MultiheadAttention)


@dataclass(frozen=True)
class LayerRun:
    """One layer with one shape of its outputs.

    Attributes
    ----------
    name : str
        Its place in the module, such as ``body.0``; empty for the module itself.
    layer : torch.nn.Module
    parameters : tuple of torch.nn.Parameter
        Those that belong to it, and not to a layer inside it.
    output_shape : tuple of int and None, or None
        Of the first tensor that it gives; None where it gives none or was not called.
    n_calls : int
        How often it was called and gave this shape.
    """

    name: str
    layer: nn.Module
    parameters: tuple[nn.Parameter, ...]
    output_shape: Shape | None
    n_calls: int


def trace_runs(module: nn.Module, row: torch.Tensor) -> list[LayerRun]:
    """Send ``row``, a batch of one, through ``module``; return its layers as they run, then those not called."""
    layers: dict[nn.Module, str] = {}
    _find_layers(module, "", layers, set())
    calls: Counter[tuple[nn.Module, Shape | None]] = Counter()

    def note(layer: nn.Module, inputs: Any, output: Any) -> None:
        calls[layer, _shape_of(output)] += 1

    with ExitStack() as stack:
        stack.enter_context(as_in_prediction(module, row.device))
        stack.enter_context(torch.no_grad())
        for layer in layers:
            stack.callback(layer.register_forward_hook(note).remove)
        module(row)
    called = {layer for layer, _ in calls}
    silent = [((layer, None), 0) for layer in layers if layer not in called]
    return [
        LayerRun(layers[layer], layer, _own_parameters(layer), shape, n_calls)
        for (layer, shape), n_calls in [*calls.items(), *silent]
    ]


def _find_layers(module: nn.Module, name: str, layers: dict[nn.Module, str], visited: set[nn.Module]) -> None:
    """Collect modules that hold no others, or tensors of their own."""
    if module in visited:
        return
    visited.add(module)
    children = [] if _is_whole(module) else list(module.named_children())
    has_tensors = bool(module._parameters or module._buffers)
    is_empty_list = isinstance(module, nn.ModuleList | nn.ModuleDict) and not has_tensors
    if (not children and not is_empty_list) or has_tensors or isinstance(module, Residual):
        layers[module] = name
    for child_name, child in children:
        _find_layers(child, f"{name}.{child_name}" if name else child_name, layers, visited)


def _is_whole(module: nn.Module) -> bool:
    return isinstance(module, WHOLE_LAYERS) or parametrize.is_parametrized(module)


def _own_parameters(layer: nn.Module) -> tuple[nn.Parameter, ...]:
    return tuple(layer.parameters(recurse=_is_whole(layer)))


def _shape_of(output: Any) -> Shape | None:
    tensor = next(_tensors(output), None)
    if tensor is None:
        return None
    shape = tuple(tensor.shape)
    # A layer inside may have put other axes before that of rows, or taken it away.
    return (None, *shape[1:]) if shape[:1] == (1,) else shape


def _tensors(output: Any) -> Iterator[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, Mapping | tuple | list):
        for part in output.values() if isinstance(output, Mapping) else output:
            yield from _tensors(part)


@contextmanager
def as_in_prediction(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Have a module run as in prediction, and leave it and torch's random numbers as they were."""
    # Not by module.eval(): a user's may do more than set the mode.
    modes = {layer: layer.training for layer in module.modules()}
    for layer in modes:
        layer.training = False
    try:
        # A module may draw random numbers in prediction, too.
        with seeded_global_generator(0, device if device.type == "cuda" else torch.device("cpu")):
            yield
    finally:
        for layer, mode in modes.items():
            layer.training = mode
