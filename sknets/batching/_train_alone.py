"""Training one network by itself, and counting it."""

from collections.abc import Callable, Sequence
from time import perf_counter

from sknets.batching._description import count_epochs, describe
from sknets.batching._report import BatchingReport
from sknets.training import InMemoryNet, TrainingPlan


def train_alone(
    train: Callable[[TrainingPlan, InMemoryNet], InMemoryNet],
    plan: TrainingPlan,
    net: InMemoryNet,
    reports: Sequence[BatchingReport],
    reason: str,
) -> InMemoryNet:
    """Call ``train`` in the present thread and tell the reports why the net was alone."""
    if not reports:
        return train(plan, net)
    began = perf_counter()
    try:
        return train(plan, net)
    finally:
        network, seconds = describe(plan, net), perf_counter() - began
        for report in reports:
            report._add_alone(network, reason, seconds, count_epochs(net))
