"""Loss and score, epoch by epoch: of one training, or of all folds of a search's candidate."""

import numpy as np
from sklearn.base import is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sknets.base import BaseNetwork
from sknets.displays._axes import prepare_axes, show_whole_numbers
from sknets.displays._fold_curves import average_folds, choose_candidate
from sknets.displays._style import BLUE, GREEN, GREY, PURPLE, VERMILION

# Colours for the eye, and line styles for prints in grey.
STYLES = {
    "train_loss": {"color": BLUE, "linestyle": "-"},
    "valid_loss": {"color": VERMILION, "linestyle": "--"},
    "train_score": {"color": PURPLE, "linestyle": (0, (5, 1, 1, 1, 1, 1))},
    "valid_score": {"color": GREEN, "linestyle": "-."},
}
BEST_STYLE = {"color": GREY, "linestyle": ":"}
STOP_STYLE = {"color": GREY, "linestyle": "none", "marker": "^", "markersize": 8}

# Free space above the curves for each line of the legend, in parts of their height.
HEADROOM_PER_LINE = 0.13

# Up to this many epochs each is marked: a line of one or two points is hard to see.
MOST_MARKED_EPOCHS = 12


class TrainingCurveDisplay:
    """Loss and score after every epoch, on training and validation rows.

    Use :meth:`from_estimator`, :meth:`from_search` or :meth:`from_cv_results` to make one, then :meth:`plot`. All
    parameters are stored as attributes.

    Parameters
    ----------
    epochs : ndarray of shape (n_epochs,)
        Numbers of the epochs, from 1.
    train_loss : ndarray of shape (n_epochs,)
        Mean loss over the training rows, penalty included.
    valid_loss : ndarray of shape (n_epochs,) or None, default=None
        Mean loss over the validation rows, without penalty. NaN where an epoch has none.
    valid_score : ndarray of shape (n_epochs,) or None, default=None
        Score of the validation rows. NaN where an epoch has none.
    best_epoch : int or None, default=None
        The epoch whose weights early stopping kept; of several folds the one with the best mean validation score.
    score_name : str, default="score"
        What the scores are, in words: "accuracy" or "R²".
    train_score : ndarray of shape (n_epochs,) or None, default=None
        Score of the training rows.
    stopped_epochs : sequence of int, default=()
        The epoch at which early stopping ended the training; of several folds the last epochs of those that ended
        before the others.
    spread : dict of ndarray of shape (n_epochs,) or None, default=None
        Standard deviation over folds, by the names of the curves above, which are means then.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The losses' axes.
    score_ax_ : matplotlib Axes or None
        The scores' axes, which share the epochs with ``ax_`` and have their scale on the right.
    figure_ : matplotlib Figure
    line_ : list of matplotlib Line2D
        What was drawn, in this order: training loss, validation loss, training score, validation score, best epoch,
        early stopping.
    band_ : list of matplotlib PolyCollection
        One standard deviation of the folds to either side, for each curve.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Score by the number of training rows.
    sknets.model_selection.epoch_curves : The curves of all candidates and folds as a table.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknets import MLPClassifier
    >>> from sknets.displays import TrainingCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier(early_stopping=True, learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(clf)
    >>> len(display.train_loss) == clf.n_iter_
    True
    >>> display.plot()
    <sknets.displays...TrainingCurveDisplay object at ...>
    """

    def __init__(
        self,
        *,
        epochs,
        train_loss,
        valid_loss=None,
        valid_score=None,
        best_epoch=None,
        score_name="score",
        train_score=None,
        stopped_epochs=(),
        spread=None,
    ):
        self.epochs = epochs
        self.train_loss = train_loss
        self.valid_loss = valid_loss
        self.valid_score = valid_score
        self.best_epoch = best_epoch
        self.score_name = score_name
        self.train_score = train_score
        self.stopped_epochs = stopped_epochs
        self.spread = spread

    @classmethod
    def from_estimator(cls, estimator):
        """Take the curves out of a fitted estimator; ``plot`` draws them.

        Parameters
        ----------
        estimator : sknets estimator or sklearn.pipeline.Pipeline
            Fitted. Of a pipeline the last step is taken.

        Returns
        -------
        display : TrainingCurveDisplay

        Raises
        ------
        TypeError
            If it is no estimator of sknets, and no pipeline that ends with one.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If it was not trained for a single epoch.
        """
        network = _last_step(estimator)
        check_is_fitted(network)
        history = network.history_
        if not history:
            raise ValueError(
                f"A training curve needs at least one epoch of training; got a {type(network).__name__} without any. "
                "Call fit with max_iter >= 1."
            )
        return cls(
            epochs=np.arange(1, len(history) + 1),
            best_epoch=_best_epoch(network, history),
            score_name="R²" if is_regressor(network) else "accuracy",
            stopped_epochs=[len(history)] if _was_stopped_early(network) else [],
            **{name: _column(history, name) for name in STYLES},
        )

    @classmethod
    def from_search(cls, search, candidate=None):
        """Take the mean curves of a candidate's folds out of a search; ``plot`` draws them.

        Parameters
        ----------
        search : OptunaSearchCV, or a search of scikit-learn
            Fitted. The networks of scikit-learn's searches need a :class:`~sknets.model_selection.ValidationMonitor`.
        candidate : int or None, default=None
            Its place in ``cv_results_``; None for the best one, ``best_index_``.

        Returns
        -------
        display : TrainingCurveDisplay
            A fold that has ended before others counts with its last figures, as in a search's own choice of the best
            epoch.

        Raises
        ------
        TypeError
            If it is no search.
        ValueError
            If nothing has watched the search, or it has no such candidate.
        """
        return cls(**choose_candidate(search, candidate))

    @classmethod
    def from_cv_results(cls, cv_results):
        """Take the mean curves of all folds out of a cross-validation; ``plot`` draws them.

        Parameters
        ----------
        cv_results : dict
            What ``sklearn.model_selection.cross_validate(..., return_estimator=True)`` returns.

        Returns
        -------
        display : TrainingCurveDisplay
            With a :class:`~sknets.model_selection.ValidationMonitor` its validation curves are those of the held-out
            folds, without one those of the rows that each network has held out itself, if it has.

        Raises
        ------
        ValueError
            If the results are without the fitted estimators.
        """
        return cls(**average_folds(cv_results))

    def plot(self, ax=None, **line_kw):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **line_kw
            Keywords of :meth:`matplotlib.axes.Axes.plot`, for each curve.

        Returns
        -------
        self : TrainingCurveDisplay
        """
        self.ax_ = prepare_axes(ax, (7, 4))
        self.figure_ = self.ax_.figure
        self.score_ax_ = None if self.train_score is None and self.valid_score is None else self.ax_.twinx()
        self.line_, self.band_ = [], []
        for name, style in STYLES.items():
            if getattr(self, name) is not None:
                self._draw_curve(name, style, line_kw)
        self._mark_epochs()
        self._label_axes()
        self._draw_legend()
        return self

    def _draw_curve(self, name, style, line_kw):
        part, figure = name.split("_")
        label = f"{'training' if part == 'train' else 'validation'} {self.score_name if figure == 'score' else 'loss'}"
        marker = "o" if len(self.epochs) <= MOST_MARKED_EPOCHS else None
        axes, values = self.score_ax_ if figure == "score" else self.ax_, getattr(self, name)
        self.line_ += axes.plot(self.epochs, values, **{"label": label, "marker": marker, **style, **line_kw})
        spread = (self.spread or {}).get(name)
        if spread is not None:
            color = self.line_[-1].get_color()
            band = axes.fill_between(
                self.epochs, values - spread, values + spread, color=color, alpha=0.25, linewidth=0
            )
            self.band_.append(band)

    def _mark_epochs(self):
        ax = self.ax_
        if self.best_epoch is not None:
            label = f"best epoch: {self.best_epoch}"
            self.line_.append(ax.axvline(self.best_epoch, label=label, linewidth=1.5, **BEST_STYLE))
        if len(self.stopped_epochs):
            label = f"stopped early: {self.stopped_epochs[0]}" if self.spread is None else "a fold stopped early"
            # On the lower edge of the axes, whatever the losses are.
            heights = np.zeros(len(self.stopped_epochs))
            place = {"transform": ax.get_xaxis_transform(), "clip_on": False, "zorder": 3}
            self.line_ += ax.plot(self.stopped_epochs, heights, label=label, **place, **STOP_STYLE)

    def _label_axes(self):
        self.ax_.set_xlabel("epoch")
        self.ax_.set_ylabel("loss")
        show_whole_numbers(self.ax_.xaxis)
        self.ax_.grid(alpha=0.3)
        if self.score_ax_ is not None:
            color = STYLES["valid_score"]["color"]
            parts = "validation " if self.train_score is None else ""
            self.score_ax_.set_ylabel(f"{parts}{self.score_name}", color=color)
            self.score_ax_.tick_params(axis="y", labelcolor=color)

    def _draw_legend(self):
        if self.score_ax_ is None:
            self.ax_.legend(loc="best")
            return
        # "best" would see the curves of one of the two axes only, so room is made for the legend.
        room = HEADROOM_PER_LINE * -(-len(self.line_) // 2)
        _add_headroom(self.ax_, [*self._edges("train_loss"), *self._edges("valid_loss")], room)
        _add_headroom(self.score_ax_, [*self._edges("train_score"), *self._edges("valid_score")], room)
        low, high = self.score_ax_.get_ylim()
        # No score is above 1.
        self.score_ax_.set_yticks([tick for tick in self.score_ax_.get_yticks() if low <= tick <= min(high, 1)])
        # On the upper axes, whose curve would be drawn over it otherwise.
        self.score_ax_.legend(handles=self.line_, loc="upper center", ncols=2)

    def _edges(self, name):
        """Return a curve, or the two edges of its band; nothing where there is none."""
        values, spread = getattr(self, name), (self.spread or {}).get(name)
        return [] if values is None else [values] if spread is None else [values - spread, values + spread]


def _add_headroom(ax, curves, room):
    values = np.concatenate(curves)
    finite = values[np.isfinite(values)]  # a training that diverged ends with infinity or NaN
    if len(finite):
        ax.update_datalim([(1, finite.max() + room * np.ptp(finite))])
        ax.autoscale_view()


def _last_step(estimator):
    """Return the network, be it in a pipeline or not."""
    network = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(network, Pipeline):
        return _last_step(network)
    if not isinstance(network, BaseNetwork):
        found = repr(estimator) if network is estimator else f"a Pipeline that ends with {network!r}"
        is_search = hasattr(estimator, "best_estimator_")
        advice = " Give its best_estimator_, or call from_search for the curves of its folds." if is_search else ""
        raise TypeError(
            "estimator must be a fitted estimator of sknets, or a Pipeline whose last step is one; "
            f"got {found}.{advice}"
        )
    return network


def _column(history, name):
    """Return one number an epoch; None where no epoch has it."""
    if not any(name in row for row in history):
        return None
    return np.array([row.get(name, np.nan) for row in history], dtype=float)


def _best_epoch(network, history):
    """Return the number of the epoch whose weights were kept; None without early stopping."""
    best = network.best_validation_score_
    scores = [row.get("valid_score") for row in history]
    return scores.index(best) + 1 if best is not None and best in scores else None


def _was_stopped_early(network):
    """Whether the validation score, or a callback, has ended the training."""
    net = network.net_
    has_exhausted_patience = getattr(net, "has_converged", False) and net.rule.monitor == "score"
    return has_exhausted_patience or getattr(net, "was_stopped", False)
