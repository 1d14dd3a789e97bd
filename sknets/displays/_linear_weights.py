"""The weights of a linear model, or of a network's first layer, as pictures."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sknets._image_layout import resolve_layout
from sknets.displays._axes import draw_frames, draw_scale, prepare_axes
from sknets.displays._mosaic import as_colours, symmetric_limit
from sknets.displays._picture_grid import arrange
from sknets.displays._pictures import as_pictures
from sknets.displays._style import DIVERGING_MAP, FRAME

# In a row of a figure of our own, and what the scale at its side takes.
MOST_COLUMNS = 5
SCALE_INCHES = 1.1


class LinearWeightsDisplay:
    """The weights of a linear model on rows of pictures, as a picture for each class.

    Use :meth:`from_estimator` to make one, then :meth:`plot`. All parameters are stored as attributes.

    Parameters
    ----------
    weights : ndarray of shape (n, height, width) or (n, height, width, n_channels)
        One picture for each output, or for each unit of a first layer.
    names : list of str
        Theirs.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : list of matplotlib AxesImage
        Of grey pictures: red where a light pixel speaks for the class, blue where it speaks against it, white where it
        does not matter. Of colours: grey is zero. All are on one scale, which reaches as far below as above.

    See Also
    --------
    FilterDisplay : The same for convolutions.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknets import LogisticRegression
    >>> from sknets.displays import LinearWeightsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = LogisticRegression(C=0.01, max_iter=200).fit(X / 16, y)
    >>> display = LinearWeightsDisplay.from_estimator(clf)
    >>> display.weights.shape
    (10, 8, 8)
    >>> display.plot()
    <sknets.displays...LinearWeightsDisplay object at ...>
    """

    def __init__(self, weights, *, names):
        self.weights = weights
        self.names = names

    @classmethod
    def from_estimator(cls, estimator, *, image_shape=None):
        """Take the weights out of a fitted estimator; ``plot`` draws them.

        Parameters
        ----------
        estimator : estimator or sklearn.pipeline.Pipeline
            Fitted, with ``coef_`` (a linear model of sknets or of scikit-learn) or ``coefs_`` (a multilayer
            perceptron, whose first layer is taken). Of a pipeline the last step is taken, and its weights are for the
            pixels as the steps before leave them: behind a ``StandardScaler`` for scaled ones.
        image_shape : (n_channels, height, width), (height, width) or None, default=None
            What a row is a picture of; None infers squares.

        Returns
        -------
        display : LinearWeightsDisplay

        Raises
        ------
        TypeError
            If it has no weights for each feature.
        ValueError
            If the number of features is not that of ``image_shape``, or no square's.
        """
        model = estimator
        while isinstance(model, Pipeline):
            model = model.steps[-1][1]
        check_is_fitted(model)
        weights, names = _read_weights(model)
        layout = resolve_layout(weights.shape, image_shape)
        if layout.height == 1 and image_shape is None:
            raise ValueError(
                f"image_shape must say what rows of {weights.shape[1]} values are pictures of, since they are no "
                "square; got None. Give (height, width)."
            )
        # Two channels, or five, have pictures side by side in no other display either.
        return cls(as_pictures(weights, layout) if layout.n_channels == 1 else _unfold(weights, layout), names=names)

    def plot(self, ax=None, *, n_units=30, n_columns=None, cmap=DIVERGING_MAP, **image_kw):
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_units : int, default=30
            At most so many pictures are drawn, the first ones.
        n_columns : int or None, default=None
            Pictures in a row; None for at most five, or, in given axes, for as many as make them largest.
        cmap : str or matplotlib Colormap, default="RdBu_r"
            For one channel; the middle of its scale is zero.
        **image_kw
            Further keywords of :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        self : LinearWeightsDisplay
        """
        weights = self.weights[:n_units]
        limit, is_grey = symmetric_limit(weights), weights.ndim == 3
        grid = arrange(ax, len(weights), weights.shape[1] / weights.shape[2], 1, n_columns, MOST_COLUMNS)
        width, height = grid.figure_size
        self.ax_ = prepare_axes(ax, (width + SCALE_INCHES, height))
        self.figure_ = self.ax_.figure
        self.ax_.set_axis_off()
        scale = {}
        if is_grey:
            # First, since it takes room from the pictures.
            scale = {"cmap": cmap, "norm": draw_scale(self.ax_, limit, cmap)}
        grid.fit(self.ax_)
        pictures = weights if is_grey else as_colours(weights.transpose(0, 3, 1, 2), limit)
        self._draw_pictures(grid, pictures, {**scale, **image_kw})
        return self

    def _draw_pictures(self, grid, pictures, image_kw):
        limits = {"xlim": self.ax_.get_xlim(), "ylim": self.ax_.get_ylim()}
        self.image_ = []
        for i, picture in enumerate(pictures):
            left, right, bottom, top = grid.extent(i)
            self.image_.append(self.ax_.imshow(picture, extent=(left, right, bottom, top), **image_kw))
            name, place = grid.say(self.names[i]), ((left + right) / 2, bottom + 0.04)
            self.ax_.text(*place, name, parse_math=False, ha="center", va="top", fontsize=grid.font_size)
            draw_frames(self.ax_, [(left, top)], 1, grid.height, FRAME)
        # Each picture has set them for itself.
        self.ax_.set(**limits)


def _read_weights(model):
    """Return weights of shape (n, n_features), and names."""
    if hasattr(model, "coefs_"):
        weights = np.asarray(model.coefs_[0]).T
        return weights, [f"unit {i}" for i in range(len(weights))]
    if not hasattr(model, "coef_"):
        raise TypeError(
            "estimator must be a fitted linear model or multilayer perceptron, with coef_ or coefs_, or a pipeline "
            f"that ends with one; got {type(model).__name__}. FilterDisplay draws the filters of a CNNClassifier."
        )
    weights = np.atleast_2d(np.asarray(model.coef_))
    classes = getattr(model, "classes_", None)
    if classes is None:
        return weights, [f"output {i}" for i in range(len(weights))] if len(weights) > 1 else ["weights"]
    if len(weights) == 1:
        # One picture says which of two classes it is: red speaks for the second.
        return weights, [f"for {classes[-1]}"]
    return weights, [str(label) for label in classes]


def _unfold(weights, layout):
    pictures = weights.reshape(len(weights), *layout.unfolded_shape)
    return pictures if layout.is_channels_last else pictures.transpose(0, 2, 3, 1)
