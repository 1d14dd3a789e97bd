"""A diagnosis as a figure: epochs, rows, baselines, and what was tried."""

import numpy as np

# Colours of Okabe and Ito, told apart by every kind of colour vision and on either ground; markers and line styles for
# prints in grey.
TRAIN = {"color": "#0072B2", "linestyle": "-", "marker": "o"}
VALID = {"color": "#D55E00", "linestyle": "--", "marker": "D"}
CLEAR, UNCLEAR = "#009E73", "0.55"
CONSTANT = {"color": "0.5", "linestyle": ":"}

# Room below the constant's score, in parts of what lies above it; R² has no lower bound.
ROOM_BELOW = 0.3

# How far losses are drawn, in parts of the largest gain; what is beyond is an arrow at the edge.
ROOM_FOR_LOSSES = 3

# Training and held-out rows beside one another, in parts of a line's height.
OFFSET = 0.12

# Up to this many epochs each is marked: a line of one or two points is hard to see.
MOST_MARKED_EPOCHS = 12

PANELS = 4

NAMES = {
    "constant": "a constant",
    "linear": "linear model",
    "shuffled": "network,\nshuffled targets",
    "network": "network",
}


class DiagnosisDisplay:
    """Four panels: score by epoch and by training rows, baselines and controls, and the gain of each change.

    Use :meth:`from_diagnosis`, or ``verdict.plot()``. All parameters are stored as attributes.

    Parameters
    ----------
    curves : pandas.DataFrame
        Columns ``fold``, ``epoch``, ``train_score``, ``valid_score``.
    learning_curve : pandas.DataFrame
        Columns ``n_rows``, ``fold``, ``train_score``, ``valid_score``.
    baselines : pandas.DataFrame
        Rows by name, columns ``train_score``, ``valid_score``, ``valid_spread``; one row is "constant", one "network".
    probes : pandas.DataFrame
        Columns ``name``, ``gain``, ``noise``, ``is_clear``.
    score_name : str, default="score"
    title : str, default=""

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (4,)
        In this order: epochs, rows, baselines, changes.
    figure_ : matplotlib Figure

    See Also
    --------
    sknets.inspection.diagnose : What is drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknets import MLPClassifier
    >>> from sknets.displays import DiagnosisDisplay
    >>> from sknets.inspection import diagnose
    >>> X, y = load_iris(return_X_y=True)
    >>> verdict = diagnose(MLPClassifier((4,), max_iter=5, random_state=0), X, y, cv=2)
    >>> display = DiagnosisDisplay.from_diagnosis(verdict)
    >>> len(display.probes) == len(verdict.probes)
    True
    """

    def __init__(self, *, curves, learning_curve, baselines, probes, score_name="score", title=""):
        self.curves = curves
        self.learning_curve = learning_curve
        self.baselines = baselines
        self.probes = probes
        self.score_name = score_name
        self.title = title

    @classmethod
    def from_diagnosis(cls, verdict):
        """Take the numbers out of a diagnosis; ``plot`` draws them.

        Parameters
        ----------
        verdict : sknets.inspection.Diagnosis

        Returns
        -------
        display : DiagnosisDisplay
            Its ``probes`` are in the order of their gains.
        """
        return cls(
            curves=verdict.curves,
            learning_curve=verdict.learning_curve,
            baselines=verdict.baselines,
            probes=verdict.probes.dropna(subset="gain").sort_values("gain", kind="stable", ignore_index=True),
            score_name=verdict.score_name,
            title=verdict.headline,
        )

    def plot(self, axes=None):
        """Draw the panels.

        Parameters
        ----------
        axes : array-like of four matplotlib Axes, default=None
            Where to draw: epochs, rows, baselines, changes. None makes a figure.

        Returns
        -------
        self : DiagnosisDisplay

        Raises
        ------
        ValueError
            If there are not four axes.
        """
        if axes is None:
            import matplotlib.pyplot as plt

            figure, axes = plt.subplots(2, 2, figsize=(10, 7.5), layout="constrained")
            figure.suptitle(self.title)
        axes = np.ravel(axes)
        if len(axes) != PANELS:
            raise ValueError(
                f"axes must be {PANELS} matplotlib Axes; got {len(axes)}. Leave them out for a new figure."
            )
        self.axes_, self.figure_ = axes, axes[0].figure
        self._draw_epochs(axes[0])
        self._draw_rows(axes[1])
        self._draw_baselines(axes[2])
        self._draw_changes(axes[3])
        return self

    def score_limits(self):
        """Return the lowest and highest score that are drawn: a little below the constant's, and above all."""
        parts = ["train_score", "valid_score"]
        scores = np.concatenate([table[parts].to_numpy(dtype=float).ravel() for table in self._tables()])
        constant = self.baselines.loc["constant", "valid_score"]
        finite = scores[np.isfinite(scores)]
        high = max(finite.max(initial=constant), constant)
        height = (high - constant) or 1.0
        low = max(finite.min(initial=constant), constant - ROOM_BELOW * height)
        return low - 0.05 * height, high + 0.05 * height

    def gain_limits(self):
        """Return the lowest and highest gain that are drawn: all gains with their noise, and some of the losses."""
        gains = self.probes["gain"].to_numpy(dtype=float)
        noise = self.probes["noise"].to_numpy(dtype=float)
        high = 1.1 * max((gains + noise).max(initial=0.0), 0.0)
        if high == 0:
            return 1.1 * gains.min(initial=-1.0), 0.1 * abs(gains.min(initial=-1.0))
        lowest = min((gains - noise).min(initial=0.0), -0.1 * high)
        return 1.1 * max(lowest, -ROOM_FOR_LOSSES * high), high

    def _tables(self):
        return [self.curves, self.learning_curve, self.baselines]

    def _draw_epochs(self, ax):
        for part, label, style in self._parts():
            line = style if self.curves["epoch"].max() <= MOST_MARKED_EPOCHS else {**style, "marker": None}
            table = self.curves.pivot(index="epoch", columns="fold", values=f"{part}_score").ffill().astype(float)
            if not table.empty:
                ax.plot(table.index, table.mean(axis=1), label=label, **line)
                ax.fill_between(
                    table.index, table.min(axis=1), table.max(axis=1), color=style["color"], alpha=0.2, lw=0
                )
        self._say_what_is_missing(ax, self.curves, "no epochs")
        self._finish(ax, "By epoch (mean and range of folds)", "epoch")
        # The one legend: the other panels have the same colours and markers.
        ax.legend(loc="best", fontsize="small")

    def _draw_rows(self, ax):
        by_rows = self.learning_curve.groupby("n_rows")
        for part, label, style in self._parts():
            scores = by_rows[f"{part}_score"]
            ax.errorbar(scores.mean().index, scores.mean(), scores.std(), label=label, capsize=3, **style)
        self._say_what_is_missing(ax, self.learning_curve, "no rows")
        self._finish(ax, "By training rows (mean ± spread of folds)", "training rows")

    def _draw_baselines(self, ax):
        places = np.arange(len(self.baselines))[::-1]
        low, high = self.score_limits()
        for place, row in zip(places, self.baselines.itertuples(), strict=True):
            for score, spread, where, style in (
                (row.train_score, 0.0, place + OFFSET, TRAIN),
                (row.valid_score, row.valid_spread, place - OFFSET, VALID),
            ):
                if score < low:
                    ax.plot(low, where, "<", color=style["color"], clip_on=False)
                else:
                    ax.errorbar(score, where, xerr=spread or None, fmt=style["marker"], color=style["color"], capsize=3)
        ax.set_yticks(places, [NAMES.get(name, name) for name in self.baselines.index])
        ax.set_ylim(-0.6, len(places) - 0.4)
        ax.set_xlim(low, high)
        ax.set_xlabel(self.score_name)
        ax.set_title("Baselines and control", fontsize="medium")
        ax.grid(axis="x", alpha=0.3)

    def _draw_changes(self, ax):
        low, high = self.gain_limits()
        for place, probe in enumerate(self.probes.itertuples()):
            color = CLEAR if probe.is_clear else UNCLEAR
            if probe.gain < low:
                ax.plot(low, place, "<", color=color, markersize=5, clip_on=False)
                continue
            marker = "s" if probe.is_clear else "o"
            ax.errorbar(probe.gain, place, xerr=probe.noise, fmt=marker, color=color, markersize=5, capsize=2)
        ax.axvline(0, **CONSTANT)
        ax.set_xlim(low, high)
        ax.locator_params(axis="x", nbins=6)
        ax.set_yticks(range(len(self.probes)), self.probes["name"], fontsize="small")
        ax.set_xlabel(f"gain of held-out {self.score_name}, and its noise")
        ax.set_title("What was tried (green squares: clear gains)", fontsize="medium")
        ax.grid(axis="x", alpha=0.3)

    def _say_what_is_missing(self, ax, table, words):
        scores = table[["train_score", "valid_score"]].to_numpy(dtype=float)
        if len(scores) and not (scores >= self.score_limits()[0]).any():
            words = "no score" if np.isnan(scores).all() else "all scores are far below"
        elif len(scores):
            return
        ax.text(0.5, 0.5, words, ha="center", va="center", transform=ax.transAxes)

    def _parts(self):
        return [("train", "training rows", TRAIN), ("valid", "held-out rows", VALID)]

    def _finish(self, ax, title, label):
        ax.axhline(self.baselines.loc["constant", "valid_score"], label="a constant", **CONSTANT)
        ax.set_ylim(*self.score_limits())
        ax.set_xlabel(label)
        ax.set_ylabel(self.score_name)
        ax.set_title(title, fontsize="medium")
        ax.grid(alpha=0.3)
