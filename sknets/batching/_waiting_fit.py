"""A fit that waits to be trained, and the order to train some."""

from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

import torch

from sknets.batching._open_reports import open_reports
from sknets.batching._warning_state import WarningState
from sknets.training import InMemoryNet, Trainee

if TYPE_CHECKING:
    from sknets.batching._session import Session
    from sknets.batching._task import Task


class WaitingFit:
    """A network whose task waits, and all that the thread that trains it must know.

    Attributes
    ----------
    task : Task
    trainee : Trainee
    is_begun, is_over : bool
        Whether its training has begun, and whether it is over, well or not.
    reason_alone : str or None
        Why it is trained alone, if it is.
    waits_for_fellows : bool
        Whether it may be trained together with others; one for which there is a reason from the start is trained at
        once, while its rows are in the cache.
    error : Exception or None
        What went wrong with the training as a whole; what happens to a single network is the trainee's affair.
    variables : contextvars.Context
        A copy of the task's.
    warning_state : dict or None
        The task's; None where tasks share the process's.
    """

    def __init__(self, task: "Task", trainee: Trainee, reason_alone: str | None) -> None:
        self.task = task
        self.trainee = trainee
        self.reports = open_reports()
        self.variables: Context = copy_context()
        self.warning_state: WarningState | None = None
        self.is_begun = False
        self.is_over = False
        self.error: Exception | None = None
        self.reason_alone = reason_alone
        self.waits_for_fellows = reason_alone is None

    @property
    def device(self) -> torch.device:
        """Where the network is trained."""
        return self.trainee.plan.recipe.device

    def finish(self) -> InMemoryNet:
        """Return the trained net, or raise, in the task's thread."""
        if self.error is not None:
            raise RuntimeError(f"Training this network together with others failed: {self.error}") from self.error
        return self.trainee.finish()


class Order:
    """Fits that a session's root thread is told to train."""

    def __init__(self, session: "Session", fits: list[WaitingFit]) -> None:
        self.session = session
        self.fits = fits


def path_of(fit: WaitingFit) -> Any:
    """Return the fit's place in the order of tasks."""
    return fit.task.path
