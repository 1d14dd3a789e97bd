"""skorch callbacks, one a file."""

from skorch.callbacks import Callback

from sknets.training.callbacks._epoch_tasks import EpochTasks
from sknets.training.callbacks._unfreeze import Unfreeze

__all__ = ["Callback", "EpochTasks", "Unfreeze"]
