"""Images whose channels have mean 0 and standard deviation 1."""

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sknets._channel_statistics import channel_statistics
from sknets._image_layout import match_layout
from sknets._parameter_checks import NON_NEGATIVE
from sknets._sklearn_compat import check_sample_weight, fit_context
from sknets.preprocessing._image_rows import check_rows, has_flat_rows, learn_rows, match_rows


class ChannelScaler(TransformerMixin, BaseEstimator):
    """Shift and scale each channel to mean 0 and standard deviation 1.

    All pixels of a channel share one mean and one standard deviation, those of the training images. Whole numbers
    become ``float32``; floats keep their type, and every array its layout.

    Parameters
    ----------
    image_shape : tuple of int or None, default=None
        (n_channels, height, width), or (height, width) for one channel. None infers it from X as
        :class:`ImageReshaper` does.
    epsilon : float, default=1e-6
        Lower bound on the standard deviation, in the unit of the pixels.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_channels,)
        Statistics of the training images. A constant channel is scaled by 1.
    image_shape_ : tuple of int
        (n_channels, height, width).
    n_features_in_ : int
        Numbers in one image.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only where X has column names that are strings.

    See Also
    --------
    ImageReshaper : The layouts that X may have.
    sklearn.preprocessing.StandardScaler : One mean and one standard deviation for each pixel.

    Notes
    -----
    The statistics are computed in ``float64`` block by block; training images in a ``numpy.memmap`` are never in memory
    all at once. ``transform`` makes a new array in memory.

    ``set_output`` acts on flat rows; images come out as arrays whatever it says.

    Examples
    --------
    >>> import numpy as np
    >>> from sknets.preprocessing import ChannelScaler
    >>> images = np.array([[[[0.0, 2.0]]], [[[4.0, 6.0]]]])  # (2, 1, 1, 2)
    >>> scaler = ChannelScaler(image_shape=(1, 1, 2)).fit(images)
    >>> scaler.mean_.tolist()
    [3.0]
    >>> float(scaler.transform(images).std())
    1.0
    """

    _parameter_constraints: dict = {"image_shape": ["array-like", None], "epsilon": [NON_NEGATIVE]}

    def __init__(self, image_shape=None, *, epsilon=1e-6):
        self.image_shape = image_shape
        self.epsilon = epsilon

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn the mean and the standard deviation of each channel.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images in any of the layouts that :class:`ImageReshaper` takes.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How often each image counts; not negative.

        Returns
        -------
        self : ChannelScaler

        Raises
        ------
        ValueError
            If X has NaN or infinity, ``image_shape`` does not fit it, or its layout is ambiguous.
        """
        X = learn_rows(self, X, self.image_shape)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        self.mean_, scale = channel_statistics(X, self._layout, sample_weight)
        self.scale_ = scale.clip(min=self.epsilon)
        return self

    def transform(self, X):
        """Shift and scale each channel.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the size of those in ``fit``.

        Returns
        -------
        scaled : ndarray of X's shape
            A new array of floats.

        Raises
        ------
        ValueError
            If X has NaN or infinity, or the images have another size.
        """
        rows, layout = match_rows(self, X)
        scaled, axes = _empty_floats(rows), _channel_axes(layout)
        images, out = (array.reshape(len(rows), *layout.unfolded_shape) for array in (rows, scaled))
        # In float64, whatever comes out: a mean that is large beside the spread would cost digits.
        np.subtract(images, self.mean_.reshape(axes), out=out, dtype=np.float64, casting="unsafe")
        np.divide(out, self.scale_.reshape(axes), out=out, dtype=np.float64, casting="unsafe")
        return scaled

    def inverse_transform(self, X):
        """Undo :meth:`transform`.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Scaled images.

        Returns
        -------
        images : ndarray of X's shape
            A new array of floats, also where ``fit`` saw whole numbers.
        """
        check_is_fitted(self)
        rows = check_rows(self, X)
        layout = match_layout(rows.shape, self._layout)
        restored, axes = _empty_floats(rows), _channel_axes(layout)
        scaled, out = (array.reshape(len(rows), *layout.unfolded_shape) for array in (rows, restored))
        np.multiply(scaled, self.scale_.reshape(axes), out=out, dtype=np.float64, casting="unsafe")
        np.add(out, self.mean_.reshape(axes), out=out, dtype=np.float64, casting="unsafe")
        return restored

    get_feature_names_out = available_if(has_flat_rows)(OneToOneFeatureMixin.get_feature_names_out)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _empty_floats(rows):
    return np.empty(rows.shape, rows.dtype if rows.dtype.kind == "f" else np.float32)


def _channel_axes(layout):
    return (-1,) if layout.is_channels_last else (-1, 1, 1)
