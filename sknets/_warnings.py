"""Warnings that point at the user's own line, however deep in decorators they arise."""

import sys
import warnings
from types import FrameType

# Packages whose frames stand between a user's call and the place that warns.
_INNER_PACKAGES = ("sknets", "sklearn", "skorch", "contextlib", "functools")


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line outside sknets, scikit-learn and skorch."""
    frame: FrameType | None = sys._getframe(1)
    stacklevel = 2
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in _INNER_PACKAGES:
        frame = frame.f_back
        stacklevel += 1
    warnings.warn(message, category, stacklevel=stacklevel)
