"""The bridge from skorch's epochs to scikit-learn's callbacks."""

from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback


class EpochTasks(Callback):
    """Announce every epoch to scikit-learn's callbacks, and end training when one of them asks for it.

    Parameters
    ----------
    begin : callable
        Called with the net before an epoch; returns what ``end`` is to be given.
    end : callable
        Called with the net and what ``begin`` returned; returns whether training is to stop.
    """

    def __init__(self, begin: Callable[[Any], Any], end: Callable[[Any, Any], bool]) -> None:
        self.begin = begin
        self.end = end

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.task_ = self.begin(net)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if self.end(net, self.task_):
            raise KeyboardInterrupt
