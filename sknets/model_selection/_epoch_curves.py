"""The curves of all folds of a search, or of a cross-validation, as one table."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sklearn.base import clone

from sknets.model_selection._fold_watch import CurveRow
from sknets.model_selection._networks_inside import last_network, networks_inside
from sknets.model_selection._validation_monitor import ValidationMonitor

_COLUMNS = ["candidate", "fold", "epoch", "train_loss", "valid_loss", "train_score", "valid_score"]

Place = tuple[int, int]


def epoch_curves(search: Any, X: Any = None, y: Any = None, **fit_params: Any) -> pd.DataFrame:
    """Return losses and scores of every candidate, fold and epoch.

    Parameters
    ----------
    search : estimator or dict
        One of these:

        - a fitted :class:`OptunaSearchCV`;
        - a fitted search of scikit-learn whose networks had a :class:`ValidationMonitor`;
        - with ``X`` and ``y``, any search: a copy of it is fitted with a monitor, and ``search`` stays as it is;
        - what ``cross_validate(..., return_estimator=True)`` returns.
    X, y : array-like, default=None
        Rows to run the search on.
    **fit_params : dict
        Further arguments of its ``fit``.

    Returns
    -------
    curves : pandas.DataFrame
        A row an epoch, with these columns and, where there are several scores, ``train_<name>`` and ``valid_<name>``
        for each:

        ============  =================================================================================
        candidate     place in ``cv_results_``
        fold          from 0
        epoch         from 1
        train_loss    mean loss over the epoch's training rows, penalty included
        valid_loss    mean loss over the held-out rows, without penalty
        train_score   score of the training rows after the epoch, by the search's own scorer
        valid_score   score of the held-out rows after the epoch; of the last epoch it is the score in
                      ``cv_results_``, unless early stopping has gone back to an earlier one
        ============  =================================================================================

        Where a figure was not computed it is NaN: training scores of a :class:`OptunaSearchCV` without
        ``return_train_score=True``, and everything about held-out rows that nothing has watched.

    Raises
    ------
    ValueError
        If nothing has watched the search.
    TypeError
        If it is no search and no cross-validation.

    See Also
    --------
    ValidationMonitor : What watches the folds.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sknets import MLPClassifier, batched_fits
    >>> from sknets.model_selection import epoch_curves
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), learning_rate_init=0.05, tol=1e-2, random_state=0)
    >>> with batched_fits():
    ...     curves = epoch_curves(GridSearchCV(network, {"alpha": [1e-4, 1e-2]}, cv=3), X, y)
    >>> curves.groupby("candidate")["valid_score"].last().round(1).tolist()
    [1.0, 1.0]
    """
    if isinstance(search, Mapping):
        return _from_cross_validation(search)
    if not hasattr(search, "fit") or not hasattr(search, "estimator"):
        raise TypeError(
            "epoch_curves takes a search, or what cross_validate(..., return_estimator=True) returns; got "
            f"{type(search).__name__}. A single network has its curve in history_."
        )
    if X is not None:
        search = _fit_with_monitor(search, X, y, fit_params)
    name = search.refit if isinstance(search.refit, str) else None
    if hasattr(search, "_fold_curves"):
        curves = {
            (candidate, fold): curve
            for candidate, folds in enumerate(search._fold_curves)
            for fold, curve in enumerate(folds)
        }
    else:
        curves = _read_monitors(search)
    return _make_table(curves, name)


def _from_cross_validation(results: Mapping[str, Any]) -> pd.DataFrame:
    if "estimator" not in results:
        raise ValueError(
            f"Curves are with the fitted estimators; got results with {sorted(results)}. Call cross_validate with "
            "return_estimator=True."
        )
    curves = {(0, fold): _own_curve(estimator) for fold, estimator in enumerate(results["estimator"])}
    return _make_table(curves, None)


def _own_curve(estimator: Any) -> Sequence[CurveRow]:
    network = last_network(estimator)
    if network is None:
        raise TypeError(f"epoch_curves needs networks of sknets; got {type(estimator).__name__}.")
    if hasattr(network, "_fold_curve"):
        curve: Sequence[CurveRow] = network._fold_curve
        return curve
    return [
        {
            "epoch": epoch,
            "train_loss": row["train_loss"],
            "valid_loss": row.get("valid_loss", math.nan),
            "valid_scores": {"score": row["valid_score"]} if "valid_score" in row else {},
        }
        for epoch, row in enumerate(network.history_, 1)
    ]


def _fit_with_monitor(search: Any, X: Any, y: Any, fit_params: dict[str, Any]) -> Any:
    watched = clone(search)
    if hasattr(watched, "trials_at_once"):
        return watched.set_params(return_train_score=True).fit(X, y, **fit_params)
    networks = networks_inside(watched.estimator)
    if not networks:
        raise TypeError(f"epoch_curves needs a network of sknets in the search; got {search.estimator!r}.")
    monitor = ValidationMonitor()
    for network in networks.values():
        others = [
            callback
            for callback in getattr(network, "_skl_callbacks", ())
            if not isinstance(callback, ValidationMonitor)
        ]
        network.set_callbacks(*others, monitor)
    return watched.fit(X, y, **fit_params)


def _read_monitors(search: Any) -> dict[Place, Sequence[CurveRow]]:
    monitors = {
        id(callback): callback
        for network in networks_inside(search.estimator).values()
        for callback in getattr(network, "_skl_callbacks", ())
        if isinstance(callback, ValidationMonitor)
    }
    log = [entry for monitor in monitors.values() for entry in list(monitor.log)]
    if not log:
        raise ValueError(
            "Nothing has watched the epochs of this search. Call epoch_curves(search, X, y), which runs it once more, "
            "or give its network a monitor before fitting: network.set_callbacks(ValidationMonitor())."
        )
    last_run = log[-1][0]
    return _number_candidates([entry[1:] for entry in log if entry[0] == last_run])


def _number_candidates(log: Sequence[tuple[Any, ...]]) -> dict[Place, Sequence[CurveRow]]:
    """Number candidates through all rounds of a search: halving has several, the others one."""
    first, n_before = {}, 0
    for round_ids, n_candidates in sorted({(round_ids, n) for round_ids, (_, n), _, _ in log}):
        first[round_ids] = n_before
        n_before += n_candidates
    return {(first[round_ids] + candidate, fold): curve for round_ids, (candidate, _), fold, curve in log}


def _make_table(curves: Mapping[Place, Sequence[CurveRow]], name: str | None) -> pd.DataFrame:
    rows = [
        {"candidate": candidate, "fold": fold, **_flatten(row, name)}
        for (candidate, fold), curve in sorted(curves.items(), key=lambda item: item[0])
        for row in curve
    ]
    table = pd.DataFrame(rows)
    return table.reindex(columns=[*_COLUMNS, *(column for column in table.columns if column not in _COLUMNS)])


def _flatten(row: CurveRow, name: str | None) -> dict[str, Any]:
    flat = {key: value for key, value in row.items() if not key.endswith("_scores")}
    for part in ("train", "valid"):
        scores: Mapping[str, float] = row.get(f"{part}_scores", {})
        flat[f"{part}_score"] = _choose(scores, name)
        if len(scores) > 1:
            flat |= {f"{part}_{key}": value for key, value in scores.items()}
    return flat


def _choose(scores: Mapping[str, float], name: str | None) -> float:
    return scores[name] if name is not None and name in scores else next(iter(scores.values()), math.nan)
