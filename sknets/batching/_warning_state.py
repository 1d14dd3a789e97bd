"""The process's warning filters, swapped when tasks take turns.

scikit-learn runs every task inside ``warnings.catch_warnings()``, which saves the filters when a task begins and puts
them back when it ends. That is right for blocks inside one another. Tasks that take turns are not: the first to end
would undo the filters of all, and the last would bring those of another task back for good.
"""

import warnings
from typing import Any

# Everything that `catch_warnings` saves; the last is private, and how `record=True` gets hold of warnings.
_NAMES = ("filters", "showwarning", "_showwarnmsg_impl")

WarningState = dict[str, Any]


def current_state() -> WarningState:
    """Return what holds now."""
    return {name: getattr(warnings, name) for name in _NAMES if hasattr(warnings, name)}


def put_back(state: WarningState) -> None:
    """Make ``state`` hold again."""
    if all(getattr(warnings, name) is value for name, value in state.items()):
        return
    for name, value in state.items():
        setattr(warnings, name, value)
    _tell_that_filters_changed()


def _tell_that_filters_changed() -> None:
    # The warnings module remembers what it has shown until it hears that its filters are others.
    tell = getattr(warnings, "_filters_mutated", None)
    if tell is not None:
        tell()
        return
    # Python 3.14 has it under another name; entering and leaving a block does the same, but not at one go.
    with warnings.catch_warnings():
        pass
