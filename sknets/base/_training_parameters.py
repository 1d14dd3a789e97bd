"""The parameters of training that all gradient-trained estimators share: what they may be, what they become."""

import inspect
from typing import Any

import numpy as np
import torch

from sknets._parameter_checks import COUNT, NON_NEGATIVE, POSITIVE, Integral, Interval, Options, Real, StrOptions
from sknets.training import SCHEDULES, ScheduleSpec, SolverSpec, StoppingSpec

_SHARE = Interval(Real, 0, 1, closed="left")

DEVICE_CONSTRAINTS: dict[str, list[Any]] = {
    "device": [str, torch.device],
    "precision": [StrOptions({"auto", "float32", "float64", "bfloat16"})],
    "callbacks": [list, tuple, None],
}

GRADIENT_CONSTRAINTS: dict[str, list[Any]] = {
    "batch_size": [StrOptions({"auto"}), COUNT],
    "learning_rate": [StrOptions(set(SCHEDULES))],
    "learning_rate_init": [POSITIVE],
    "power_t": [NON_NEGATIVE],
    "max_iter": [COUNT],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [NON_NEGATIVE],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_SHARE],
    "beta_1": [_SHARE],
    "beta_2": [_SHARE],
    "epsilon": [POSITIVE],
    "n_iter_no_change": [COUNT, Options(Real, {np.inf})],
    "solver_params": [dict, None],
    **DEVICE_CONSTRAINTS,
}

CLASS_WEIGHT_CONSTRAINT: list[Any] = [dict, list, StrOptions({"balanced"}), None]

COUNT_OR_ZERO = Interval(Integral, 0, None, closed="left")


def check_solver_class(solver: Any) -> None:
    """Refuse classes that are not torch optimizers."""
    if not inspect.isclass(solver):
        return
    is_optimizer = issubclass(solver, torch.optim.Optimizer) and solver is not torch.optim.Optimizer
    if not is_optimizer or issubclass(solver, torch.optim.LBFGS):
        raise ValueError(
            "solver must be a name or a subclass of torch.optim.Optimizer that steps along gradients; "
            f"got the class {solver.__name__!r}. Pass for example solver='adam', 'lbfgs' or torch.optim.RAdam."
        )


def check_activation(activation: Any) -> None:
    """Refuse classes that are not torch modules."""
    if isinstance(activation, type) and not issubclass(activation, torch.nn.Module):
        raise ValueError(
            "activation must be a name or a subclass of torch.nn.Module that needs no arguments; got the class "
            f"{activation.__name__}. Pass for example activation='relu' or activation=torch.nn.ReLU6."
        )


def gradient_solver_spec(estimator: Any) -> SolverSpec:
    """Collect the solver's hyperparameters from an estimator that has them all."""
    names = ("momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon", "solver_params")
    return SolverSpec(
        estimator.solver, float(estimator.learning_rate_init), {name: getattr(estimator, name) for name in names}
    )


def schedule_spec(estimator: Any) -> ScheduleSpec:
    """Collect the learning rate's schedule."""
    return ScheduleSpec(estimator.learning_rate, float(estimator.power_t))


def stopping_spec(estimator: Any, watches_score: bool) -> StoppingSpec:
    """Collect the stopping rule."""
    return StoppingSpec(float(estimator.tol), float(estimator.n_iter_no_change), "score" if watches_score else "loss")
