"""What holds in one thread only, put away while a task rests in it and others go on there."""

import sklearn
import torch
from joblib import parallel_config

from sknets.batching._here import here


class ThreadState:
    """The present thread's settings: scikit-learn's and joblib's configurations, torch's gradients and threads.

    Context variables need not be put away: every task has its own.
    """

    def __init__(self) -> None:
        self._sklearn_config = sklearn.get_config()
        with parallel_config() as config:
            self._joblib_config = dict(config)
        self._has_gradients = torch.is_grad_enabled()
        self._n_threads = torch.get_num_threads()
        self._is_training = here.is_training

    def put_back(self) -> None:
        """Make them hold again, in the same thread."""
        sklearn.set_config(**self._sklearn_config)
        parallel_config(**self._joblib_config)
        torch.set_grad_enabled(self._has_gradients)
        if torch.get_num_threads() != self._n_threads:
            torch.set_num_threads(self._n_threads)
        here.is_training = self._is_training
