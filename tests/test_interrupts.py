import signal
import threading
import time

import pytest

from sknets._interrupts import uninterrupted


def test_what_is_not_to_be_interrupted_is_done_before_the_interrupt_is_raised():
    steps = []

    def work():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.05)
        steps.append("done")

    with pytest.raises(KeyboardInterrupt):
        uninterrupted(work)

    assert steps == ["done"]


def test_an_error_of_what_is_not_to_be_interrupted_is_raised():
    def fail():
        raise ArithmeticError("no inverse")

    with pytest.raises(ArithmeticError, match="no inverse"):
        uninterrupted(fail)
