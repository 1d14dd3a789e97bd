"""What the estimators share that are trained by gradients with scikit-learn's perceptrons' parameters."""

from typing import Any

from sknets._parameter_checks import COUNT, NON_NEGATIVE, StrOptions
from sknets.base._estimator import BaseNetwork
from sknets.base._training_parameters import (
    GRADIENT_CONSTRAINTS,
    check_solver_class,
    gradient_solver_spec,
    schedule_spec,
    stopping_spec,
)
from sknets.training import GRADIENT_SOLVERS, Penalty, ScheduleSpec, SolverSpec, StoppingSpec

#: Of every parameter that concerns training.
NETWORK_CONSTRAINTS: dict[str, list[Any]] = {
    **GRADIENT_CONSTRAINTS,
    "solver": [StrOptions({*GRADIENT_SOLVERS, "lbfgs"}), type],
    "alpha": [NON_NEGATIVE],
    "l1": [NON_NEGATIVE],
    "max_fun": [COUNT],
}


class BaseGradientNetwork(BaseNetwork):
    """A network with the penalties, solvers, schedules and stopping rules of scikit-learn's perceptrons."""

    def _check_solver(self) -> None:
        check_solver_class(self.solver)
        if self.solver == "lbfgs" and self.solver_params:
            raise ValueError(
                f"solver='lbfgs' takes no solver_params; got {self.solver_params}. Leave them out, or use max_fun, tol "
                "and max_iter."
            )

    def _penalty(self, weight_sum: float, mean_weight: float) -> Penalty:
        return Penalty(l1=float(self.l1), l2=float(self.alpha), mean_weight=mean_weight)

    def _solver_spec(self) -> SolverSpec:
        if self.solver == "lbfgs":
            return SolverSpec("lbfgs", arguments={"tol": self.tol, "maxfun": self.max_fun})
        return gradient_solver_spec(self)

    def _schedule_spec(self) -> ScheduleSpec:
        return schedule_spec(self)

    def _stopping_spec(self, watches_score: bool) -> StoppingSpec:
        return stopping_spec(self, watches_score)

    def _is_stepwise(self) -> bool:
        return self.solver != "lbfgs"
