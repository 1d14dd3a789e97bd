"""Pictures side by side, with what they are and what a model takes them for."""

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state

from sknets._arrays import as_array_like
from sknets.displays._axes import draw_frames, prepare_axes
from sknets.displays._picture_grid import arrange
from sknets.displays._pictures import count_rows, take_pictures
from sknets.displays._style import FRAME, MISTAKE_FRAME
from sknets.inspection import confident_mistakes, most_probable

# In a row of a figure of our own.
MOST_COLUMNS = 5


class ImageGridDisplay:
    """Pictures side by side, each with its label, or with a prediction, its confidence and the truth.

    Use :meth:`from_images`, :meth:`from_predictions` or :meth:`most_confident_mistakes` to make one, then
    :meth:`plot`. All parameters are stored as attributes.

    Parameters
    ----------
    images : ndarray of shape (n, height, width) or (n, height, width, 3 or 4)
        Grey pictures of any numbers, or colours as bytes or between 0 and 1.
    places : ndarray of shape (n,) or None, default=None
        Where in X they were.
    y_true : ndarray of shape (n,) or None, default=None
        Labels, or numbers in a regression.
    y_pred : ndarray of shape (n,) or None, default=None
        What was predicted.
    confidence : ndarray of shape (n,) or None, default=None
        The probability that the model gave its prediction, in [0, 1].

    Attributes
    ----------
    is_mistake : ndarray of bool of shape (n,)
        Where a label is not the true one.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : list of matplotlib AxesImage
    text_ : list of matplotlib Text
        The captions.

    See Also
    --------
    sknets.inspection.confident_mistakes : Their places.
    sklearn.metrics.ConfusionMatrixDisplay : How often which class is taken for which.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknets import MLPClassifier
    >>> from sknets.displays import ImageGridDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((16,), learning_rate="cosine", max_iter=20, random_state=0).fit(X[:1000] / 16, y[:1000])
    >>> probabilities = clf.predict_proba(X[1000:] / 16)
    >>> display = ImageGridDisplay.most_confident_mistakes(X[1000:], y[1000:], probabilities)
    >>> bool(display.is_mistake.all())
    True
    >>> display.plot()
    <sknets.displays...ImageGridDisplay object at ...>
    """

    def __init__(self, images, *, places=None, y_true=None, y_pred=None, confidence=None):
        self.images = images
        self.places = places
        self.y_true = y_true
        self.y_pred = y_pred
        self.confidence = confidence

    @classmethod
    def from_images(cls, X, y=None, *, n_images=10, image_shape=None, random_state=None):
        """Take pictures; ``plot`` draws them.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            In any layout that :class:`~sknets.CNNClassifier` takes.
        y : array-like of shape (n_samples,), default=None
            Their labels.
        n_images : int, default=10
            At most so many are taken.
        image_shape : (n_channels, height, width), (height, width) or None, default=None
            What flat rows are pictures of; None infers squares, as an estimator does.
        random_state : int, RandomState instance or None, default=None
            Draws the pictures; None takes the first.

        Returns
        -------
        display : ImageGridDisplay
        """
        places = _choose(count_rows(X), n_images, random_state)
        labels = None if y is None else _labels(X, y)[places]
        return cls(take_pictures(X, places, image_shape), places=places, y_true=labels)

    @classmethod
    def from_predictions(cls, X, y_true, y_pred, *, classes=None, n_images=10, image_shape=None, random_state=None):
        """Take pictures with what was predicted for them; ``plot`` draws them.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            In any layout that :class:`~sknets.CNNClassifier` takes.
        y_true : array-like of shape (n_samples,)
        y_pred : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels (or numbers, in a regression); or probabilities, as ``predict_proba`` gives them.
        classes : array-like of shape (n_classes,), default=None
            What the columns of probabilities stand for, the estimator's ``classes_``; None for the sorted labels of
            ``y_true``.
        n_images : int, default=10
        image_shape : tuple of int or None, default=None
        random_state : int, RandomState instance or None, default=None
            Draws the pictures; None takes the first.

        Returns
        -------
        display : ImageGridDisplay

        Raises
        ------
        ValueError
            If shapes do not fit, or there is not one class for each column.
        """
        places = _choose(count_rows(X), n_images, random_state)
        return cls._with_predictions(X, y_true, y_pred, places, classes, image_shape)

    @classmethod
    def most_confident_mistakes(cls, X, y_true, probabilities, *, classes=None, n_images=10, image_shape=None):
        """Take the pictures that a classifier is most confidently wrong about; ``plot`` draws them.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y_true : array-like of shape (n_samples,)
        probabilities : array-like of shape (n_samples, n_classes)
            As ``predict_proba`` gives them.
        classes : array-like of shape (n_classes,), default=None
        n_images : int, default=10
            At most so many; fewer where there are not so many mistakes.
        image_shape : tuple of int or None, default=None

        Returns
        -------
        display : ImageGridDisplay
            The surest mistake first.

        Raises
        ------
        ValueError
            If shapes do not fit, or there is not one class for each column.
        """
        places = confident_mistakes(y_true, probabilities, classes)[:n_images]
        return cls._with_predictions(X, y_true, probabilities, places, classes, image_shape)

    @classmethod
    def _with_predictions(cls, X, y_true, y_pred, places, classes, image_shape):
        y_true, y_pred, confidence = _labels(X, y_true), np.asarray(y_pred), None
        check_consistent_length(y_true, y_pred)
        if y_pred.ndim > 1:
            y_pred, confidence = most_probable(y_true, y_pred, classes)
            confidence = confidence[places]
        pictures = take_pictures(X, places, image_shape)
        return cls(pictures, places=places, y_true=y_true[places], y_pred=y_pred[places], confidence=confidence)

    @property
    def is_mistake(self):
        """Where a predicted label is not the true one; numbers of a regression are no mistakes."""
        if self.y_true is None or self.y_pred is None or _is_number(self.y_pred):
            return np.zeros(len(self.images), dtype=bool)
        return np.asarray(self.y_pred) != np.asarray(self.y_true)

    def plot(self, ax=None, *, n_columns=None, cmap="gray", **image_kw):
        """Draw the pictures.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_columns : int or None, default=None
            Pictures in a row; None for at most five, or, in given axes, for as many as make them largest.
        cmap : str or matplotlib Colormap, default="gray"
            For grey pictures, all on one scale.
        **image_kw
            Further keywords of :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        self : ImageGridDisplay
        """
        if not len(self.images):
            return self._say_there_are_none(ax)
        aspect = self.images.shape[1] / self.images.shape[2]
        grid = arrange(ax, len(self.images), aspect, self._n_lines(), n_columns, MOST_COLUMNS)
        self.ax_ = prepare_axes(ax, grid.figure_size)
        self.figure_ = self.ax_.figure
        self.ax_.set_axis_off()
        grid.fit(self.ax_)
        self._draw_pictures(grid, {**self._scale(cmap), **image_kw})
        self._write_captions(grid)
        return self

    def _say_there_are_none(self, ax):
        self.ax_ = prepare_axes(ax, (4, 1))
        self.figure_, self.image_ = self.ax_.figure, []
        self.ax_.set_axis_off()
        self.text_ = [self.ax_.text(0.5, 0.5, "no pictures", ha="center", transform=self.ax_.transAxes)]
        return self

    def _scale(self, cmap):
        is_grey = self.images.ndim == 3
        return {"cmap": cmap, "vmin": self.images.min(), "vmax": self.images.max()} if is_grey else {}

    def _draw_pictures(self, grid, image_kw):
        limits = self.ax_.get_xlim(), self.ax_.get_ylim()
        extents = [grid.extent(i) for i in range(len(self.images))]
        self.image_ = [
            self.ax_.imshow(image, extent=extent, **image_kw)
            for image, extent in zip(self.images, extents, strict=True)
        ]
        corners = np.array([(left, top) for left, _, _, top in extents])
        draw_frames(self.ax_, corners[~self.is_mistake], 1, grid.height, FRAME)
        draw_frames(self.ax_, corners[self.is_mistake], 1, grid.height, MISTAKE_FRAME)
        # Each picture has set them for itself.
        self.ax_.set(xlim=limits[0], ylim=limits[1])

    def _n_lines(self):
        if self.y_pred is None:
            return int(self.y_true is not None)
        return 1 + int(self._says_truth().any())

    def _says_truth(self):
        """Where the truth is said beside the prediction: where it is another one. Numbers always differ."""
        return self.is_mistake if self.y_true is None else self.is_mistake | _is_number(self.y_pred)

    def _write_captions(self, grid):
        self.text_ = []
        for i, lines in enumerate(self._captions(grid)):
            left, right, bottom, _ = grid.extent(i)
            place = (left + right) / 2, bottom + 0.04
            self.text_.append(
                self.ax_.text(
                    *place, "\n".join(lines), parse_math=False, ha="center", va="top", fontsize=grid.font_size
                )
            )

    def _captions(self, grid):
        """Return lines of text for each picture."""
        captions = [[] for _ in self.images]
        for i, lines in enumerate(captions):
            if self.y_pred is not None:
                sure = "" if self.confidence is None else f" ({self.confidence[i]:.0%})"
                lines.append(grid.say(self.y_pred[i], behind=sure))
            if self.y_true is not None and self.y_pred is None:
                lines.append(grid.say(self.y_true[i]))
            elif self._says_truth()[i]:
                lines.append(grid.say(self.y_true[i], before="true: "))
        return captions


def _choose(n_rows, n_images, random_state):
    n_images = min(n_images, n_rows)
    if random_state is None:
        return np.arange(n_images)
    return np.sort(check_random_state(random_state).choice(n_rows, n_images, replace=False))


def _labels(X, y):
    y = np.asarray(as_array_like(y))
    check_consistent_length(np.empty(count_rows(X)), y)
    return y


def _is_number(y):
    """Whether these are the numbers of a regression, not labels."""
    y = np.asarray(y)
    return y.dtype.kind == "f" and not np.array_equal(y, np.round(y))
