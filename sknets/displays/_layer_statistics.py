"""Gradients and activations by layer and epoch: vanishing gradients made visible."""

import numpy as np

from sknets.displays._axes import prepare_axes, show_whole_numbers
from sknets.displays._style import BLUE, ORANGE, SKY_BLUE, VERMILION
from sknets.inspection import layer_statistics

# From cold to hot, and markers for prints in grey: one for each epoch that is drawn.
STYLES = [
    {"color": BLUE, "marker": "o"},
    {"color": SKY_BLUE, "marker": "s"},
    {"color": ORANGE, "marker": "^"},
    {"color": VERMILION, "marker": "D"},
]

#: What each statistic is, in words.
LABELS = {
    "gradient": "mean |gradient| of the weights",
    "weight": "mean |weight|",
    "gradient_ratio": "mean |gradient| / mean |weight|",
    "spread": "spread of the activations over rows",
    "saturated": "share of saturated activations",
    "dead": "share of dead units",
}
SHARES = ("saturated", "dead")


class LayerStatisticsDisplay:
    """How strongly each layer of a network learns, and how much its activations still tell, epoch by epoch.

    Use :meth:`from_estimator` to make one, then :meth:`plot`. All parameters are stored as attributes.

    Parameters
    ----------
    epochs : ndarray of shape (n_epochs,)
        0 for the start, before any training.
    layers : list of str
        Names, from the input to the output.
    statistics : dict of ndarray of shape (n_epochs, n_layers)
        By name: "gradient", "weight", "gradient_ratio", "spread", "saturated", "dead".

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : list of matplotlib Line2D
        One an epoch.

    See Also
    --------
    sknets.inspection.LayerStatistics : Records them.
    sknets.inspection.layer_statistics : What they are, as a table.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknets import MLPClassifier
    >>> from sknets.displays import LayerStatisticsDisplay
    >>> from sknets.inspection import LayerStatistics
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,) * 6, callbacks=[LayerStatistics()], learning_rate="cosine", max_iter=20)
    >>> display = LayerStatisticsDisplay.from_estimator(network.fit(X, y))
    >>> display.statistics["gradient_ratio"].shape
    (21, 7)
    >>> display.plot()
    <sknets.displays...LayerStatisticsDisplay object at ...>
    """

    def __init__(self, *, epochs, layers, statistics):
        self.epochs = epochs
        self.layers = layers
        self.statistics = statistics

    @classmethod
    def from_estimator(cls, estimator):
        """Take what was recorded out of a fitted network; ``plot`` draws it.

        Parameters
        ----------
        estimator : sknets estimator, sklearn.pipeline.Pipeline or search
            Fitted, with a :class:`~sknets.inspection.LayerStatistics` among its ``callbacks``.

        Returns
        -------
        display : LayerStatisticsDisplay

        Raises
        ------
        TypeError
            If it is no network.
        ValueError
            If nothing was recorded.
        """
        table = layer_statistics(estimator)
        layers = list(dict.fromkeys(table["layer"]))
        by_layer = {
            name: table.pivot(index="epoch", columns="layer", values=name).reindex(columns=layers) for name in LABELS
        }
        epochs = by_layer["weight"].index.to_numpy()
        return cls(
            epochs=epochs, layers=layers, statistics={name: values.to_numpy() for name, values in by_layer.items()}
        )

    def plot(self, ax=None, *, statistic="gradient_ratio", epochs=None, **line_kw):
        """Draw a statistic by layer, with a line for each of some epochs.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        statistic : str, default="gradient_ratio"
            One of "gradient", "weight", "gradient_ratio", "spread", "saturated", "dead". Shares have a scale from 0 to
            1, the others a logarithmic one.
        epochs : sequence of int or None, default=None
            Which epochs, at most four; None for the start, the end and two between.
        **line_kw
            Keywords of :meth:`matplotlib.axes.Axes.plot`, for each line.

        Returns
        -------
        self : LayerStatisticsDisplay

        Raises
        ------
        ValueError
            For an unknown statistic, epochs without a record, or more than four.
        """
        if statistic not in self.statistics:
            raise ValueError(f"statistic must be one of {sorted(self.statistics)}; got {statistic!r}.")
        chosen = self._choose_epochs(epochs)
        self.ax_ = prepare_axes(ax, (6.4, 4))
        self.figure_, self.line_ = self.ax_.figure, []
        numbers = np.arange(1, len(self.layers) + 1)
        for style, epoch in zip(STYLES, chosen, strict=False):
            values = self.statistics[statistic][np.flatnonzero(self.epochs == epoch)[0]]
            if statistic not in SHARES:
                # Zero has no place on a logarithmic scale: a gap, not a line to the edge.
                values = np.where(values > 0, values, np.nan)
            label = "at the start" if epoch == 0 else f"after epoch {epoch}"
            self.line_ += self.ax_.plot(numbers, values, **{"label": label, "markersize": 5, **style, **line_kw})
        self._label_axes(statistic)
        return self

    def _choose_epochs(self, epochs):
        if epochs is None:
            places = np.linspace(0, len(self.epochs) - 1, min(len(self.epochs), len(STYLES))).round().astype(int)
            return self.epochs[places]
        chosen = list(epochs)
        unknown = sorted(set(chosen) - set(self.epochs.tolist()))
        if unknown or not 1 <= len(chosen) <= len(STYLES):
            raise ValueError(
                f"epochs must be one to {len(STYLES)} of those on record, {self.epochs.min()} to {self.epochs.max()}; "
                f"got {chosen}."
            )
        return chosen

    def _label_axes(self, statistic):
        self.ax_.set(xlabel="layer, from input to output", ylabel=LABELS[statistic])
        show_whole_numbers(self.ax_.xaxis)
        if statistic in SHARES:
            self.ax_.set_ylim(-0.03, 1.03)
        else:
            self.ax_.set_yscale("log")
        self.ax_.grid(alpha=0.3)
        self.ax_.legend()
