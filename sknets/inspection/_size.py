"""How large a network is, or would be."""

from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sknets.inspection._fitted_network import find_network


def count_parameters(estimator: Any, X: Any = None, y: Any = None) -> int:
    """Return the number of a network's parameters.

    Parameters
    ----------
    estimator : sknets estimator, sklearn.pipeline.Pipeline or search
        Fitted; or, with ``X`` and ``y``, one that is built for them and not trained. It stays as it is.
    X : array-like of shape (n_samples, ...), default=None
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None

    Returns
    -------
    n_parameters : int
        All of them, those of frozen layers, too.

    Raises
    ------
    TypeError
        If it is no network.
    sklearn.exceptions.NotFittedError
        If it is not fitted and no rows are given.

    See Also
    --------
    sknets.summary : Layer by layer.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknets import MLPClassifier
    >>> from sknets.inspection import count_parameters
    >>> count_parameters(MLPClassifier((16,)), *load_iris(return_X_y=True))  # 4 x 16 + 16 and 16 x 3 + 3
    131
    """
    if X is not None:
        estimator = _build(clone(estimator), X, y)
    network = find_network(estimator, "count_parameters")
    return sum(parameter.numel() for parameter in network.module_.parameters())


def _build(estimator: Any, X: Any, y: Any) -> Any:
    """Build the network of an unfitted estimator for rows, those of a pipeline transformed as in its fit."""
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps[:-1]:
            X = X if step is None or isinstance(step, str) else step.fit_transform(X, y)
        return _build(estimator.steps[-1][1], X, y)
    if not hasattr(estimator, "initialize"):
        # A linear model has no network to build before it is fitted; and what is no network is refused later.
        return estimator.fit(X, y) if hasattr(estimator, "_module_spec") else estimator
    return estimator.initialize(X, y)
