"""Small networks, and functions for tasks that tests are made of."""

import signal
import threading
import time

from joblib import Parallel, delayed

from sknets import MLPClassifier
from sknets.batching._here import here

INTERRUPT_SECONDS = 60

# Its handler does nothing.
NUDGE = signal.SIGUSR1


def small(**parameters):
    """Return a network that takes milliseconds."""
    return MLPClassifier(**{"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, **parameters})


def fit(data, **parameters):
    """Fit one, and return its loss."""
    return small(**parameters).fit(*data).loss_


def run(functions, **options):
    """Run functions without arguments as the tasks of one call."""
    return Parallel(**options)(delayed(function)() for function in functions)


def interrupt_main_thread():
    """Press Ctrl-C."""
    # `_thread.interrupt_main` would not end a wait.
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def nudge_main_thread():
    """Have the main thread handle a signal that came as it was about to wait.

    Python has looked for signals by then, and looks again when the wait is over, or when another signal breaks in.
    """
    signal.pthread_kill(threading.main_thread().ident, NUDGE)


def interrupt_own_root():
    """Press Ctrl-C in a task that the main thread waits for, and return when the task is abandoned for it.

    A signal that is sent has not been handled yet: until then the task's fit would be trained as if nothing had
    happened, and a second signal would be one with the first.
    """
    task, end = here.task, time.monotonic() + INTERRUPT_SECONDS
    interrupt_main_thread()
    # Another task's failure may have had this one abandoned before.
    while not (task.call.session.is_aborted and task.is_abandoned):
        if time.monotonic() > end:
            raise TimeoutError("the main thread has not abandoned the task that interrupted it")
        nudge_main_thread()
        time.sleep(0.001)
