"""Training and validation score against the size of a network."""

from numbers import Real

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.model_selection import validation_curve

from sknets.batching import batched_fits
from sknets.displays._axes import prepare_axes
from sknets.displays._fold_curves import SCORE_NAMES
from sknets.displays._style import BLUE, GREY, VERMILION
from sknets.inspection import count_parameters

TRAIN_STYLE = {"color": BLUE, "linestyle": "-", "marker": "o"}
VALID_STYLE = {"color": VERMILION, "linestyle": "--", "marker": "s"}
BEST_STYLE = {"color": GREY, "linestyle": ":", "linewidth": 1.5}

# Values that span more than this factor stand on a logarithmic scale.
WIDE_RANGE = 20


class CapacityCurveDisplay:
    """Training and validation score against the size of a network, or against any parameter whose values have an order.

    Where both are low the network is too small; where they part it is larger than its rows can teach. Use
    :meth:`from_estimator` to make one, then :meth:`plot`. All parameters are stored as attributes.

    Parameters
    ----------
    param_values : list
        In the order in which they are drawn.
    train_scores, test_scores : ndarray of shape (n_values, n_folds)
    param_name : str, default="parameter"
    n_parameters : ndarray of int of shape (n_values,) or None, default=None
        Weights and biases of the network with each value.
    score_name : str, default="score"

    Attributes
    ----------
    best_index : int
        Place of the value with the best mean validation score, the first of several.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : list of matplotlib Line2D
        Training score, validation score, best value.
    band_ : list of matplotlib PolyCollection
        One standard deviation of the folds to either side.

    See Also
    --------
    sklearn.model_selection.ValidationCurveDisplay : Draws the same scores by the parameter's value, if it is a number.

    Notes
    -----
    The scores are those of :func:`sklearn.model_selection.validation_curve`, computed inside of
    :func:`sknets.batched_fits`. What this display adds to scikit-learn's: values that are no numbers, such as
    ``hidden_layer_sizes``, an axis of the number of parameters, and the best value marked.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknets import MLPClassifier
    >>> from sknets.displays import CapacityCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier(learning_rate="cosine", learning_rate_init=0.05, max_iter=20, random_state=0)
    >>> sizes = [(1,), (4,), (16,)]
    >>> display = CapacityCurveDisplay.from_estimator(
    ...     network, X, y, param_name="hidden_layer_sizes", param_range=sizes, cv=3
    ... )
    >>> display.n_parameters.tolist()
    [11, 35, 131]
    >>> display.plot()
    <sknets.displays...CapacityCurveDisplay object at ...>
    """

    def __init__(
        self,
        param_values,
        train_scores,
        test_scores,
        *,
        param_name="parameter",
        n_parameters=None,
        score_name="score",
    ):
        self.param_values = param_values
        self.train_scores = train_scores
        self.test_scores = test_scores
        self.param_name = param_name
        self.n_parameters = n_parameters
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator, X, y, *, param_name, param_range, cv=5, scoring=None, n_jobs=None, groups=None):
        """Fit the estimator with each value on each fold; ``plot`` draws the scores.

        Parameters
        ----------
        estimator : estimator
            A network, a pipeline that ends with one, or any other estimator. It stays as it is.
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        param_name : str
            As ``set_params`` takes it: "hidden_layer_sizes", "mlpclassifier__alpha".
        param_range : sequence
            Its values, in the order of the axis.
        cv : int, cross-validation generator or iterable, default=5
        scoring : str, callable or None, default=None
        n_jobs : int or None, default=None
        groups : array-like of shape (n_samples,), default=None
            These four are as in :func:`sklearn.model_selection.validation_curve`.

        Returns
        -------
        display : CapacityCurveDisplay
        """
        values = list(param_range)
        with batched_fits():
            train_scores, test_scores = validation_curve(
                estimator,
                X,
                y,
                param_name=param_name,
                param_range=values,
                cv=cv,
                scoring=scoring,
                n_jobs=n_jobs,
                groups=groups,
            )
        own = "R²" if is_regressor(estimator) else "accuracy"
        name = own if scoring is None else scoring if isinstance(scoring, str) else "score"
        return cls(
            values,
            train_scores,
            test_scores,
            param_name=param_name,
            n_parameters=_count(estimator, X, y, param_name, values),
            score_name=SCORE_NAMES.get(name, name.replace("_", " ")),
        )

    @property
    def best_index(self):
        """Place of the value with the best mean validation score."""
        return int(np.nanargmax(self.test_scores.mean(axis=1)))

    def plot(self, ax=None, *, against="value", **line_kw):
        """Draw both scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        against : {"value", "n_parameters"}, default="value"
            What the horizontal axis shows: the parameter's value, or how many weights and biases the network has.
        **line_kw
            Keywords of :meth:`matplotlib.axes.Axes.plot`, for both lines.

        Returns
        -------
        self : CapacityCurveDisplay

        Raises
        ------
        ValueError
            If the number of parameters is wanted and not known.
        """
        places = self._places(against)
        self.ax_ = prepare_axes(ax, (6.4, 4))
        self.figure_, self.line_, self.band_ = self.ax_.figure, [], []
        for scores, label, style in [
            (self.train_scores, "training", TRAIN_STYLE),
            (self.test_scores, "validation", VALID_STYLE),
        ]:
            mean, spread = scores.mean(axis=1), scores.std(axis=1)
            self.line_ += self.ax_.plot(places, mean, **{"label": label, **style, **line_kw})
            band = self.ax_.fill_between(places, mean - spread, mean + spread, color=style["color"], alpha=0.2, lw=0)
            self.band_.append(band)
        best = self.best_index
        value = self.param_values[best] if against == "value" else f"{self.n_parameters[best]:,}"
        self.line_.append(self.ax_.axvline(places[best], label=f"best: {value}", **BEST_STYLE))
        self._label_axes(places, against)
        return self

    def _places(self, against):
        """Return where the values stand on the horizontal axis."""
        if against not in ("value", "n_parameters"):
            raise ValueError(f"against must be 'value' or 'n_parameters'; got {against!r}.")
        if against == "n_parameters":
            if self.n_parameters is None:
                raise ValueError(
                    "against='n_parameters' needs the number of parameters, which is known of networks of sknets only; "
                    "got None. Use against='value'."
                )
            return self.n_parameters
        return np.asarray(self.param_values) if self._are_numbers() else np.arange(len(self.param_values))

    def _are_numbers(self):
        return all(isinstance(value, Real) and not isinstance(value, bool) for value in self.param_values)

    def _label_axes(self, places, against):
        ax, is_value = self.ax_, against == "value"
        ax.set(
            xlabel=self.param_name.rpartition("__")[2] if is_value else "number of parameters", ylabel=self.score_name
        )
        if is_value and not self._are_numbers():
            labels = [str(value) for value in self.param_values]
            is_long = sum(map(len, labels)) > 60
            ax.set_xticks(places, labels, rotation=30 if is_long else 0, ha="right" if is_long else "center")
        elif min(places) > 0 and max(places) > WIDE_RANGE * min(places):
            ax.set_xscale("log")
        ax.grid(alpha=0.3)
        ax.legend(loc="best")


def _count(estimator, X, y, param_name, values):
    """Return the number of parameters of the network with each value; None of what is no network."""
    try:
        return np.array(
            [count_parameters(clone(estimator).set_params(**{param_name: value}), X, y) for value in values]
        )
    except TypeError:
        return None
