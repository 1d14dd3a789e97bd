"""The training engine: plans, nets, and the ways to train them."""

from sknets.training._feature_rows import gradual_unfreezing
from sknets.training._history import column, history_rows, last_row
from sknets.training._losses import LOSSES, REGRESSION_LOSSES
from sknets.training._net import InMemoryNet
from sknets.training._plan import (
    LossSpec,
    ModuleSpec,
    Penalty,
    Recipe,
    Rows,
    ScheduleSpec,
    SolverSpec,
    StoppingSpec,
    TrainingPlan,
)
from sknets.training._row_sources import RowSource, SparseRows, StoredRows
from sknets.training._schedules import SCHEDULES
from sknets.training._side_by_side import gains_beside_others, train_stacks
from sknets.training._solvers import GRADIENT_SOLVERS, SOLVERS, get_solver
from sknets.training._stack import Trainee, split_into_stacks, train_stack
from sknets.training._train import check_callbacks, make_net, takes_one_thread, train
from sknets.training._validation_split import split_off_validation
from sknets.training._watch import BaseWatch

__all__ = [
    "GRADIENT_SOLVERS",
    "LOSSES",
    "REGRESSION_LOSSES",
    "SCHEDULES",
    "SOLVERS",
    "BaseWatch",
    "InMemoryNet",
    "LossSpec",
    "ModuleSpec",
    "Penalty",
    "Recipe",
    "RowSource",
    "Rows",
    "ScheduleSpec",
    "SolverSpec",
    "SparseRows",
    "StoppingSpec",
    "StoredRows",
    "Trainee",
    "TrainingPlan",
    "check_callbacks",
    "column",
    "gains_beside_others",
    "get_solver",
    "gradual_unfreezing",
    "history_rows",
    "last_row",
    "make_net",
    "split_into_stacks",
    "split_off_validation",
    "takes_one_thread",
    "train",
    "train_stack",
    "train_stacks",
]
