"""skorch callbacks, one a file."""

from sknets.training.callbacks._epoch_tasks import EpochTasks
from sknets.training.callbacks._unfreeze import Unfreeze

__all__ = ["EpochTasks", "Unfreeze"]
