"""Which rows a classifier is wrong about, the surest first."""

from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length


def confident_mistakes(y_true: Any, probabilities: Any, classes: Any = None) -> np.ndarray:
    """Return the places of the wrong predictions, the one with the highest probability first.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    probabilities : array-like of shape (n_samples, n_classes)
        As ``predict_proba`` gives them.
    classes : array-like of shape (n_classes,), default=None
        What the columns stand for, the estimator's ``classes_``; None for the sorted labels of ``y_true``.

    Returns
    -------
    places : ndarray of int
        Of the rows whose most probable class is not the true one. Of equal probabilities the earlier row comes first.

    Raises
    ------
    ValueError
        If shapes do not fit, or ``y_true`` does not have as many labels as there are columns.

    See Also
    --------
    sknets.displays.ImageGridDisplay.most_confident_mistakes : Draws them.

    Examples
    --------
    >>> from sknets.inspection import confident_mistakes
    >>> confident_mistakes([0, 1, 1, 0], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]).tolist()
    [1, 3]
    """
    predicted, confidence = most_probable(y_true, probabilities, classes)
    wrong = np.flatnonzero(predicted != np.asarray(y_true))
    return wrong[np.argsort(-confidence[wrong], kind="stable")]


def most_probable(y_true: Any, probabilities: Any, classes: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's most probable class, and how probable it is.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    probabilities : array-like of shape (n_samples, n_classes)
        As ``predict_proba`` gives them.
    classes : array-like of shape (n_classes,), default=None
        What the columns stand for; None for the sorted labels of ``y_true``.

    Returns
    -------
    predicted : ndarray of shape (n_samples,)
    confidence : ndarray of shape (n_samples,)
        In [0, 1].

    Raises
    ------
    ValueError
        If shapes do not fit, or ``y_true`` does not have as many labels as there are columns.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2:
        raise ValueError(
            "probabilities must have shape (n_samples, n_classes), as predict_proba gives them; got shape "
            f"{probabilities.shape}."
        )
    check_consistent_length(y_true, probabilities)
    labels = np.unique(np.asarray(y_true)) if classes is None else np.asarray(classes)
    if len(labels) != probabilities.shape[1]:
        source = "y_true has" if classes is None else "classes has"
        raise ValueError(
            f"probabilities must have a column for each class; got {probabilities.shape[1]} columns, and {source} "
            f"{len(labels)} labels. Give classes=estimator.classes_."
        )
    return labels[probabilities.argmax(axis=1)], probabilities.max(axis=1)
