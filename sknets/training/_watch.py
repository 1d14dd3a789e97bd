"""Looking at a network in training, alone or in a stack, and ending its training; without touching it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet


class BaseWatch(ABC):
    """Someone who is shown a network's outputs for some rows after every epoch.

    It needs nothing else of the network, so that watched networks can be trained side by side. All methods may be
    called in another thread than the fit's, and must not raise.

    Parameters
    ----------
    inputs : sequence of torch.Tensor or RowSource
        Rows on the network's device. They are never trained on.
    """

    #: Whether networks that are trained one by one are to be trained epoch by epoch in turn, as a stack is.
    keeps_step = False

    def __init__(self, inputs: Sequence[Any]) -> None:
        self.inputs = tuple(inputs)

    @abstractmethod
    def tell(self, net: "InMemoryNet", row: dict[str, Any], outputs: Sequence[torch.Tensor]) -> None:
        """Take note of an epoch: its row in the log, and the outputs for each of ``inputs``."""

    @abstractmethod
    def wants_end(self) -> bool:
        """Whether training is to end; asked after every epoch, when all networks of a stack have told theirs."""

    @abstractmethod
    def end(self, net: "InMemoryNet") -> None:
        """Take note that no further epoch comes; the module has its last weights."""


def ask_to_end(net: "InMemoryNet") -> bool:
    """Whether a watch, or a callback before, wants the training to end."""
    for watch in net.watches:
        # All are asked: each may wait there for others.
        net.was_stopped |= watch.wants_end()
    return net.was_stopped


def end_watches(net: "InMemoryNet") -> None:
    """Tell the watches that training is over, and let go of them."""
    watches, net.watches = net.watches, ()
    for watch in watches:
        watch.end(net)
