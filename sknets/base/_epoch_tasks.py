"""A fit and its epochs as tasks of scikit-learn's callback protocol."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sknets.base._watchers import BaseWatcher
from sknets.training import InMemoryNet, TrainingPlan
from sknets.training.callbacks import EpochTasks


@contextmanager
def fit_task(
    estimator: Any, X: Any, y: Any, sample_weight: Any, plan: TrainingPlan
) -> Iterator[tuple[tuple[str, EpochTasks], ...]]:
    """Announce the fit to scikit-learn's callbacks; yield the listeners that announce its epochs.

    ``partial_fit`` is no task there.
    """
    if plan.is_one_pass:
        yield ()
        return
    data = {"estimator": estimator, "X": X, "y": y}
    if sample_weight is not None:
        data["metadata"] = {"sample_weight": sample_weight}
    is_walk = plan.recipe.solver.solver == "lbfgs"
    # As in scikit-learn, L-BFGS has a task for the iteration after the last, which stays empty.
    n_tasks = max(plan.max_epochs, 1) + 1 if is_walk else plan.max_epochs
    context = estimator._init_callback_context(max_subtasks=n_tasks)
    context.call_on_fit_task_begin(**data)

    def attributes(net: InMemoryNet) -> Any:
        return lambda: estimator._fitted_attributes(net.frozen_copy())

    def begin_epoch(net: InMemoryNet) -> Any:
        task = context.subcontext(task_name="lbfgs-iter" if is_walk else "epoch")
        return task.call_on_fit_task_begin(**data, reconstruction_attributes=attributes(net))

    def end_epoch(net: InMemoryNet, task: Any) -> bool:
        return bool(task.call_on_fit_task_end(**data, reconstruction_attributes=attributes(net)))

    def close_epoch(task: Any) -> None:
        task.call_on_fit_task_end(estimator=estimator)

    callbacks = getattr(estimator, "_skl_callbacks", ())
    needs_tasks = any(not isinstance(callback, BaseWatcher) for callback in callbacks)
    yield (("epoch_tasks", EpochTasks(begin_epoch, end_epoch, close_epoch)),) if needs_tasks else ()
    context.call_on_fit_task_end(**data)
