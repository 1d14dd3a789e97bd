"""Solvers by name. A new gradient solver is one line in SOLVERS; another way to train is one line and one file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sknets.training._plan import Penalty, SolverSpec


@dataclass(frozen=True)
class Solver:
    """One way to find the weights.

    Attributes
    ----------
    optimizer : type of torch.optim.Optimizer or None
        None for solvers that do not step along mini-batch gradients.
    method : {"gradient", "full_batch", "closed_form", "perceptron_rule"}
        Which file of this folder runs it.
    translate : callable
        Maps scikit-learn's hyperparameters to the optimizer's keyword arguments.
    has_fused_kernel : bool
    decays_weights : bool
        Whether the L2 penalty acts on the weights directly instead of through the loss (AdamW).
    runs_on_cpu : bool
        Whether the work is done on the CPU whatever device was asked for.
    """

    optimizer: type[torch.optim.Optimizer] | None
    method: str = "gradient"
    translate: Callable[[dict[str, Any]], dict[str, Any]] = lambda hyper: {}
    has_fused_kernel: bool = False
    decays_weights: bool = False
    runs_on_cpu: bool = False


def _sgd(hyper: dict[str, Any]) -> dict[str, Any]:
    momentum = hyper.get("momentum", 0.0)
    return {"momentum": momentum, "nesterov": hyper.get("nesterovs_momentum", False) and momentum > 0}


def _adam(hyper: dict[str, Any]) -> dict[str, Any]:
    return {"betas": (hyper.get("beta_1", 0.9), hyper.get("beta_2", 0.999)), "eps": hyper.get("epsilon", 1e-8)}


SOLVERS: dict[str, Solver] = {
    "sgd": Solver(torch.optim.SGD, translate=_sgd, has_fused_kernel=True),
    "adam": Solver(torch.optim.Adam, translate=_adam, has_fused_kernel=True),
    "adamw": Solver(torch.optim.AdamW, translate=_adam, has_fused_kernel=True, decays_weights=True),
    "adamax": Solver(torch.optim.Adamax, translate=_adam),
    "nadam": Solver(torch.optim.NAdam, translate=_adam),
    "adadelta": Solver(torch.optim.Adadelta),
    "rmsprop": Solver(torch.optim.RMSprop),
    "lbfgs": Solver(None, method="full_batch"),
    "exact": Solver(None, method="closed_form", runs_on_cpu=True),
    "perceptron": Solver(None, method="perceptron_rule", runs_on_cpu=True),
}

#: Names that the estimators offer as stochastic solvers.
GRADIENT_SOLVERS = tuple(name for name, solver in SOLVERS.items() if solver.method == "gradient")


def get_solver(solver: str | type[torch.optim.Optimizer]) -> Solver:
    """Return the table's entry for a name, or an entry for a torch optimizer class."""
    return SOLVERS[solver] if isinstance(solver, str) else Solver(solver)


def penalty_in_loss(spec: SolverSpec, penalty: Penalty) -> Penalty:
    """Return the part of the penalty that is added to the loss."""
    return Penalty(penalty.l1, 0.0, penalty.divisor, penalty.mean_weight) if _decays(spec) else penalty


class NoOptimizer:
    """Stands where skorch's callbacks expect an optimizer; the first of torch's own takes a second to import."""

    def __init__(self, learning_rate: float) -> None:
        self.param_groups: list[dict[str, Any]] = [{"lr": learning_rate, "params": []}]

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take an empty state."""


def make_optimizer(spec: SolverSpec, module: nn.Module, penalty: Penalty) -> torch.optim.Optimizer | NoOptimizer:
    """Build the torch optimizer for a module's trainable parameters, fused where torch has the kernel."""
    # Frozen ones too: they have no gradient and stay, and a thawed one is known.
    if get_solver(spec.solver).optimizer is None:
        return NoOptimizer(spec.learning_rate)
    named = list(module.named_parameters())
    optimizer = build_optimizer(spec, [p for _, p in named], [p for _, p in named if p.ndim > 1], penalty)
    return _split_by_rate(optimizer, spec, {id(parameter): name for name, parameter in named})


def build_optimizer(
    spec: SolverSpec, parameters: list[nn.Parameter], weights: list[nn.Parameter], penalty: Penalty
) -> torch.optim.Optimizer:
    """Build the torch optimizer for ``parameters``, of which ``weights`` decay where the solver decays them."""
    solver = get_solver(spec.solver)
    arguments: dict[str, Any] = solver.translate(spec.arguments)
    if solver.has_fused_kernel and all(parameter.device.type in ("cpu", "cuda") for parameter in parameters):
        arguments["fused"] = True
    arguments.update(spec.arguments.get("solver_params") or {})
    groups: Iterable[Any] = parameters
    if solver.decays_weights and "weight_decay" not in arguments:
        decaying = {id(weight) for weight in weights}
        others = [parameter for parameter in parameters if id(parameter) not in decaying]
        groups = [
            {"params": weights, "weight_decay": penalty.l2 / (penalty.divisor or 1.0)},
            {"params": others, "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
    make: Callable[..., torch.optim.Optimizer] = solver.optimizer  # type: ignore[assignment]  # not None here
    try:
        return make(groups, **{"lr": spec.learning_rate, **arguments})
    except (TypeError, ValueError) as error:
        given = spec.arguments.get("solver_params")
        raise ValueError(
            f"solver={spec.solver!r} could not be made with solver_params={given}: {error}. "
            "solver_params takes keyword arguments of the torch optimizer."
        ) from error


def _split_by_rate(optimizer: torch.optim.Optimizer, spec: SolverSpec, names: dict[int, str]) -> torch.optim.Optimizer:
    """Divide groups of parameters so that those with a share of the learning rate have groups of their own."""
    for start, factor in spec.rate_factors.items():
        for group in list(optimizer.param_groups):
            slower = [p for p in group["params"] if names[id(p)].startswith(start)]
            if slower:
                group["params"] = [p for p in group["params"] if not names[id(p)].startswith(start)]
                rates = {"lr": spec.learning_rate * factor, "rate_factor": factor}
                optimizer.param_groups.append({**group, "params": slower, **rates})
        optimizer.param_groups[:] = [group for group in optimizer.param_groups if group["params"]]
    return optimizer


def _decays(spec: SolverSpec) -> bool:
    return get_solver(spec.solver).decays_weights
