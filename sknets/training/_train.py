"""From a plan to a trained net."""

import copy
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback

from sknets._threads import SMALL_STEP_FLOPS, single_threaded, single_threaded_blas
from sknets.training._net import DEFAULT_BATCH_SIZE, ClassifierNet, InMemoryNet, RegressorNet, RowsDataset
from sknets.training._plan import Recipe, TrainingPlan
from sknets.training._watch import end_watches


def train(plan: TrainingPlan, net: InMemoryNet | None = None) -> InMemoryNet:
    """Train a new net by ``plan``, or ``net`` further, and return it."""
    net = make_net(plan.recipe, plan.random) if net is None else net
    prepare(plan, net)
    return train_prepared(plan, net)


def prepare(plan: TrainingPlan, net: InMemoryNet) -> None:
    """Set all that a training by ``plan`` begins with."""
    is_new = not hasattr(net, "order")
    is_as_built = is_new and net.recipe is plan.recipe
    has_other_solver = net.recipe.solver.solver != plan.recipe.solver.solver
    net.recipe = plan.recipe
    net.random = plan.random
    if plan.is_one_pass and not (is_new or has_other_solver):
        net.continue_training(plan)
    else:
        _renew_callbacks(net)
        net.start_training(plan, is_as_built)


def train_prepared(plan: TrainingPlan, net: InMemoryNet) -> InMemoryNet:
    """Train a net that ``prepare`` has made ready for ``plan``."""
    users_callbacks = net.callbacks_
    net.callbacks_ = [*users_callbacks, *plan.listeners]
    net.watches = plan.watches
    n_epochs = 1 if plan.is_one_pass else plan.max_epochs
    validation = None if plan.validation is None else RowsDataset(plan.validation)
    try:
        # Least squares is the one method whose large matrix products are LAPACK's.
        with (
            torch.enable_grad(),
            single_threaded_blas(net.solver.method != "closed_form"),
            single_threaded(takes_one_thread(plan, net)),
        ):
            net.partial_fit(RowsDataset(plan.train), epochs=n_epochs, validation=validation)
    finally:
        net.callbacks_ = users_callbacks
        end_watches(net)
    return net


def takes_one_thread(plan: TrainingPlan, net: InMemoryNet) -> bool:
    """Whether a step is so small that a second CPU thread gains nothing."""
    if torch.device(net.device).type != "cpu":
        return False
    return net.step_flops(plan.train.inputs) <= SMALL_STEP_FLOPS


def check_callbacks(callbacks: Any) -> tuple[Any, ...]:
    """Return skorch callbacks as a tuple; raise where one is none."""
    for entry in callbacks or ():
        callback = entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry
        is_class = isinstance(callback, type) and issubclass(callback, Callback)
        if not (is_class or isinstance(callback, Callback)):
            raise TypeError(
                f"callbacks must be skorch callbacks, or pairs (name, callback); got {entry!r}. "
                "Callbacks of scikit-learn are set by set_callbacks."
            )
    return tuple(callbacks or ())


def make_net(recipe: Recipe, random: np.random.RandomState) -> InMemoryNet:
    """Build a skorch net and give it its initial weights."""
    net_class = ClassifierNet if recipe.score == "accuracy" else RegressorNet
    arguments: dict[str, Any] = {"predict_nonlinearity": PREDICT_NONLINEARITIES.get(recipe.loss.name)}
    if recipe.score == "accuracy":
        n_outputs = int(recipe.module.arguments["n_outputs"])
        arguments["classes"] = np.arange(max(n_outputs, 2))
    module_class: Any = recipe.module.module_class
    return net_class(
        module_class,
        recipe=recipe,
        random=random,
        criterion=torch.nn.Module,
        optimizer=torch.optim.Optimizer,
        lr=recipe.solver.learning_rate,
        device=str(recipe.device),
        callbacks=_copies(recipe.callbacks),
        batch_size=recipe.batch_size or DEFAULT_BATCH_SIZE,
        # For callbacks that print, such as PrintLog; what the estimator prints depends on its own parameter.
        verbose=1,
        **arguments,
    ).initialize()


def two_columns(logits: torch.Tensor) -> torch.Tensor:
    """Return the probabilities of both classes from one column of logits, of each label from several."""
    positive = torch.sigmoid(logits)
    return torch.cat([1 - positive, positive], dim=1) if logits.shape[1] == 1 else positive


def softmax(logits: torch.Tensor) -> torch.Tensor:
    """Return class probabilities."""
    return torch.softmax(logits, dim=1)


def two_sides(scores: torch.Tensor) -> torch.Tensor:
    """Return one column of scores for each of two classes."""
    return torch.cat([-scores, scores], dim=1) if scores.shape[1] == 1 else scores


PREDICT_NONLINEARITIES = {
    "cross_entropy": softmax,
    "binary_cross_entropy": two_columns,
    "perceptron": two_sides,
    "poisson": torch.exp,
}


def _copies(callbacks: tuple[Any, ...]) -> list[Any]:
    # Shallow: the user's own objects collect no state of a training, while handles that they hold (an Optuna trial)
    # stay the same. A deep copy would cut a pruning callback off from its study without a word.
    return [(c[0], copy.copy(c[1])) if isinstance(c, tuple) else copy.copy(c) for c in callbacks]


def _renew_callbacks(net: InMemoryNet) -> None:
    if net.history:
        net.callbacks = _copies(net.recipe.callbacks)
        net.initialize_callbacks()
