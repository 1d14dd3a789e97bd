"""Ctrl-C at a line that a test chooses."""

import itertools
import sys


def interrupt_at_line(n, is_watched, function):
    """Call ``function``; raise KeyboardInterrupt at the n-th line of watched modules that this thread comes to.

    ``is_watched`` takes a module's name.
    """
    count, before = itertools.count(), sys.gettrace()

    def trace(frame, event, argument):
        if not is_watched(frame.f_globals.get("__name__", "")):
            return None
        if event == "line" and next(count) == n:
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        return function()
    finally:
        sys.settrace(before)
