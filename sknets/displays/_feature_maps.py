"""What the convolutions of a network see in one picture."""

import numpy as np
from sklearn.pipeline import Pipeline

from sknets._arrays import as_array_like
from sknets.displays._axes import draw_frames, prepare_axes
from sknets.displays._layer_names import choose_layer, shorten
from sknets.displays._picture_grid import PictureGrid
from sknets.displays._pictures import take_pictures
from sknets.displays._style import FRAME
from sknets.inspection import feature_maps

#: Drawn where nobody says which.
MOST_LAYERS = 6

INCHES_PER_MAP = 0.75


class FeatureMapDisplay:
    """What the filters of each convolution answer to one picture, behind the activation.

    Use :meth:`from_estimator` to make one, then :meth:`plot`. All parameters are stored as attributes.

    Parameters
    ----------
    maps : dict of ndarray of shape (n_maps, height, width)
        By the layer's name, in the order in which the layers run.
    image : ndarray of shape (height, width) or (height, width, 3 or 4), or None, default=None
        The picture itself.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : list of matplotlib AxesImage
        The picture, then the maps row by row. Each row has a scale of its own, from its lowest value (dark) to its
        highest (light).

    See Also
    --------
    FilterDisplay : The filters themselves.
    sknets.inspection.feature_maps : The numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknets import CNNClassifier
    >>> from sknets.displays import FeatureMapDisplay
    >>> digits = load_digits()
    >>> cnn = CNNClassifier(channels=(8, 16), random_state=0).initialize(digits.images, digits.target)
    >>> display = FeatureMapDisplay.from_estimator(cnn, digits.images[0])
    >>> list(display.maps)
    ['body.0', 'body.4']
    >>> display.plot()
    <sknets.displays...FeatureMapDisplay object at ...>
    """

    def __init__(self, maps, *, image=None):
        self.maps = maps
        self.image = image

    @classmethod
    def from_estimator(cls, estimator, image, *, layers=None, image_shape=None):
        """Send a picture through a fitted network; ``plot`` draws what its convolutions give.

        Parameters
        ----------
        estimator : CNNClassifier, CNNRegressor, TransferClassifier, sklearn.pipeline.Pipeline or search
            Fitted. The steps of a pipeline before the network transform the picture first.
        image : array-like
            One picture, ``X[0]``, in a layout that ``predict`` takes.
        layers : sequence of int or str, default=None
            Which convolutions: numbers, from the picture on, or names as in :func:`sknets.summary`. None for all, or
            for six that are evenly spread where there are more.
        image_shape : tuple of int or None, default=None
            What a flat row is a picture of, for drawing it; None for what the estimator was told.

        Returns
        -------
        display : FeatureMapDisplay

        Raises
        ------
        TypeError
            If it is no network that looks at pictures.
        ValueError
            If it has no such convolution, or the picture is not like those of ``fit``.
        """
        maps = feature_maps(estimator, image)
        names = list(maps)
        if layers is None:
            spread = np.linspace(0, len(names) - 1, min(len(names), MOST_LAYERS)).round().astype(int)
            chosen = [names[i] for i in spread]
        else:
            chosen = [choose_layer(maps, layer) for layer in layers]
        shape = _image_shape(estimator) if image_shape is None else image_shape
        picture = take_pictures(np.asarray(as_array_like(image))[None], np.array([0]), shape)[0]
        return cls({name: maps[name] for name in chosen}, image=picture)

    def plot(self, ax=None, *, n_maps=8, cmap="gray", **image_kw):
        """Draw the picture, and below it a row of maps for each convolution.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_maps : int, default=8
            At most so many of each layer are drawn, the first ones.
        cmap : str or matplotlib Colormap, default="gray"
            For maps and grey pictures.
        **image_kw
            Further keywords of :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        self : FeatureMapDisplay
        """
        rows = self._rows(n_maps)
        n_columns = max(len(pictures) for _, pictures in rows)
        aspect = max(picture.shape[0] / picture.shape[1] for _, pictures in rows for picture in pictures[:1])
        grid = PictureGrid(len(rows) * n_columns, n_columns, aspect, 1, INCHES_PER_MAP, is_text_above=True)
        self.ax_ = prepare_axes(ax, grid.figure_size)
        self.figure_, self.image_ = self.ax_.figure, []
        self.ax_.set_axis_off()
        grid.fit(self.ax_)
        self._draw_rows(grid, rows, {"cmap": cmap, **image_kw})
        return self

    def _draw_rows(self, grid, rows, image_kw):
        limits = {"xlim": self.ax_.get_xlim(), "ylim": self.ax_.get_ylim()}
        for row, (caption, pictures) in enumerate(rows):
            scale = {"vmin": min(map(np.min, pictures)), "vmax": max(map(np.max, pictures))}
            for column, picture in enumerate(pictures):
                extent = left, _, _, top = grid.extent(row * grid.n_columns + column)
                self.image_.append(self.ax_.imshow(picture, extent=extent, **{**scale, **image_kw}))
                draw_frames(self.ax_, [(left, top)], 1, grid.height, FRAME)
            left, _, _, top = grid.extent(row * grid.n_columns)
            self.ax_.text(left, top - 0.05, caption, va="bottom", fontsize=grid.font_size)
        # Each picture has set them for itself.
        self.ax_.set(**limits)

    def _rows(self, n_maps):
        """Return a caption and pictures for each row."""
        rows = [] if self.image is None else [("picture", [self.image])]
        for name, maps in self.maps.items():
            n_all, height, width = maps.shape
            number = f"{n_all} maps" if n_all <= n_maps else f"{n_maps} of {n_all} maps"
            rows.append((f"{shorten(name)}: {number} of {height} x {width}", list(maps[:n_maps])))
        return rows


def _image_shape(estimator):
    """Return what the network was told, or has found, of the pictures' shape."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    return _image_shape(estimator.steps[-1][1]) if isinstance(estimator, Pipeline) else estimator.image_shape_
