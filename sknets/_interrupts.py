"""Pieces of work that Ctrl-C must not leave half done."""

import threading
from collections.abc import Callable

# A signal that comes in the moment before a wait begins is handled only when the wait ends, so that waits are renewed.
WAIT_SECONDS = 0.5


class Helper:
    """A thread that does one piece of work, and that can be waited for through interrupts.

    ``Thread.join`` cannot: interrupted, it takes the thread for ended (Python 3.11, bpo-45274).
    """

    def __init__(self, function: Callable[[], None], name: str) -> None:
        self._function = function
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin the work."""
        self._thread.start()

    def wait(self, on_interrupt: Callable[[KeyboardInterrupt], object]) -> None:
        """Return when the work is over, if it has begun; tell of every Ctrl-C meanwhile."""
        while self._thread.ident is not None and not self._is_over.is_set():
            try:
                self._is_over.wait(WAIT_SECONDS)
            except KeyboardInterrupt as interrupt:
                on_interrupt(interrupt)
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._function()
        finally:
            self._is_over.set()


def uninterrupted(function: Callable[[], None]) -> None:
    """Call ``function`` as a whole: Ctrl-C is raised when it is over.

    It runs in a thread of its own, since only the main thread hears of Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        function()
        return
    errors: list[BaseException] = []
    interrupts: list[KeyboardInterrupt] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001  # raised below, in the caller's thread
            errors.append(error)

    helper = Helper(run, "sknets-uninterrupted")
    try:
        helper.start()
    except KeyboardInterrupt as interrupt:
        interrupts.append(interrupt)
    helper.wait(interrupts.append)
    for error in (*errors, *interrupts):
        raise error
