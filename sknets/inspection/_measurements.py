"""All that was measured, and the differences that a verdict looks at."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sknets.inspection._fold_fits import FoldScores
from sknets.inspection._gains import Gain, measure_gain
from sknets.inspection._probes import CALM, EARLIER, TIME, Probe

# Changes of how a loss is minimised, not of what it is.
_SAME_LOSS = (CALM, EARLIER, TIME)

# A gain on held-out rows comes from a better fit where the training rows gain at least so much of it.
FIT_SHARE = 0.5

# Where scores are near their end, the loss says more: half of it or less is a better fit, too.
LOSS_SHARE = 0.5

# A tenth of all that can be learnt, in every fold, needs no further test.
LARGE_SHARE = 0.1


@dataclass(frozen=True)
class Measurements:
    """Scores of the network, of its baselines and controls, and of the probes, on the same folds.

    Attributes
    ----------
    network, constant, shuffled : FoldScores
        As it is; a constant; the network on shuffled targets.
    linear : FoldScores or None
    sizes : dict of int to FoldScores
        The network on fewer rows.
    probes : dict of Probe to FoldScores
    test_per_train : float
    max_epochs : int
    """

    network: FoldScores
    constant: FoldScores
    shuffled: FoldScores
    linear: FoldScores | None
    sizes: dict[int, FoldScores]
    probes: dict[str, tuple[Probe, FoldScores]]
    test_per_train: float
    max_epochs: int

    @cached_property
    def chance(self) -> float:
        """The constant's score on held-out rows."""
        return float(np.mean(self.constant.valid))

    @cached_property
    def reach(self) -> float:
        """The best mean score on held-out rows above the constant's: the scale of all shares. At least tiny."""
        variants = [
            self.network,
            *([self.linear] if self.linear else []),
            *(scores for _, scores in self.probes.values()),
        ]
        best = max((float(np.mean(v.valid)) for v in variants if np.isfinite(v.valid).all()), default=-math.inf)
        return max(best - self.chance, np.finfo(float).tiny)

    @cached_property
    def learnt(self) -> float:
        """The network's score on its training rows, above the constant's."""
        return float(np.mean(self.bounded(self.network.train))) - self.chance

    def bounded(self, scores: np.ndarray) -> np.ndarray:
        """Return scores not farther below the constant's than the best is above, also for fits that failed.

        R² has no lower bound, and one fold in which a network blew up would hide what the others say.
        """
        floor = self.chance - self.reach
        return np.where(np.isfinite(scores), np.maximum(scores, floor), floor)

    def gain_over(self, before: FoldScores, after: FoldScores) -> Gain:
        """Return what a variant brings on held-out rows."""
        large = LARGE_SHARE * self.reach
        return measure_gain(self.bounded(before.valid), self.bounded(after.valid), self.test_per_train, large)

    def gain(self, scores: FoldScores) -> Gain:
        """Return what a variant brings on held-out rows, compared with the network as it is."""
        return self.gain_over(self.network, scores)

    def fits_better(self, scores: FoldScores, family: str = "") -> bool:
        """Whether a variant's gain on held-out rows comes from a better fit of the training rows."""
        on_training_rows = np.mean(self.bounded(scores.train) - self.bounded(self.network.train))
        if on_training_rows >= FIT_SHARE * self.gain(scores).mean:
            return True
        return family in _SAME_LOSS and bool(scores.train_loss.mean() <= LOSS_SHARE * self.network.train_loss.mean())

    @cached_property
    def gap(self) -> Gain:
        """What is lost from training rows to held-out ones; held-out rows of different folds are different rows."""
        large = LARGE_SHARE * max(self.learnt, self.reach)
        return measure_gain(self.bounded(self.network.valid), self.bounded(self.network.train), 0.0, large)

    @cached_property
    def gap_share(self) -> float:
        """The same as a share of what was learnt above the constant, or could be, whichever is more."""
        return max(self.gap.mean / max(self.learnt, self.reach), 0.0)

    @cached_property
    def loss_rise(self) -> float:
        """By how much the folds' mean held-out loss has risen since it was least; NaN without curves."""
        losses = self.mean_curve("valid_loss")
        least = losses.min() if len(losses) else math.nan
        return float(losses[-1] / least - 1) if least > 0 else math.nan

    @cached_property
    def overshoot(self) -> float:
        """How many times as high the first epoch's loss is as with smaller steps; 1 where nobody knows."""
        own = self.network.first_loss.mean()
        others = [s.first_loss.mean() for probe, s in self.probes.values() if probe.family == CALM]
        least = min((loss for loss in others if loss > 0), default=math.nan)
        return float(own / least) if math.isfinite(own / least) else 1.0

    @property
    def has_blown_up(self) -> bool:
        """Whether it is farther below a constant on its own training rows than the best is above on held-out ones."""
        return self.learnt <= -self.reach

    def mean_curve(self, column: str) -> np.ndarray:
        """Return the folds' mean, epoch by epoch; a fold that has ended counts with its last value."""
        curves = self.fold_curves(column, self.network)
        return curves.mean(axis=1)

    def fold_curves(self, column: str, scores: FoldScores) -> np.ndarray:
        """Return the folds' curves, of shape (n_epochs, n_folds); no epochs where none were seen in all folds."""
        n_folds = len(self.network.valid)
        if scores.curves is None or scores.curves["fold"].nunique() < n_folds:
            return np.empty((0, n_folds))
        table = scores.curves.pivot(index="epoch", columns="fold", values=column).ffill()
        return table.to_numpy(dtype=float)

    def best(self, families: Iterable[str], *, by_fit: bool) -> tuple[Probe, Gain] | None:
        """Return the probe with the largest clear gain, by a better fit of the training rows or without one."""
        families = set(families)
        found = [
            (probe, gain)
            for probe, scores in self.probes.values()
            if probe.family in families
            and (gain := self.gain(scores)).is_clear
            and self.fits_better(scores, probe.family) == by_fit
        ]
        return max(found, key=lambda pair: pair[1].mean, default=None)
