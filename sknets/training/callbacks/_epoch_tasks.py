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
    close : callable
        Called at the end of training with what ``begin`` returned for an epoch that did not come any more.
    """

    def __init__(
        self, begin: Callable[[Any], Any], end: Callable[[Any, Any], bool], close: Callable[[Any], None]
    ) -> None:
        self.begin = begin
        self.end = end
        self.close = close

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.task_ = None

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.task_ = self.begin(net)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        task, self.task_ = self.task_, None
        if self.end(net, task):
            raise KeyboardInterrupt

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        if self.task_ is not None:
            self.close(self.task_)
