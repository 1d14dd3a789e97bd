"""The filters of a convolution as pictures."""

import numpy as np

from sknets.displays._axes import draw_frames, draw_scale, prepare_axes
from sknets.displays._layer_names import choose_layer, shorten
from sknets.displays._mosaic import as_colours, choose_columns, lay_tiles, symmetric_limit
from sknets.displays._style import FRAME
from sknets.inspection import convolution_filters

# Filters with so many channels are one picture each: grey, or in colours.
WHOLE = (1, 3)

# Drawn where nobody says how many: more would be too small.
MOST_TILES, MOST_ROWS = 32, 16


class FilterDisplay:
    """The filters of a convolution: what each looks for.

    Use :meth:`from_estimator` to make one, then :meth:`plot`. All parameters are stored as attributes.

    Parameters
    ----------
    filters : ndarray of shape (n_filters, n_channels, height, width)
    layer : str, default=""
        Name of the layer.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
        All filters that are drawn. Grey is zero, for all on one scale that reaches as far below as above.

    See Also
    --------
    FeatureMapDisplay : What the filters see in a picture.
    LinearWeightsDisplay : The same for networks without convolutions.
    sknets.inspection.convolution_filters : The numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknets import CNNClassifier
    >>> from sknets.displays import FilterDisplay
    >>> digits = load_digits()
    >>> cnn = CNNClassifier(channels=(16,), random_state=0).initialize(digits.images, digits.target)
    >>> display = FilterDisplay.from_estimator(cnn)
    >>> display.filters.shape
    (16, 1, 3, 3)
    >>> display.plot()
    <sknets.displays...FilterDisplay object at ...>
    """

    def __init__(self, filters, *, layer=""):
        self.filters = filters
        self.layer = layer

    @classmethod
    def from_estimator(cls, estimator, layer=0):
        """Take the filters out of a fitted network; ``plot`` draws them.

        Parameters
        ----------
        estimator : CNNClassifier, CNNRegressor, TransferClassifier, sklearn.pipeline.Pipeline or search
            Fitted. Of a pipeline the last step is taken.
        layer : int or str, default=0
            Which convolution: its number, from the picture on, or its name as in :func:`sknets.summary`.

        Returns
        -------
        display : FilterDisplay

        Raises
        ------
        TypeError
            If it is no network that looks at pictures.
        ValueError
            If it has no such convolution.
        """
        filters = convolution_filters(estimator)
        name = choose_layer(filters, layer)
        return cls(filters[name], layer=name)

    def plot(self, ax=None, *, n_filters=None, n_channels=16, cmap="gray", **image_kw):
        """Draw the filters: those of colours as colours, those of grey pictures as grey ones.

        Of other layers each filter has a row, with a picture for each of its channels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_filters : int or None, default=None
            At most so many are drawn, the first ones; None for 32, or 16 where each has a row.
        n_channels : int, default=16
            At most so many channels of each, where they have pictures of their own.
        cmap : str or matplotlib Colormap, default="gray"
            For all but colours.
        **image_kw
            Further keywords of :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        self : FilterDisplay
        """
        n_own = self.filters.shape[1]
        shown = self.filters[: n_filters or (MOST_TILES if n_own in WHOLE else MOST_ROWS)]
        limit = symmetric_limit(shown)
        if n_own in WHOLE:
            n_columns = choose_columns(len(shown))
            tiles = shown[:, 0] if n_own == 1 else as_colours(shown, limit)
        else:
            shown = shown[:, :n_channels]
            n_columns = shown.shape[1]
            tiles = shown.reshape(-1, *shown.shape[2:])  # (n_filters * n_channels, height, width)
        mosaic, corners, size = lay_tiles(tiles, n_columns)
        self.ax_ = prepare_axes(ax, _figure_size(mosaic))
        self.figure_ = self.ax_.figure
        scale = {} if n_own == 3 else {"cmap": cmap, "norm": draw_scale(self.ax_, limit, cmap)}
        self.image_ = self.ax_.imshow(mosaic, **{**scale, "interpolation": "nearest", **image_kw})
        if n_own in WHOLE:
            draw_frames(self.ax_, corners, *size, FRAME)
        self._label_axes(len(shown), n_columns)
        return self

    def _label_axes(self, n_shown, n_columns):
        n_all, n_own = self.filters.shape[:2]
        self.ax_.set(xticks=[], yticks=[], frame_on=False)
        what = f"{n_all} filters" if n_shown == n_all else f"{n_shown} of {n_all} filters"
        if n_own not in WHOLE:
            self.ax_.set_xlabel("channel" if n_columns == n_own else f"channel, {n_columns} of {n_own}")
            self.ax_.set_ylabel("filter")
        self.ax_.set_title(f"{shorten(self.layer)}: {what}" if self.layer else what, fontsize="medium")


def _figure_size(mosaic):
    height, width = mosaic.shape[:2]
    # A picture of ordinary size, with room for a scale at the side and a title above.
    scale = min(5.0 / width, 4.0 / height)
    return float(np.clip(width * scale + 1.2, 3.5, 6.4)), float(np.clip(height * scale + 0.7, 1.5, 4.8))
