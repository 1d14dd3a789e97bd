"""What several tests of the engine need: fits without the warning that they were short, plans without estimators."""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sknets._device import Precision
from sknets.exceptions import DivergenceWarning
from sknets.nn import MLP
from sknets.training import (
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

CPU = torch.device("cpu")


def fit(estimator, *data, **more):
    """Fit for as many epochs as max_iter says: here nobody minds that this is too few."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Stochastic Optimizer: Maximum iterations", ConvergenceWarning)
        return estimator.fit(*data, **more)


def caught_while(action):
    """Return what an action returns, and the warnings that a training diverged."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(over="ignore"):
        warnings.simplefilter("always")
        result = action()
    return result, [str(w.message) for w in caught if issubclass(w.category, DivergenceWarning)]


def dense_layers(module):
    """The linear layers from the input to the output."""
    return [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]


def make_recipe(n_inputs=3, n_outputs=1, hidden=(4,), **changes):
    """A float64 regression by plain SGD, but for ``changes``."""
    arguments = {"n_inputs": n_inputs, "hidden_sizes": hidden, "n_outputs": n_outputs, "activation": "tanh"}
    defaults = {
        "module": ModuleSpec(MLP, arguments),
        "loss": LossSpec("squared_error"),
        "penalty": Penalty(),
        "solver": SolverSpec("sgd", 0.1),
        "schedule": ScheduleSpec(),
        "stopping": StoppingSpec(tol=0.0, patience=np.inf),
        "score": "r2",
        "seed": 0,
        "device": CPU,
        "precision": Precision(torch.float64),
    }
    return Recipe(**(defaults | changes))


def make_plan(recipe, inputs, targets, weights=None, *, max_epochs=3, seed=0, **changes):
    """A plan for numpy arrays."""
    rows = Rows(torch.from_numpy(inputs), torch.from_numpy(targets), weights)
    return TrainingPlan(recipe, rows, None, max_epochs, np.random.RandomState(seed), **changes)
