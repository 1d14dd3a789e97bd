"""Pieces of work that Ctrl-C must not leave half done."""

import threading
from collections.abc import Callable


def uninterrupted(function: Callable[[], None]) -> None:
    """Call ``function`` as a whole: Ctrl-C is raised when it is over.

    It runs in a thread of its own, since only the main thread hears of Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        function()
        return
    errors: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001  # raised below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="sknets-uninterrupted", daemon=True)
    interrupt: KeyboardInterrupt | None = None
    wait: Callable[[], None] = thread.start
    while wait == thread.start or thread.is_alive():
        try:
            wait()
        except KeyboardInterrupt as error:
            interrupt = error
        wait = thread.join
    if errors:
        raise errors[0]
    if interrupt is not None:
        raise interrupt
