"""Epochs of one network that are taken in a single call because nobody looks on, and their rows in the log."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sknets.training._history import write_rows

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet


def is_observed(net: "InMemoryNet", has_validation: bool) -> bool:
    """Whether something is to be done after every epoch: to score rows, to tell a callback or a watch, to print."""
    return bool(has_validation or net.callbacks_ or net.watches or net.recipe.verbose)


def count_epochs_ahead(net: "InMemoryNet", has_validation: bool, n_left: int) -> int:
    """Return how many of the epochs that are left may be taken before anyone must know of one; 1 where someone looks.

    Parameters
    ----------
    net : InMemoryNet
    has_validation : bool
        Whether rows are scored after every epoch.
    n_left : int
        Epochs until the training's last.
    """
    if is_observed(net, has_validation) or net.schedule.follows_log:
        return 1
    return int(min(n_left, net.rule.n_epochs_to_end))


class Stretch:
    """A network's next epochs.

    Parameters
    ----------
    net : InMemoryNet
    n_epochs : int
    n_batches : int
        In each epoch.

    Attributes
    ----------
    rates : list of list of float
        The learning rate of each batch of each epoch.
    """

    def __init__(self, net: "InMemoryNet", n_epochs: int, n_batches: int) -> None:
        self.net = net
        first = net.epochs_of_fit
        self.rates = [net.schedule.rates_in_epoch(epoch, n_batches) for epoch in range(first, first + n_epochs)]
        self._n_rows_before = len(net.history)
        self._counts_before = net.n_iter, net.epochs_of_fit, net.rows_seen
        self._rule_before = net.rule.best, net.rule.n_without_gain

    def log(self, losses: Sequence[float], seconds: float) -> None:
        """Write the first epochs, of these losses, each of so many seconds, into the log.

        It may be interrupted, and called again.
        """
        net, n = self.net, len(losses)
        if not n:
            return
        rows: list[dict[str, Any]] = [
            {"train_loss": loss, "learning_rate": rates[-1], "seconds": seconds}
            for loss, rates in zip(losses, self.rates, strict=False)
        ]
        write_rows(net.history, self._n_rows_before, rows)
        n_iter, epochs_of_fit, rows_seen = self._counts_before
        net.n_iter, net.epochs_of_fit = n_iter + n, epochs_of_fit + n
        net.rows_seen = rows_seen + n * net.order.n_rows
        net.rule.best, net.rule.n_without_gain = self._rule_before
        for loss in losses:
            net.rule.update(loss)
        if net.optimizer_.param_groups[0]["lr"] != rows[-1]["learning_rate"]:
            net.set_learning_rate(rows[-1]["learning_rate"])
