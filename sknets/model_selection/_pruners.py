"""Pruners by name."""

from collections.abc import Callable
from typing import Any

from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner

#: Trials that a median is taken over, at least, and epochs that each trial is given before it is compared.
N_STARTUP_TRIALS = 5
N_WARMUP_EPOCHS = 5

PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "median": lambda: MedianPruner(N_STARTUP_TRIALS, N_WARMUP_EPOCHS),
    "hyperband": HyperbandPruner,
    "successive_halving": SuccessiveHalvingPruner,
}


def make_pruner(pruner: Any) -> BasePruner | None:
    """Return a pruner for its name; None for one that never prunes."""
    if isinstance(pruner, str):
        return PRUNERS[pruner]()
    return None if isinstance(pruner, NopPruner) else pruner
