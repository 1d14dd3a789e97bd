"""What holds in the caller's thread only, carried into the threads of its tasks."""

from collections.abc import Callable
from contextvars import copy_context

import sklearn
import torch
from joblib import parallel_config


class Caller:
    """The settings of the thread that makes one.

    These are the context variables (numpy's ``errstate`` is one), the configurations of scikit-learn and joblib, and
    torch's gradient mode. They hold in a task as they would had the caller run it; what a task changes ends with it.
    """

    def __init__(self) -> None:
        self._variables = copy_context()
        self._sklearn_config = sklearn.get_config()
        self._has_gradients = torch.is_grad_enabled()
        with parallel_config() as config:
            self._joblib_config = dict(config)

    def run(self, function: Callable[[], None]) -> None:
        """Call ``function`` in the present thread under the caller's settings."""
        # A copy, as no two threads can enter the same context.
        self._variables.copy().run(self._run_inside, function)

    def _run_inside(self, function: Callable[[], None]) -> None:
        with (
            sklearn.config_context(**self._sklearn_config),
            parallel_config(**self._joblib_config),
            torch.set_grad_enabled(self._has_gradients),
        ):
            function()
