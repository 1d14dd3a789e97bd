"""The curves of several folds as one mean and a spread."""

import numpy as np
from sklearn.base import is_regressor

from sknets.model_selection import epoch_curves

#: Words for scikit-learn's names of scores.
SCORE_NAMES = {"r2": "R²"}

CURVES = ("train_loss", "valid_loss", "train_score", "valid_score")


def choose_candidate(search, candidate):
    """Return what a display of a search's candidate holds."""
    table = epoch_curves(search)
    candidate = search.best_index_ if candidate is None else candidate
    curves = table[table["candidate"] == candidate]
    if not len(curves):
        known = sorted(set(table["candidate"]))
        raise ValueError(
            f"candidate must be the place in cv_results_ of a candidate with epochs, one of {known}; got {candidate!r}."
        )
    return {**_average(curves), "score_name": name_score(search)}


def average_folds(cv_results):
    """Return what a display of a cross-validation holds."""
    curves = epoch_curves(cv_results)
    estimator = cv_results["estimator"][0]
    return {**_average(curves), "score_name": "R²" if is_regressor(estimator) else "accuracy"}


def name_score(search):
    """Return in words what a search maximises."""
    if isinstance(search.refit, str):
        return SCORE_NAMES.get(search.refit, search.refit.replace("_", " "))
    if isinstance(search.scoring, str):
        return SCORE_NAMES.get(search.scoring, search.scoring.replace("_", " "))
    if search.scoring is not None:
        return "score"
    return "R²" if is_regressor(search.estimator) else "accuracy"


def _average(curves):
    ends = curves.groupby("fold")["epoch"].max()
    n_epochs = int(ends.max())
    folds = {name: _extend(curves.pivot(index="epoch", columns="fold", values=name), ends) for name in CURVES}
    known = {name: own for name, own in folds.items() if not np.isnan(own).all()}
    means = {name: own.mean(axis=1) for name, own in known.items()}
    valid_score = means.get("valid_score")
    return {
        "epochs": np.arange(1, n_epochs + 1),
        **{name: means.get(name) for name in CURVES},
        "spread": {name: own.std(axis=1) for name, own in known.items()},
        "best_epoch": None if valid_score is None else _find_best(valid_score),
        "stopped_epochs": sorted(int(end) for end in ends if end < n_epochs),
    }


def _extend(folds, ends):
    """Return one column a fold; one that has ended counts with its last figures, or the mean would jump."""
    return np.column_stack([folds[fold].where(folds.index <= end, folds[fold].loc[end]) for fold, end in ends.items()])


def _find_best(scores):
    return None if np.isnan(scores).all() else int(np.nanargmax(scores)) + 1
