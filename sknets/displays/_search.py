"""The trials of a search over time, and which parameters matter."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sknets.displays._axes import prepare_axes, show_whole_numbers
from sknets.displays._fold_curves import name_score
from sknets.displays._style import BLUE, GREY, ORANGE, VERMILION

# More would not be told apart on a figure of ordinary size.
MOST_PARAMETERS = 10

COMPLETE_STYLE = {"color": BLUE, "marker": "o", "markersize": 5, "linestyle": "none"}
PRUNED_STYLE = {"color": GREY, "marker": "x", "markersize": 5, "linestyle": "none"}
BEST_STYLE = {"color": VERMILION, "marker": "*", "markersize": 14, "linestyle": "none", "zorder": 4}
RUNNING_STYLE = {"color": ORANGE, "linestyle": "-", "linewidth": 1.5, "drawstyle": "steps-post", "zorder": 1}


class SearchDisplay:
    """The scores of a search's trials in their order, those that were pruned, the best so far; and importances.

    Use :meth:`from_search` to make one, then :meth:`plot`. All parameters are stored as attributes.

    Parameters
    ----------
    scores : ndarray of shape (n_trials,)
        Mean of the folds. That of a pruned trial is the one of its last epoch; NaN where a trial failed.
    spread : ndarray of shape (n_trials,) or None, default=None
        Standard deviation over folds.
    is_pruned : ndarray of bool of shape (n_trials,) or None, default=None
        Whether a trial was ended early.
    best_index : int or None, default=None
        Place of the best trial.
    importances : dict of float, default=None
        By parameter, the largest first; see :func:`~sknets.model_selection.parameter_importances`.
    score_name : str, default="score"
        What the scores are, in words.
    is_sequence : bool, default=False
        Whether each trial follows from those before, so that the best so far means something.

    Attributes
    ----------
    running_best : ndarray of shape (n_trials,)
        The best score of a complete trial so far; NaN before the first.
    ax_ : matplotlib Axes
        The trials' axes.
    importance_ax_ : matplotlib Axes or None
        The importances'.
    figure_ : matplotlib Figure
    line_ : list of matplotlib Line2D
        Complete trials, pruned trials, the best so far, and the best; without those that there are none of.
    bar_ : matplotlib BarContainer or None

    See Also
    --------
    TrainingCurveDisplay.from_search : The curves of one trial.
    sknets.model_selection.epoch_curves : Those of all.

    Examples
    --------
    >>> from optuna.distributions import FloatDistribution
    >>> from sklearn.datasets import load_iris
    >>> from sknets import MLPClassifier
    >>> from sknets.displays import SearchDisplay
    >>> from sknets.model_selection import OptunaSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), learning_rate="cosine", max_iter=10, random_state=0)
    >>> space = {"learning_rate_init": FloatDistribution(1e-4, 0.1, log=True)}
    >>> search = OptunaSearchCV(network, space, n_trials=10, cv=3, random_state=0).fit(X, y)
    >>> display = SearchDisplay.from_search(search)
    >>> bool(display.running_best[-1] == search.best_score_)
    True
    >>> display.plot()
    <sknets.displays...SearchDisplay object at ...>
    """

    def __init__(
        self,
        scores,
        *,
        spread=None,
        is_pruned=None,
        best_index=None,
        importances=None,
        score_name="score",
        is_sequence=False,
    ):
        self.scores = scores
        self.spread = spread
        self.is_pruned = is_pruned
        self.best_index = best_index
        self.importances = importances
        self.score_name = score_name
        self.is_sequence = is_sequence

    @classmethod
    def from_search(cls, search, *, metric=None):
        """Take the trials' scores out of a search, and have Optuna weigh its parameters; ``plot`` draws them.

        Parameters
        ----------
        search : OptunaSearchCV, or a search of scikit-learn
            Fitted. Of scikit-learn's there are the candidates' scores; of Optuna's also which were pruned, the best so
            far, and the parameters' importances.
        metric : str or None, default=None
            Which of several scores; None for the one that ``refit`` names.

        Returns
        -------
        display : SearchDisplay

        Raises
        ------
        ValueError
            If there are several scores and none is named, or there is none of this name.
        sklearn.exceptions.NotFittedError
            If the search is not fitted.
        """
        # Not above: it loads Optuna.
        from sknets.model_selection import parameter_importances

        check_is_fitted(search, "cv_results_")
        name = metric or (search.refit if isinstance(search.refit, str) else "score")
        results = search.cv_results_
        if f"mean_test_{name}" not in results:
            known = sorted(key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_"))
            raise ValueError(f"metric must name one of the search's scores, {known}; got {metric!r}.")
        is_optunas = "state" in results
        return cls(
            np.asarray(results[f"mean_test_{name}"], dtype=float),
            spread=np.asarray(results[f"std_test_{name}"], dtype=float),
            is_pruned=results["state"] == "PRUNED" if is_optunas else None,
            best_index=_find_best(search, name, metric),
            importances=parameter_importances(search) if is_optunas else None,
            score_name=name_score(search) if name == "score" else name.replace("_", " "),
            is_sequence=is_optunas,
        )

    @property
    def running_best(self):
        """The best score of a complete trial so far."""
        scores = np.where(self._is_complete(), self.scores, np.nan)
        return np.fmax.accumulate(scores)

    def plot(self, ax=None, **line_kw):
        """Draw the trials, and beside them the importances where there are some.

        Parameters
        ----------
        ax : matplotlib Axes, pair of them, or None, default=None
            Where to draw: the trials only, or the trials and the importances; None makes a figure.
        **line_kw
            Keywords of :meth:`matplotlib.axes.Axes.plot`, for the complete trials.

        Returns
        -------
        self : SearchDisplay
        """
        self.ax_, self.importance_ax_ = self._prepare_axes(ax)
        self.figure_ = self.ax_.figure
        self._draw_trials(line_kw)
        self.bar_ = None
        if self.importance_ax_ is not None and self.importances:
            self._draw_importances()
        return self

    def _prepare_axes(self, ax):
        if ax is not None:
            pair = np.ravel(ax)
            return pair[0], pair[1] if len(pair) > 1 else None
        if not self.importances:
            return prepare_axes(None, (6.4, 4)), None
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(10, 4), layout="constrained")
        return figure.subplots(1, 2, width_ratios=(3, 2))

    def _is_complete(self):
        is_pruned = np.zeros(len(self.scores), dtype=bool) if self.is_pruned is None else self.is_pruned
        return np.isfinite(self.scores) & ~is_pruned

    def _draw_trials(self, line_kw):
        numbers, is_complete = np.arange(len(self.scores)), self._is_complete()
        is_ended = np.isfinite(self.scores) & ~is_complete
        parts = [
            ("complete" if self.is_sequence else "candidate", is_complete, {**COMPLETE_STYLE, **line_kw}),
            ("pruned", is_ended, PRUNED_STYLE),
        ]
        self.line_ = []
        if self.spread is not None:
            lines = {"fmt": "none", "ecolor": BLUE, "alpha": 0.5, "linewidth": 1}
            self.ax_.errorbar(numbers[is_complete], self.scores[is_complete], self.spread[is_complete], **lines)
        for label, chosen, style in parts:
            if chosen.any():
                self.line_ += self.ax_.plot(numbers[chosen], self.scores[chosen], **{"label": label, **style})
        if self.is_sequence:
            self.line_ += self.ax_.plot(numbers, self.running_best, label="best so far", **RUNNING_STYLE)
        if self.best_index is not None:
            label = f"best: {self.best_index}"
            self.line_ += self.ax_.plot(self.best_index, self.scores[self.best_index], label=label, **BEST_STYLE)
        self._label_axes()

    def _label_axes(self):
        self.ax_.set(
            xlabel="trial" if self.is_sequence else "candidate", ylabel=f"{self.score_name}, mean of the folds"
        )
        show_whole_numbers(self.ax_.xaxis)
        self.ax_.grid(alpha=0.3)
        self.ax_.legend(loc="best")

    def _draw_importances(self):
        names = list(self.importances)[:MOST_PARAMETERS]
        values = [self.importances[name] for name in names]
        ax = self.importance_ax_
        # What pipelines put in front of a name is the same for most and takes much room.
        self.bar_ = ax.barh([name.rpartition("__")[2] for name in names], values, color=BLUE)
        ax.bar_label(self.bar_, labels=[f"{value:.0%}" for value in values], padding=3)
        ax.invert_yaxis()
        ax.margins(x=0.15)
        ax.set_xlabel("importance")
        ax.xaxis.set_major_formatter("{x:.0%}")


def _find_best(search, name, metric):
    """Return the search's own choice; of a score that is asked for by its name, the first of its best."""
    own = getattr(search, "best_index_", None) if metric is None else None
    return int(np.argmin(search.cv_results_[f"rank_test_{name}"])) if own is None else int(own)
