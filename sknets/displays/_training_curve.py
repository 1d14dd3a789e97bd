"""Loss and score, epoch by epoch."""

import numpy as np
from sklearn.base import is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sknets.base import BaseNetwork

# Three colours of Okabe and Ito, told apart by every kind of colour vision, and line styles for prints in grey.
TRAIN_STYLE = {"color": "#0072B2", "linestyle": "-"}
VALID_STYLE = {"color": "#D55E00", "linestyle": "--"}
SCORE_STYLE = {"color": "#007A59", "linestyle": "-."}
BEST_STYLE = {"color": "0.35", "linestyle": ":"}

# Free space above the curves, in parts of their height: room for a legend of two lines.
HEADROOM = 0.25

# Up to this many epochs each is marked: a line of one or two points is hard to see.
MOST_MARKED_EPOCHS = 12


class TrainingCurveDisplay:
    """Training loss, validation loss and validation score after every epoch.

    Use :meth:`from_estimator` to make one, then :meth:`plot`. All parameters are stored as attributes.

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
        The epoch whose weights early stopping kept.
    score_name : str, default="score"
        What ``valid_score`` is, in words: "accuracy" or "R²".

    Attributes
    ----------
    ax_ : matplotlib Axes
        The losses' axes.
    score_ax_ : matplotlib Axes or None
        The score's axes, which share the epochs with ``ax_`` and have their scale on the right.
    figure_ : matplotlib Figure
    line_ : list of matplotlib Line2D
        What was drawn, in this order: training loss, validation loss, validation score, best epoch.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Score by the number of training rows.

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

    def __init__(self, *, epochs, train_loss, valid_loss=None, valid_score=None, best_epoch=None, score_name="score"):
        self.epochs = epochs
        self.train_loss = train_loss
        self.valid_loss = valid_loss
        self.valid_score = valid_score
        self.best_epoch = best_epoch
        self.score_name = score_name

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
            train_loss=_column(history, "train_loss"),
            valid_loss=_column(history, "valid_loss"),
            valid_score=_column(history, "valid_score"),
            best_epoch=_best_epoch(network, history),
            score_name="R²" if is_regressor(network) else "accuracy",
        )

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
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(7, 4), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self.score_ax_ = None if self.valid_score is None else ax.twinx()
        self.line_ = self._draw_curves(line_kw)
        if self.best_epoch is not None:
            label = f"best epoch: {self.best_epoch}"
            self.line_.append(ax.axvline(self.best_epoch, label=label, linewidth=1.5, **BEST_STYLE))
        self._label_axes()
        self._draw_legend()
        return self

    def _draw_curves(self, line_kw):
        marker = "o" if len(self.epochs) <= MOST_MARKED_EPOCHS else None
        curves = [
            (self.ax_, self.train_loss, "training loss", TRAIN_STYLE),
            (self.ax_, self.valid_loss, "validation loss", VALID_STYLE),
            (self.score_ax_, self.valid_score, f"validation {self.score_name}", SCORE_STYLE),
        ]
        return [
            axes.plot(self.epochs, values, **{"label": label, "marker": marker, **style, **line_kw})[0]
            for axes, values, label, style in curves
            if values is not None
        ]

    def _label_axes(self):
        self.ax_.set_xlabel("epoch")
        self.ax_.set_ylabel("loss")
        self.ax_.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        self.ax_.grid(alpha=0.3)
        if self.score_ax_ is not None:
            color = SCORE_STYLE["color"]
            self.score_ax_.set_ylabel(f"validation {self.score_name}", color=color)
            self.score_ax_.tick_params(axis="y", labelcolor=color)

    def _draw_legend(self):
        if self.score_ax_ is None:
            self.ax_.legend(loc="best")
            return
        # "best" would see the curves of one of the two axes only, so room is made for the legend.
        _add_headroom(self.ax_, [self.train_loss, self.valid_loss])
        _add_headroom(self.score_ax_, [self.valid_score])
        low, high = self.score_ax_.get_ylim()
        # No score is above 1.
        self.score_ax_.set_yticks([tick for tick in self.score_ax_.get_yticks() if low <= tick <= min(high, 1)])
        # On the upper axes, whose curve would be drawn over it otherwise.
        self.score_ax_.legend(handles=self.line_, loc="upper center", ncols=2)


def _add_headroom(ax, curves):
    values = np.concatenate([curve for curve in curves if curve is not None])
    finite = values[np.isfinite(values)]  # a training that diverged ends with infinity or NaN
    if len(finite):
        ax.update_datalim([(1, finite.max() + HEADROOM * np.ptp(finite))])
        ax.autoscale_view()


def _last_step(estimator):
    """Return the network, be it in a pipeline or not."""
    network = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(network, Pipeline):
        return _last_step(network)
    if not isinstance(network, BaseNetwork):
        found = repr(estimator) if network is estimator else f"a Pipeline that ends with {network!r}"
        advice = " Give its best_estimator_." if hasattr(estimator, "best_estimator_") else ""
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
