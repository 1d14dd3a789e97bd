"""From one layout of images to another."""

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sknets._image_layout import ImageLayout, match_layout
from sknets._parameter_checks import StrOptions
from sknets._sklearn_compat import fit_context
from sknets.preprocessing._image_rows import as_images, as_rows, check_rows, learn_rows, match_rows

LAYOUTS = ("channels_first", "channels_last", "flat")


class ImageReshaper(TransformerMixin, BaseEstimator):
    """Turn flat rows, or images in any layout, into images in one layout.

    The numbers and their type stay as they are: ``uint8`` in, ``uint8`` out. A frame that pandas read from a CSV of
    pixels is a table of flat rows.

    Parameters
    ----------
    image_shape : tuple of int or None, default=None
        (n_channels, height, width), or (height, width) for one channel. None infers it from X: an axis of at most four
        is taken for the channels; flat rows for a square with one channel, or three from 8 x 8 pixels on, and
        otherwise for an image one pixel high.
    layout : {"channels_first", "channels_last", "flat"}, default="channels_first"
        Of the images that come out: (n_samples, n_channels, height, width), (n_samples, height, width, n_channels), or
        (n_samples, n_channels * height * width), one channel after the other.

    Attributes
    ----------
    image_shape_ : tuple of int
        (n_channels, height, width).
    n_features_in_ : int
        Numbers in one image.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only where X has column names that are strings.

    See Also
    --------
    ChannelScaler : Takes any layout; no reshaper is needed before it.

    Notes
    -----
    X may have the shape (n_samples, height, width), (n_samples, height, width, n_channels), (n_samples, n_channels,
    height, width) or (n_samples, n_channels * height * width). ``transform`` takes other layouts than that of ``fit``
    too, as long as the images have the same size. A shape that could be read in two ways is an error that names the
    choices.

    The result shares memory with X where it can, and then stays on disk if X is a ``numpy.memmap``. NaN passes. The
    output has no columns, so that there is no ``set_output``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknets.preprocessing import ImageReshaper
    >>> table = pd.DataFrame([[0, 10, 20, 30], [40, 50, 60, 70]])  # two images of 2 x 2 pixels
    >>> reshaper = ImageReshaper()
    >>> images = reshaper.fit_transform(table)
    >>> images.shape
    (2, 1, 2, 2)
    >>> images[1, 0].tolist()
    [[40, 50], [60, 70]]
    >>> reshaper.inverse_transform(images).shape
    (2, 4)
    """

    _parameter_constraints: dict = {"image_shape": ["array-like", None], "layout": [StrOptions(set(LAYOUTS))]}

    def __init__(self, image_shape=None, layout="channels_first"):
        self.image_shape = image_shape
        self.layout = layout

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the layout of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images in any of the layouts in Notes.
        y : None
            Ignored.

        Returns
        -------
        self : ImageReshaper

        Raises
        ------
        ValueError
            If ``image_shape`` does not fit X, or the layout is ambiguous.
        """
        learn_rows(self, X, self.image_shape, ensure_all_finite=False)
        return self

    def transform(self, X):
        """Return the images of X in ``layout``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the size of those in ``fit``.

        Returns
        -------
        images : ndarray of shape (n_samples, ...)
            As ``layout`` says, with X's type of numbers.

        Raises
        ------
        ValueError
            If the images have another size.
        """
        rows, layout = match_rows(self, X, ensure_all_finite=False)
        return as_rows(as_images(rows, layout), self._output_layout())

    def inverse_transform(self, X):
        """Return images as rows in the layout of ``fit``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images as ``transform`` returns them.

        Returns
        -------
        rows : ndarray of shape (n_samples, ...)
            With X's type of numbers.
        """
        check_is_fitted(self)
        images = check_rows(self, X, ensure_all_finite=False)
        layout = match_layout(images.shape, self._output_layout())
        return as_rows(as_images(images, layout), self._layout)

    def _output_layout(self):
        return ImageLayout(
            *self.image_shape_,
            is_channels_last=self.layout == "channels_last",
            ndim=2 if self.layout == "flat" else 4,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32", "int64", "uint8"]
        return tags
