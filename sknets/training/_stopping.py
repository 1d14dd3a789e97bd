"""When training has gained too little for too long; without torch."""

import math


class StoppingRule:
    """Count the epochs in a row that gained no more than ``tol``, as scikit-learn's perceptrons count them.

    Parameters
    ----------
    tol : float
        A loss must fall, or a score rise, by more than this to count as a gain.
    patience : float
        Training is to end after more than this many epochs without gain; infinity never ends it.
    monitor : {"loss", "score"}
        A loss is best when low, a score when high.

    Attributes
    ----------
    best : float
        The best value so far, whatever the tolerance.
    n_without_gain : int
        Epochs since the last gain.
    """

    def __init__(self, tol: float, patience: float, monitor: str = "loss") -> None:
        self.tol = tol
        self.patience = patience
        self.monitor = monitor
        self.best = math.inf if monitor == "loss" else -math.inf
        self.n_without_gain = 0

    def update(self, value: float) -> bool:
        """Take note of one epoch's value and return whether it is the best so far."""
        value, best = (value, self.best) if self.monitor == "loss" else (-value, -self.best)
        self.n_without_gain = self.n_without_gain + 1 if value > best - self.tol else 0
        is_best = value < best
        if is_best:
            self.best = value if self.monitor == "loss" else -value
        return is_best

    @property
    def is_exhausted(self) -> bool:
        """Whether training should end."""
        return self.n_without_gain > self.patience

    @property
    def n_epochs_to_end(self) -> float:
        """After how many epochs training may end at the earliest: if none of them gains anything."""
        return max(1, self.patience - self.n_without_gain + 1)

    def start_over(self) -> None:
        """Forget the epochs without gain, not the best value."""
        self.n_without_gain = 0

    def __str__(self) -> str:
        subject = "Training loss" if self.monitor == "loss" else "Validation score"
        return f"{subject} did not improve more than tol={self.tol:f} for {self.patience} consecutive epochs."
