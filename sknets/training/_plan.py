"""What is to be trained, as plain data: the seam between the estimators and those who train."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from sknets._device import Precision
from sknets.training._watch import BaseWatch


@dataclass(frozen=True)
class Rows:
    """Samples on their device.

    Attributes
    ----------
    inputs : torch.Tensor of shape (n, ...) or RowSource
    targets : torch.Tensor of shape (n,) or (n, n_outputs)
        Class indices (several classes), zeros and ones (two classes, several labels) or numbers (regression).
    weights : torch.Tensor of shape (n,) or None
        Positive, with mean 1.
    """

    inputs: Any
    targets: torch.Tensor
    weights: torch.Tensor | None = None

    def __len__(self) -> int:
        # A tenth of the time of torch's own len(), which a stack's log would notice.
        return int(self.targets.shape[0])


@dataclass(frozen=True)
class ModuleSpec:
    """How to build the module: what makes it, with which keyword arguments, and the name of its initialiser.

    Without an initialiser the module keeps the weights that it is made with.
    """

    module_class: Callable[..., nn.Module]
    arguments: dict[str, Any]
    initialiser: str | None = "glorot"


@dataclass(frozen=True)
class LossSpec:
    """A key of ``LOSSES`` and the keyword arguments of that loss."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Penalty:
    """``(l2 / 2 * sum of squared weights + l1 * sum of absolute weights) / divisor``, added to the mean loss.

    Without a divisor the number of rows in the batch (times ``mean_weight``) takes its place, as in scikit-learn's
    perceptrons. Biases and normalization layers are not penalised.
    """

    l1: float = 0.0
    l2: float = 0.0
    divisor: float | None = None
    mean_weight: float = 1.0

    def __bool__(self) -> bool:
        return bool(self.l1 > 0 or self.l2 > 0)

    def scale(self, n_rows: int) -> float:
        """Return the factor on ``l1`` and ``l2`` in a batch of ``n_rows`` rows."""
        return 1.0 / (self.divisor if self.divisor is not None else n_rows * self.mean_weight)


@dataclass(frozen=True)
class SolverSpec:
    """A key of ``SOLVERS`` or a torch optimizer class, with its learning rate and further keyword arguments.

    ``rate_factors`` maps the start of parameters' names, such as "backbone.", to their share of the learning rate.
    """

    solver: str | type[torch.optim.Optimizer]
    learning_rate: float = 1e-3
    arguments: dict[str, Any] = field(default_factory=dict)
    rate_factors: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ScheduleSpec:
    """A key of ``SCHEDULES`` and the exponent of inverse scaling."""

    name: str = "constant"
    power_t: float = 0.5


@dataclass(frozen=True)
class StoppingSpec:
    """When to stop: no gain of more than ``tol`` in more than ``patience`` epochs in a row.

    ``monitor`` is "loss" (of training, falling) or "score" (of validation, rising).
    """

    tol: float = 1e-4
    patience: float = 10
    monitor: str = "loss"


@dataclass(frozen=True)
class Recipe:
    """Everything about a training but its rows; what the net keeps when the rows are gone.

    Attributes
    ----------
    module, loss, penalty, solver, schedule, stopping
        Specifications; see their classes.
    batch_size : int or None
        None stands for as many as scikit-learn takes: 200, or all if there are fewer.
    score : {"accuracy", "r2"}
        What is computed on validation rows after every epoch.
    shuffle : bool
    seed : int
        Seeds the generators of dropout.
    device : torch.device
    precision : Precision
    verbose : bool or int
    callbacks : tuple
        skorch callbacks, or pairs (name, callback).
    """

    module: ModuleSpec
    loss: LossSpec
    penalty: Penalty
    solver: SolverSpec
    schedule: ScheduleSpec
    stopping: StoppingSpec
    score: str
    seed: int
    device: torch.device
    precision: Precision
    batch_size: int | None = None
    shuffle: bool = True
    verbose: bool | int = False
    callbacks: tuple[Any, ...] = ()


@dataclass(frozen=True)
class TrainingPlan:
    """One training: what to do, on which rows, for how long.

    Attributes
    ----------
    recipe : Recipe
    train : Rows
    validation : Rows or None
    max_epochs : int
    random : numpy.random.RandomState
        Belongs to this fit: draws initial weights first, then the order of the rows in every epoch.
    is_one_pass : bool
        Whether this is ``partial_fit``: go on with the optimizer, the schedule and the order of an earlier call.
    listeners : tuple
        Callbacks of the estimator itself, kept for this training only.
    watches : tuple of BaseWatch
        Who is shown the network's outputs after every epoch.
    """

    recipe: Recipe
    train: Rows
    validation: Rows | None
    max_epochs: int
    random: np.random.RandomState
    is_one_pass: bool = False
    listeners: tuple[Any, ...] = ()
    watches: tuple[BaseWatch, ...] = ()

    @property
    def looked_at(self) -> list[Any]:
        """Inputs that are only looked at: those of the validation rows, if there are any, then the watches'."""
        own = [] if self.validation is None else [self.validation.inputs]
        return own + [inputs for watch in self.watches for inputs in watch.inputs]
