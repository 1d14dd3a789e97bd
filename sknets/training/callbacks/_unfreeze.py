"""Thaw the parts of a backbone epoch by epoch."""

from typing import Any

from skorch.callbacks import Callback


class Unfreeze(Callback):
    """Let further parts of a backbone learn from given epochs on, the last parts first.

    Parameters
    ----------
    epochs : sequence of int
        After ``epochs[i]`` epochs of the fit, ``i + 1`` steps are taken.
    stages_per_step : int or None
        Parts that each step thaws; None for all.
    """

    def __init__(self, epochs: tuple[int, ...], stages_per_step: int | None) -> None:
        self.epochs = epochs
        self.stages_per_step = stages_per_step

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Set what learns in the epoch that begins."""
        n_steps = sum(net.epochs_of_fit >= epoch for epoch in self.epochs)
        n_stages = len(net.module_.stages) if self.stages_per_step is None else self.stages_per_step * n_steps
        net.module_.train_stages(n_stages if n_steps else 0)
