"""Features of a frozen backbone, computed once, in place of the pictures that they were computed from."""

import math
from dataclasses import replace
from typing import Any

import torch

from sknets.training._net import InMemoryNet
from sknets.training._plan import Rows, TrainingPlan
from sknets.training._row_sources import RowSource
from sknets.training.callbacks import Unfreeze


def gradual_unfreezing(
    plan: TrainingPlan, net: InMemoryNet, epochs: tuple[int, ...], is_whole: bool = False
) -> TrainingPlan:
    """Return the plan for a net whose backbone is frozen at first.

    Parameters
    ----------
    plan : TrainingPlan
    net : InMemoryNet
        Its module is a ``TransferNetwork``.
    epochs : tuple of int
        After how many epochs each step of thawing comes; empty for none.
    is_whole : bool
        Whether one step thaws all of the backbone, instead of a share of its parts.
    """
    module: Any = net.module_
    both = (plan.train, plan.validation)
    if not epochs:
        inputs = [None if rows is None else compute_features(net, rows.inputs) for rows in both]
        return _with_inputs(plan, *inputs)
    n_stages = None if is_whole else -(-len(module.stages) // len(epochs))
    plan = replace(plan, listeners=(*plan.listeners, ("unfreeze", Unfreeze(epochs, n_stages))))
    if not plan.is_one_pass:
        # Every fit counts its epochs anew.
        module.train_stages(0)
    n_done = net.epochs_of_fit if plan.is_one_pass and hasattr(net, "order") else 0
    if n_done >= epochs[0]:
        # Nobody will ask for features any more.
        return plan
    parts = [
        None if rows is None else FeatureRows(net, rows.inputs, compute_features(net, rows.inputs)) for rows in both
    ]
    return _with_inputs(plan, *parts)


def _with_inputs(plan: TrainingPlan, train: Any, validation: Any) -> TrainingPlan:
    valid: Rows | None = plan.validation
    if valid is not None:
        valid = replace(valid, inputs=validation)
    return replace(plan, train=replace(plan.train, inputs=train), validation=valid)


class FeatureRows(RowSource):
    """Gives features while the net's backbone is frozen, and the pictures themselves once it learns.

    Parameters
    ----------
    net : InMemoryNet
        Its module is a ``TransferNetwork``.
    pictures : torch.Tensor or RowSource of shape (n, ...)
    features : torch.Tensor of shape (n, 1, 1, 1, n_features)
    """

    n_bytes = math.inf

    def __init__(self, net: InMemoryNet, pictures: torch.Tensor | RowSource, features: torch.Tensor) -> None:
        self.module: Any = net.module_
        self.pictures = pictures
        self.features = features
        self.device = features.device
        self.shape = tuple(pictures.shape)

    def __getitem__(self, rows: Any) -> torch.Tensor:
        source = self.features if self.module.is_frozen else self.pictures
        return source[rows]

    def sample(self) -> torch.Tensor:
        """Return a picture, whose way through the backbone is the costly one."""
        return self.pictures.sample() if isinstance(self.pictures, RowSource) else self.pictures[:1]


def compute_features(net: InMemoryNet, pictures: torch.Tensor | RowSource) -> torch.Tensor:
    """Return the features of all pictures, of shape (n, 1, 1, 1, n_features), as the backbone is now."""
    module: Any = net.module_
    module.eval()
    step = net.rows_per_pass(pictures)
    with torch.no_grad(), net.autocast():
        parts = [module.features(pictures[i : i + step]) for i in range(0, len(pictures), step)]
    features = torch.cat(parts).to(net.recipe.precision.dtype)
    return features[:, None, None, None]
