"""Modules of one plan, again and again: to build one costs more than to train a small network for an epoch."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import nn

# Structures, not weights: a few kilobytes each.
MAX_PLANS = 64


def build_blank(module_class: Callable[..., nn.Module], arguments: dict[str, Any], dtype: torch.dtype) -> nn.Module:
    """Build a module on the CPU, in memory whose values nobody has set, without drawing random numbers.

    Values that a part of the module brings along, such as an activation of the user's, stay; a module with parts of
    the user's is in float64 whatever ``dtype`` says, so that what they draw themselves does not depend on it.
    """
    if all(map(_is_plain, arguments.values())):
        return _copy(_remember_plan(module_class, tuple(arguments.items())), dtype)
    return _plan(module_class, arguments)._apply(lambda t: _make_memory(t, t.dtype) if t.is_meta else t)


def _plan(module_class: Callable[..., nn.Module], arguments: dict[str, Any]) -> nn.Module:
    with torch.device("meta"):
        return module_class(**arguments).double()


@lru_cache(MAX_PLANS)
def _remember_plan(module_class: Callable[..., nn.Module], arguments: tuple[tuple[str, Any], ...]) -> nn.Module:
    return _plan(module_class, dict(arguments))


def _is_plain(value: Any) -> bool:
    """Whether it may be remembered: no object of the user's, who may want it gone."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _copy(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    copy = object.__new__(type(module))
    state = {name: value.copy() if isinstance(value, dict | set) else value for name, value in vars(module).items()}
    state["_parameters"] = {
        name: None if value is None else nn.Parameter(_make_memory(value, dtype), value.requires_grad)
        for name, value in module._parameters.items()
    }
    state["_buffers"] = {
        name: None if value is None else _make_memory(value, dtype) for name, value in module._buffers.items()
    }
    state["_modules"] = {name: None if part is None else _copy(part, dtype) for name, part in module._modules.items()}
    # Past torch's __setattr__, which looks at every value.
    vars(copy).update(state)
    return copy


def _make_memory(planned: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Allocate what was planned, with numbers that are no counts in ``dtype``."""
    return torch.empty(planned.shape, dtype=dtype if planned.is_floating_point() else planned.dtype, device="cpu")
