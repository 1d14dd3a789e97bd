"""The one door to torchvision, open also where its compiled part does not fit torch.

torchvision built for CUDA beside torch built for the CPU stops importing at two operators whose declaration its
compiled part would have brought. Transforms and models need neither. So they are declared here, only these two, and
only after the plain import has failed for that reason.
"""

import copy
import importlib
import pickle
import sys
from types import ModuleType
from typing import Any

_MISSING_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# The declarations live as long as this object.
_library: Any = None


def import_torchvision() -> ModuleType:
    """Return torchvision, its ``transforms.v2`` and ``models`` loaded; ImportError where it is not installed."""
    try:
        return _import()
    except RuntimeError as error:
        if _library is not None or not ("operator torchvision::" in str(error) and "does not exist" in str(error)):
            raise
    _declare_missing_operators()
    return _import()


class TorchvisionPickle:
    """Stands in a pickle for what needs torchvision, so that it comes through this door where the pickle is read."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return _load_pickle, (pickle.dumps(self.value),)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # In memory there is no door to open, and a function without a name can be copied, too.
        return copy.deepcopy(self.value, memo)


def _load_pickle(content: bytes) -> Any:
    import_torchvision()
    return pickle.loads(content)


def _import() -> ModuleType:
    if "torchvision" not in sys.modules:
        # An import that failed leaves parts of itself behind.
        for name in [name for name in sys.modules if name.startswith("torchvision.")]:
            del sys.modules[name]
    torchvision = importlib.import_module("torchvision")
    importlib.import_module("torchvision.transforms.v2")
    return torchvision


def _declare_missing_operators() -> None:
    global _library
    import torch

    _library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _MISSING_OPERATORS:
        _library.define(schema)
    sys.modules.pop("torchvision", None)


def __getattr__(name: str) -> Any:
    # For `from sknets.vision import transforms`.
    if name == "transforms":
        return import_torchvision().transforms.v2
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
