"""skorch callbacks, one a file."""

from sknets.training.callbacks._epoch_tasks import EpochTasks

__all__ = ["EpochTasks"]
