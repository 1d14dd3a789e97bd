"""Errors and warnings that a caller may want to catch."""

from sklearn.exceptions import ConvergenceWarning

__all__ = ["DeviceMovedWarning", "DeviceNotAvailableError", "DivergenceError", "DivergenceWarning"]


class DeviceNotAvailableError(ValueError):
    """The device that was asked for is not on this machine."""


class DeviceMovedWarning(UserWarning):
    """A model was loaded on a machine without its device and is now on the CPU."""


class DivergenceError(ValueError):
    """Training never had a finite loss; nothing was learnt."""


class DivergenceWarning(ConvergenceWarning):
    """The loss became infinite or NaN, and the last finite weights were kept; or it was far higher in the end."""
