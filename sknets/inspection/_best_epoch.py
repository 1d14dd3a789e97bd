"""The number of epochs that held-out folds find best, measured on folds that had no part in the choice."""

from dataclasses import replace

import numpy as np

from sknets.inspection._fold_fits import FoldScores
from sknets.inspection._measurements import Measurements
from sknets.inspection._probes import EARLIER, TIME, Probe

# With these the first epochs of a training are the same for any max_iter.
_SCHEDULES_WITHOUT_END = ("constant", "invscaling", "adaptive", "plateau")


def measure_best_epoch(found: Measurements, network: object) -> tuple[Probe, FoldScores] | None:
    """Return what another number of epochs brings; None where the curves do not say.

    Each fold ends at the epoch at which the mean of the others is best.
    """
    if getattr(network, "early_stopping", False):
        return None
    if getattr(network, "learning_rate", "constant") not in _SCHEDULES_WITHOUT_END:
        return None
    scores = found.probes["longer"][1] if "longer" in found.probes else found.network
    valid, train = (found.fold_curves(f"{part}_score", scores) for part in ("valid", "train"))
    if len(valid) < 2 or not (np.isfinite(valid).all() and np.isfinite(train).all()):
        return None
    n_folds = valid.shape[1]
    others = (valid.sum(axis=1, keepdims=True) - valid) / (n_folds - 1)
    chosen = others.argmax(axis=0)
    n_epochs = int(valid.mean(axis=1).argmax()) + 1
    is_longer = n_epochs > found.max_epochs
    probe = Probe(
        "best epoch",
        TIME if is_longer else EARLIER,
        f"train for {n_epochs} epochs",
        {"max_iter": n_epochs},
    )
    folds = np.arange(n_folds)
    losses = found.fold_curves("train_loss", scores)
    return probe, replace(
        scores,
        valid=valid[chosen, folds],
        train=train[chosen, folds],
        train_loss=losses[chosen, folds],
        n_epochs=chosen + 1.0,
    )
