"""Eleven readings of a thermometer whose unit is unknown."""

from typing import Any

import numpy as np
from sklearn.utils import Bunch

CELSIUS = (0.5, 14.0, 15.0, 28.0, 11.0, 8.0, 3.0, -4.0, 6.0, 13.0, 21.0)
UNKNOWN_UNITS = (35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4)


def load_thermometer(*, return_X_y: bool = False) -> Any:
    """Load eleven temperatures, read from two thermometers: one in an unknown unit, one in degrees Celsius.

    A smallest real regression: the unknown unit is Fahrenheit, and the readings are noisy.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : sklearn.utils.Bunch
        ``data`` of shape (11, 1): readings in the unknown unit. ``target`` of shape (11,): degrees Celsius.
        ``feature_names``, ``target_names`` and ``DESCR``.

    References
    ----------
    E. Stevens, L. Antiga, T. Viehmann, Deep Learning with PyTorch, Manning 2020, chapter 5.

    Examples
    --------
    >>> from sknets.datasets import load_thermometer
    >>> X, y = load_thermometer(return_X_y=True)
    >>> X.shape, float(y.max())
    ((11, 1), 28.0)
    """
    X, y = np.array(UNKNOWN_UNITS).reshape(-1, 1), np.array(CELSIUS)
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        feature_names=["reading in unknown units"],
        target_names=["temperature in degrees Celsius"],
        DESCR=(load_thermometer.__doc__ or "").strip(),
    )
