"""The convolutional network for numbers."""

from typing import Any

import numpy as np

from sknets._parameter_checks import Interval, Real, StrOptions, store_parameters
from sknets._sklearn_compat import fit_context, with_callbacks
from sknets.base import BaseNetworkRegressor, available_unless, check_activation
from sknets.training import REGRESSION_LOSSES, LossSpec
from sknets.vision._cnn import CNN_CONSTRAINTS, BaseCNN


class CNNRegressor(BaseCNN, BaseNetworkRegressor):
    """Convolutional network that reads one or several numbers off a picture.

    Parameters
    ----------
    architecture : {"simple", "lenet5", "workshop", "residual"} or callable, default="simple"
        "simple" is as deep as ``channels`` is long. "lenet5" and "workshop" are the classics for pictures of 28 x 28
        pixels, "residual" is a small residual network for pictures of 28 to 64 pixels. A function
        ``(image_shape, n_outputs) -> torch.nn.Module`` gives a network of your own, whose inputs are images of shape
        (n, n_channels, height, width) with channels of mean 0 and standard deviation 1, and whose outputs are numbers
        of shape (n, n_outputs).
    channels : int or sequence of int, default=(32, 64)
        Filters of each convolution; ``()`` gives a multilayer perceptron. This and what follows up to
        ``hidden_layer_sizes`` is for "simple" only.
    kernel_size, stride : int or sequence, default=3, 1
        Side of the filters and their step in pixels: one number, or for each convolution a number or a pair
        (height, width).
    padding : {"same", "valid"}, int or sequence, default="same"
        Margin in pixels, or one per convolution. "same" keeps the size (divided by the stride), "valid" is none.
    pool : {"max", "avg", "lp"} or None, default="max"
        How each window of ``pool_size`` pixels behind a convolution becomes one: the largest value, the mean, or the
        root of the sum of squares.
    pool_size : int or sequence, default=2
    hidden_layer_sizes : int or sequence of int, default=(128,)
        Units in each dense hidden layer behind the convolutions; ``()`` for none.
    activation : str or type of torch.nn.Module, default="relu"
        As in :class:`~sknets.MLPRegressor`, without "hard_threshold". "lenet5" always has "tanh".
    dropout : "auto", float or sequence of float, default="auto"
        Share of units dropped in training behind each dense hidden layer, in [0, 1). A sequence has one number per
        convolution, for whole channels, then one per dense layer. "auto" is 0.5 for "workshop" and 0 for the others.
    normalization : {"batch", "layer", "group"} or None, default="batch"
        Normalization of each layer of "simple" and "residual" before its activation.
    residual : bool, default=False
        Whether a convolution's input is added to its output where both have the same shape.
    image_shape : (n_channels, height, width), (height, width) or None, default=None
        What flat rows of X are pictures of, and the layout of X where it is ambiguous. Three numbers of which the last
        is at most four and the first is more are read as (height, width, n_channels). None infers it: a square with one
        or three channels, else rows are pictures one pixel high.
    augmentation : "light", callable or None, default=None
        Random changes to the training images of each batch; validation and prediction see images as they are. "light"
        shifts and mirrors (not for letters and digits). Or a transform of ``torchvision.transforms.v2`` that keeps the
        images' size; it is called with eight images at a time, bytes where X is uint8.
    loss : {"squared_error", "poisson", "absolute_error", "huber", "quantile"}, default="squared_error"
    solver : str or type of torch.optim.Optimizer, default="adam"
        This and all that follows is as in :class:`~sknets.MLPRegressor`; only some defaults differ.
    alpha : float, default=1e-4
    batch_size : int or "auto", default="auto"
        "auto" is 64, or all rows if there are fewer.
    learning_rate : str, default="cosine"
        "cosine" brings the rate to zero at ``max_iter``; ``partial_fit``, which has no end, keeps it constant.
    learning_rate_init : float, default=3e-3
    power_t : float, default=0.5
    max_iter : int, default=20
        Most epochs.
    shuffle : bool, default=True
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the validation split, the batches, dropout and augmentation.
    tol : float, default=1e-4
    verbose : bool or int, default=False
    warm_start : bool, default=False
    momentum : float, default=0.9
    nesterovs_momentum : bool, default=True
    early_stopping : bool, default=False
    validation_fraction : float, default=0.1
    beta_1, beta_2 : float, default=0.9, 0.999
    epsilon : float, default=1e-8
    n_iter_no_change : int or numpy.inf, default=10
    max_fun : int, default=15000
    l1 : float, default=0.0
    quantile : float, default=0.5
    solver_params : dict or None, default=None
    device : str or torch.device, default="auto"
    precision : {"auto", "float32", "float64", "bfloat16"}, default="auto"
        "auto" is float32 for uint8 and for accelerators, and else follows X.
    callbacks : list or None, default=None

    Attributes
    ----------
    image_shape_ : tuple of int
        (n_channels, height, width)
    n_features_in_ : int
        Numbers in one picture.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only where X is flat and has column names that are strings.
    n_iter_, t_ : int
        Epochs of the last fit, and rows seen in training.
    loss_, best_loss_, loss_curve_, best_validation_score_, validation_scores_, history_
        As in :class:`~sknets.MLPRegressor`.
    n_outputs_ : int
        Columns of y.
    out_activation_ : str
    net_, module_, device_
        The skorch net, its torch module and where that is. ``module_.input`` scales the pictures, ``module_.body`` is
        the network.

    See Also
    --------
    CNNClassifier : The same network for classes.
    MLPRegressor : For tables.

    Notes
    -----
    X may have the shape (n_samples, height, width), (n_samples, height, width, n_channels),
    (n_samples, n_channels, height, width) or (n_samples, n_features). Bytes stay bytes in memory and become numbers
    batch by batch; a ``numpy.memmap`` and pictures on disk (``load_image_folder(..., lazy=True)``) are read batch by
    batch. Each channel is shifted and scaled by its mean and standard deviation over the training images, so that X
    need not be scaled.

    With ``normalization="batch"`` sample weights act in the batch's statistics, too.

    Examples
    --------
    How far to the right is the bright column?

    >>> import numpy as np
    >>> from sknets import CNNRegressor
    >>> images, y = np.zeros((96, 8, 8), dtype="uint8"), np.tile(np.arange(8.0), 12)
    >>> images[np.arange(96), :, y.astype(int)] = 255
    >>> reg = CNNRegressor(channels=(4,), max_iter=60, learning_rate_init=0.01, random_state=0).fit(images, y)
    >>> reg.score(images, y) > 0.95
    True
    """

    _parameter_constraints: dict = {
        **CNN_CONSTRAINTS,
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        architecture="simple",
        *,
        channels=(32, 64),
        kernel_size=3,
        stride=1,
        padding="same",
        pool="max",
        pool_size=2,
        hidden_layer_sizes=(128,),
        activation="relu",
        dropout="auto",
        normalization="batch",
        residual=False,
        image_shape=None,
        augmentation=None,
        loss="squared_error",
        solver="adam",
        alpha=1e-4,
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=3e-3,
        power_t=0.5,
        max_iter=20,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        l1=0.0,
        quantile=0.5,
        solver_params=None,
        device="auto",
        precision="auto",
        callbacks=None,
    ):
        store_parameters(self, locals())

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        """Train on X and y.

        Parameters
        ----------
        X : array-like, sparse matrix, torch.Tensor, numpy.memmap or ImageFiles of shape (n_samples, ...)
            Pictures in one of the layouts of the Notes.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            Not negative. A weight of 0 is as if the row were not there.
        X_val, y_val : like X and y, default=None
            Validation rows, whose loss and score are logged every epoch. With early stopping they take the place of
            the rows that would be held out of X.

        Returns
        -------
        self : CNNRegressor

        Raises
        ------
        ValueError
            For parameters out of range, an ambiguous layout, pictures too small for the filters, data that scikit-learn
            would refuse, or a loss that is not finite from the start.

        Warns
        -----
        ConvergenceWarning
            When ``max_iter`` epochs were not enough; not with a ``learning_rate`` that ends there.
        DivergenceWarning
            When the loss became infinite or NaN, and the last finite weights are kept; or was far higher in the end.
        """
        self._check_can_learn()
        return self._fit(X, y, sample_weight, X_val, y_val)

    @available_unless(lambda estimator: estimator._why_no_partial_fit())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch on X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : CNNRegressor

        Raises
        ------
        ValueError
            With early stopping, or for data that ``fit`` would refuse.
        """
        self._check_can_learn()
        return self._fit(X, y, sample_weight, is_one_pass=True)

    @fit_context(prefer_skip_nested_validation=True)
    def initialize(self, X, y):
        """Build the network for X and y without training it, for a look at its layers or for weights of your own.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)

        Returns
        -------
        self : CNNRegressor
            Its ``module_`` has the initial weights that ``random_state`` gives.
        """
        check_activation(self.activation)
        return self._initialize(X, y)

    def predict(self, X):
        """Return the expected value (median, quantile) for each picture.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In X's floating dtype, float32 where X has none.
        """
        outputs = self._outputs(X)
        return self._predictions(np.exp(outputs) if self.out_activation_ == "exp" else outputs)

    def _loss_spec(self) -> LossSpec:
        arguments = {"quantile": float(self.quantile)} if self.loss == "quantile" else {}
        return LossSpec(self.loss, arguments)

    def _check_targets(self, targets: np.ndarray) -> None:
        if self.loss == "poisson" and targets.min() < 0:
            raise ValueError(
                f"y must not be negative for loss='poisson'; its smallest value is {targets.min()}. "
                "Use another loss for values that are not counts or amounts."
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
