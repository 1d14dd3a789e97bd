"""Doors that open when a name is first used, so that importing the package costs nothing."""

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def lazy_doors(
    package: str, origins: Mapping[str, str], submodules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a module's ``__getattr__`` and ``__dir__`` (PEP 562).

    ``origins`` says which module each public name lives in; ``submodules`` are imported under their own names.
    """
    submodule_names = frozenset(submodules)

    def __getattr__(name: str) -> Any:
        if name in origins:
            value = getattr(import_module(origins[name]), name)
        elif name in submodule_names:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *origins, *submodule_names})

    return __getattr__, __dir__
