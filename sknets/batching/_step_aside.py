"""Keeping step with the other tasks in the middle of a training."""

from sknets.batching._here import here


def step_aside(n_epochs: int) -> None:
    """Let other tasks come as far as ``n_epochs``; nothing where the present thread carries out no task.

    To be called between two epochs of a training that goes on in its task's own thread.
    """
    if here.task is not None and here.is_training:
        here.task.step_aside(n_epochs)
