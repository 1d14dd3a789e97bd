"""Random changes to training images, as a step of a pipeline or by hand."""

from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.metaestimators import available_if

from sknets._augmentation_parameter import AugmentationParameterMixin
from sknets._image_layout import resolve_layout
from sknets._parameter_checks import StrOptions
from sknets._randomness import draw_seed, make_torch_generator
from sknets._sklearn_compat import fit_context
from sknets.nn import PRESETS, Augmentation, make_transform
from sknets.preprocessing._image_rows import as_images, as_rows, check_rows, has_flat_rows, learn_rows, match_rows

#: Images that are changed at once; a multiple of those that share one draw. Bounds the memory beside the result.
BLOCK_SIZE = 512


class Augmenter(AugmentationParameterMixin, TransformerMixin, BaseEstimator):
    """Change training images at random, and leave all others alone.

    ``fit_transform`` returns changed images, ``transform`` returns X as it is. So a pipeline trains on changed images
    and predicts from those that it is given.

    Parameters
    ----------
    augmentation : "light" or callable, default="light"
        "light" shifts images by up to a twelfth of their size and mirrors some of them left to right. Otherwise a
        transform of ``torchvision.transforms.v2``, or any function from a tensor of shape (n, n_channels, height,
        width) to one of the same shape and type. It must take its random numbers from torch.
    image_shape : tuple of int or None, default=None
        (n_channels, height, width), or (height, width) for one channel. None infers it from X as
        :class:`ImageReshaper` does.
    random_state : int, RandomState instance or None, default=None
        An integer makes the same changes to the same X every time.

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
    ImageReshaper : The layouts that X may have.

    Notes
    -----
    As a step of a pipeline it changes each image once per fit, and a network then sees the same changed image in every
    epoch. ``augmentation`` of a convolutional network is better there: it changes every batch anew. This class is for
    estimators without that parameter, and :meth:`augment` for enlarging a training set by hand.

    As for :class:`sklearn.preprocessing.TargetEncoder`, ``fit(X).transform(X)`` is not ``fit_transform(X)``.
    scikit-learn's check that the two agree passes, but only because its rows of three features are images one pixel
    high, which "light" does not mirror, and too narrow to be shifted.

    Every eight images in a row share one draw of the random numbers, so shuffle X first if images of a class stand
    together. The images that come out have X's layout and type of numbers; some transforms, those of colours among
    them, want floats to lie in [0, 1]. ``set_output`` acts on flat rows; images come out as arrays whatever it says.

    In the grid of a search, put a transform into ``v2.Compose([...])``: scikit-learn takes many a bare one for an
    estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from sknets.preprocessing import Augmenter
    >>> images = np.arange(6).reshape(1, 2, 3)  # (n_samples, height, width)
    >>> augmenter = Augmenter(lambda images: images.flip(-1))
    >>> augmenter.fit_transform(images).tolist()
    [[[2, 1, 0], [5, 4, 3]]]
    >>> augmenter.transform(images).tolist()
    [[[0, 1, 2], [3, 4, 5]]]
    >>> X, y = augmenter.augment(images, ["cat"], n_copies=2)
    >>> X.shape, y.tolist()
    ((2, 2, 3), ['cat', 'cat'])
    """

    _parameter_constraints: dict = {
        "augmentation": [StrOptions(set(PRESETS)), callable],
        "image_shape": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(self, augmentation="light", *, image_shape=None, random_state=None):
        self.augmentation = augmentation
        self.image_shape = image_shape
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the layout of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images in any of the layouts that :class:`ImageReshaper` takes.
        y : None
            Ignored.

        Returns
        -------
        self : Augmenter

        Raises
        ------
        ValueError
            If X has NaN or infinity, ``image_shape`` does not fit it, its layout is ambiguous, or ``augmentation``
            needs labels as MixUp and CutMix do.
        TypeError
            If ``augmentation`` is a class.
        """
        learn_rows(self, X, self.image_shape)
        make_transform(self.augmentation, self.image_shape_)
        return self

    def fit_transform(self, X, y=None):
        """Find the layout of X and return its images changed.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Training images.
        y : None
            Ignored.

        Returns
        -------
        changed : ndarray of X's shape
            A new array of as many images, each changed once.

        Raises
        ------
        ValueError
            As :meth:`fit`, and if ``augmentation`` changes the shape of images or the type of their numbers.
        TypeError
            If ``augmentation`` is a class, or returns something else than a tensor.
        """
        rows, layout = match_rows(self.fit(X), X)
        return self._change(rows, layout, n_copies=1)

    def transform(self, X):
        """Return X as it is.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the size of those in ``fit``.

        Returns
        -------
        X : ndarray of X's shape
            The same array where X is one.

        Raises
        ------
        ValueError
            If X has NaN or infinity, or the images have another size.
        """
        return match_rows(self, X)[0]

    def augment(self, X, y=None, *, n_copies=1):
        """Return changed copies of images, for enlarging a training set; needs no ``fit``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images. They are not among the result; ``numpy.concatenate`` puts the two together.
        y : array-like of shape (n_samples, ...) or None, default=None
            What the images show.
        n_copies : int, default=1
            How many copies to make of each image, each with changes of its own.

        Returns
        -------
        changed : ndarray of shape (n_copies * n_samples, ...)
            A first copy of all images, then a second one of all, and so on.
        repeated : ndarray of shape (n_copies * n_samples, ...)
            Their ``y``; only where it was given.

        Raises
        ------
        ValueError, TypeError
            As :meth:`fit_transform`, and for an ``n_copies`` that is no positive whole number.
        """
        self._validate_params()
        _check_n_copies(n_copies)
        rows = check_rows(self, X)
        changed = self._change(rows, resolve_layout(rows.shape, self.image_shape), n_copies)
        if y is None:
            return changed
        check_consistent_length(rows, y)
        return changed, np.asarray(y)[np.tile(np.arange(len(rows)), n_copies)]

    get_feature_names_out = available_if(has_flat_rows)(OneToOneFeatureMixin.get_feature_names_out)

    def _change(self, rows, layout, n_copies):
        layer = Augmentation(make_transform(self.augmentation, layout.image_shape))
        layer.generator = make_torch_generator(draw_seed(self.random_state), torch.device("cpu"), "augmentation")
        # torch knows no foreign byte order.
        dtype = rows.dtype.newbyteorder("=")
        copies = np.empty((n_copies, *rows.shape), dtype)
        for copy in copies:
            for start in range(0, len(rows), BLOCK_SIZE):
                block = slice(start, start + BLOCK_SIZE)
                # A copy, for a transform may write into what it gets.
                images = torch.from_numpy(np.array(as_images(rows[block], layout), dtype, order="C"))
                copy[block] = as_rows(layer.change(images).numpy(force=True), layout)
        return copies.reshape(-1, *rows.shape[1:])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32", "int64", "uint8"]
        return tags


def _check_n_copies(n_copies):
    if not isinstance(n_copies, Integral) or isinstance(n_copies, bool) or n_copies < 1:
        raise ValueError(
            f"n_copies must be a whole number of at least 1; got {n_copies!r}. Each image is copied that often."
        )
