"""The last fit, on all rows, ended at the epoch that cross-validation has found best."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from sknets.base import BaseWatcher, watched_by
from sknets.model_selection._epoch_curves import epoch_curves
from sknets.model_selection._networks_inside import predicts_with
from sknets.training import BaseWatch, TrainingPlan


def refit_at_best_epoch(search: Any, X: Any, y: Any, **fit_params: Any) -> Any:
    """Fit the best candidate of a search on all rows, for as many epochs as were best in its folds.

    Parameters
    ----------
    search : estimator
        A fitted search of scikit-learn whose networks have a :class:`ValidationMonitor`. Its ``refit`` can be False.
    X, y : array-like
        All rows.
    **fit_params : dict
        Further arguments of the estimator's ``fit``.

    Returns
    -------
    estimator : estimator
        A new one, with ``best_params_``, trained up to the epoch at which the folds' mean validation score was highest,
        the first of several. Its network holds no rows out and does not end by its own stopping rule.

    Raises
    ------
    ValueError
        If the search has no validation scores of epochs, or has not chosen a best candidate.

    See Also
    --------
    OptunaSearchCV : Does so by itself, with ``refit_epochs="best"``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sknets import MLPClassifier
    >>> from sknets.model_selection import ValidationMonitor, refit_at_best_epoch
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), learning_rate_init=0.05, tol=1e-2, random_state=0)
    >>> network = network.set_callbacks(ValidationMonitor())
    >>> search = GridSearchCV(network, {"alpha": [1e-4, 1e-2]}, cv=3, refit=False).fit(X, y)
    >>> best = refit_at_best_epoch(search, X, y)
    >>> best.n_iter_ <= 200
    True
    """
    check_is_fitted(search, "cv_results_")
    if not hasattr(search, "best_params_"):
        raise ValueError(
            "A search with several scores chooses a best candidate only where refit is the name of one, or a function; "
            f"got refit={search.refit!r}."
        )
    curves = epoch_curves(search)
    own = curves[curves["candidate"] == search.best_index_]
    best_epoch = find_best_epoch(average_over_folds([fold["valid_score"].to_list() for _, fold in own.groupby("fold")]))
    if best_epoch is None:
        raise ValueError(
            f"The folds of candidate {search.best_index_} have no validation scores, so that none of their epochs is "
            "the best. Give the network a ValidationMonitor: network.set_callbacks(ValidationMonitor())."
        )
    estimator = clone(search.estimator).set_params(**clone(search.best_params_, safe=False))
    with watched_by(EndsAfter(lambda network: best_epoch if predicts_with(estimator, network) else None)):
        return estimator.fit(X, y, **fit_params)


def find_best_epoch(averages: Sequence[float]) -> int | None:
    """Return the epoch, from 1, with the highest average score, the first of several; None without any."""
    if not len(averages) or np.isnan(averages).all():
        return None
    return int(np.nanargmax(averages)) + 1


def average_over_folds(scores: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean of all folds' scores of each epoch; a fold that has ended counts with its last one."""
    begun = [own for own in scores if len(own)]
    n_epochs = max(map(len, begun), default=0)
    return [float(np.mean([own[min(epoch, len(own)) - 1] for own in begun])) for epoch in range(1, n_epochs + 1)]


class EndsAfter(BaseWatcher):
    """Has networks trained for a certain number of epochs.

    Parameters
    ----------
    n_epochs : callable
        Called with a network; returns the number, or None.
    """

    def __init__(self, n_epochs: Callable[[Any], int | None]) -> None:
        self._n_epochs = n_epochs

    def exact_epochs(self, network: Any) -> int | None:
        """Return the number of epochs for this network."""
        return self._n_epochs(network)

    def watch(self, network: Any, plan: TrainingPlan) -> BaseWatch | None:
        """Count the epochs."""
        n_epochs = self._n_epochs(network)
        return None if n_epochs is None else _Counter(n_epochs)


class _Counter(BaseWatch):
    def __init__(self, n_left: int) -> None:
        super().__init__(())
        self._n_left = n_left

    def tell(self, net: Any, row: Any, outputs: Any) -> None:
        self._n_left -= 1

    def wants_end(self) -> bool:
        return self._n_left <= 0

    def end(self, net: Any) -> None:
        """Nothing is kept."""
