"""A classifier on top of a network that has learnt to see elsewhere."""

import math
from numbers import Integral
from os import PathLike
from typing import Any

import numpy as np
from torch import nn

from sknets._lazy_rows import LazyRows
from sknets._parameter_checks import COUNT, POSITIVE, Interval, Real, StrOptions, store_parameters
from sknets._sklearn_compat import fit_context, with_callbacks
from sknets._warnings import warn_user
from sknets.base import (
    CLASS_WEIGHT_CONSTRAINT,
    COUNT_OR_ZERO,
    NETWORK_CONSTRAINTS,
    BaseGradientNetwork,
    PreparedRows,
    available_unless,
    check_activation,
)
from sknets.nn import ACTIVATIONS, TransferNetwork, check_backbone_name
from sknets.training import InMemoryNet, ModuleSpec, SolverSpec, TrainingPlan, gradual_unfreezing
from sknets.vision._augmented import AUGMENTATION_CONSTRAINT, AugmentedImages
from sknets.vision._image_classifier import BaseImageClassifier
from sknets.vision._pretrained_weights import load_pretrained

#: Share of the learning rate that the backbone gets where the user gives it none of its own.
BACKBONE_SHARE = 0.1

# Numbers of a file that are looked at together.
BLOCK_VALUES = 2**22


class TransferClassifier(AugmentedImages, BaseGradientNetwork, BaseImageClassifier):
    """Classifier of pictures that starts from a pretrained network of torchvision.

    The network's last layer is replaced by a new one for the classes of y. While the rest, the backbone, is frozen, it
    reads each picture once, and only the new layer learns, from the features that it gave.

    Parameters
    ----------
    backbone : str, default="resnet18"
        A classification model of ``torchvision.models``, such as "resnet50", "efficientnet_b0", "convnext_tiny" or
        "vit_b_16".
    weights : str, path-like or None, default="DEFAULT"
        "DEFAULT" or another name of published weights, which are taken from torchvision's cache
        (``torch.hub.get_dir()``) or else downloaded there; or the path of a state dict of the same model; or None for
        random ones. With weights come their own resizing and normalisation; pictures of floating type must then be in
        [0, 1].
    freeze : bool, default=True
        Whether the backbone stays as it is.
    unfreeze_after : int, sequence of int or None, default=None
        The epoch of a fit after which the whole backbone learns, too. A sequence thaws it in as many steps, its last
        parts first: ``(2, 4, 6)`` a third after two epochs, two thirds after four, all of it after six.
    backbone_learning_rate : float or None, default=None
        Learning rate of the backbone once it learns; None is a tenth of ``learning_rate_init``. It follows the same
        schedule.
    image_size : int or None, default=None
        Side in pixels to which pictures are resized with ``weights=None``; None leaves them as they are.
    hidden_layer_sizes : int or sequence of int, default=()
        Units in hidden layers between the backbone and the outputs.
    activation : str or type of torch.nn.Module, default="relu"
        Of these hidden layers.
    dropout : float, default=0.0
        Share of their units that is dropped in training, in [0, 1).
    image_shape : (n_channels, height, width), (height, width) or None, default=None
        As in :class:`~sknets.CNNClassifier`. Grey pictures are shown to the backbone as colour ones.
    augmentation : "light", callable or None, default=None
        As in :class:`~sknets.CNNClassifier`, but only in epochs in which the backbone learns: a frozen one has read the
        pictures before.
    solver : str or type of torch.optim.Optimizer, default="adam"
        This and all that follows is as in :class:`~sknets.MLPClassifier`; only some defaults differ.
    alpha : float, default=1e-4
    batch_size : int or "auto", default="auto"
        "auto" is 64, or all rows if there are fewer.
    learning_rate : str, default="cosine"
        "cosine" brings the rate to zero at ``max_iter``; ``partial_fit``, which has no end, keeps it constant.
    learning_rate_init : float, default=1e-3
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
    class_weight : dict, "balanced" or None, default=None
    label_smoothing : float, default=0.0
    solver_params : dict or None, default=None
    device : str or torch.device, default="auto"
    precision : {"auto", "float32", "float64", "bfloat16"}, default="auto"
        "auto" is float32.
    callbacks : list or None, default=None

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    image_shape_ : tuple of int
        (n_channels, height, width)
    n_features_in_ : int
        Numbers in one picture.
    n_iter_, t_ : int
        Epochs of the last fit, and rows seen in training.
    loss_, best_loss_, loss_curve_, best_validation_score_, validation_scores_, history_
        As in :class:`~sknets.MLPClassifier`.
    n_outputs_ : int
        Two for two classes.
    out_activation_ : str
    net_, module_, device_
        The skorch net, its torch module and where that is. The module has the parts ``input``, ``backbone`` and
        ``head``.

    See Also
    --------
    CNNClassifier : A network that learns from your pictures alone.
    sknets.datasets.load_image_folder : Pictures in one folder a class.

    Notes
    -----
    X may have any of the layouts that :class:`~sknets.CNNClassifier` takes.

    With pretrained weights the backbone's batch statistics and dropout stay as in prediction while it learns.

    References
    ----------
    .. [1] J. Yosinski, J. Clune, Y. Bengio, H. Lipson, How Transferable Are Features in Deep Neural Networks?,
       NeurIPS 2014, arXiv:1411.1792.
    .. [2] J. Howard, S. Ruder, Universal Language Model Fine-tuning for Text Classification, ACL 2018,
       arXiv:1801.06146 (gradual unfreezing).

    Examples
    --------
    >>> from sknets import TransferClassifier
    >>> from sknets.datasets import load_image_folder
    >>> X, y = load_image_folder("photos/train", size=(224, 224))  # doctest: +SKIP
    >>> clf = TransferClassifier("resnet18", max_iter=20, random_state=0).fit(X, y)  # doctest: +SKIP
    """

    _parameter_constraints: dict = {
        **NETWORK_CONSTRAINTS,
        "backbone": [str],
        "weights": [str, PathLike, None],
        "freeze": ["boolean"],
        "unfreeze_after": [COUNT_OR_ZERO, "array-like", None],
        "backbone_learning_rate": [POSITIVE, None],
        "image_size": [COUNT, None],
        "hidden_layer_sizes": ["array-like", COUNT],
        "activation": [StrOptions(set(ACTIVATIONS) - {"hard_threshold"}), type],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "image_shape": ["array-like", None],
        "augmentation": AUGMENTATION_CONSTRAINT,
        "class_weight": CLASS_WEIGHT_CONSTRAINT,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    _auto_batch_size = 64

    def __init__(
        self,
        backbone="resnet18",
        *,
        weights="DEFAULT",
        freeze=True,
        unfreeze_after=None,
        backbone_learning_rate=None,
        image_size=None,
        hidden_layer_sizes=(),
        activation="relu",
        dropout=0.0,
        image_shape=None,
        augmentation=None,
        solver="adam",
        alpha=1e-4,
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=1e-3,
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
        class_weight=None,
        label_smoothing=0.0,
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
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), default=None
            Not negative. A weight of 0 is as if the row were not there.
        X_val, y_val : like X and y, default=None
            Validation rows, whose loss and score are logged every epoch. With early stopping they take the place of
            the rows that would be held out of X.

        Returns
        -------
        self : TransferClassifier

        Raises
        ------
        ValueError
            For parameters out of range, an ambiguous layout, pictures that the backbone cannot read, data that
            scikit-learn would refuse, or a loss that is not finite from the start.

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
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch on X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : TransferClassifier

        Raises
        ------
        ValueError
            With early stopping, or for data that ``fit`` would refuse.
        """
        self._check_can_learn()
        self._check_first_classes(classes)
        return self._fit(X, y, sample_weight, classes=classes, is_one_pass=True)

    @fit_context(prefer_skip_nested_validation=True)
    def initialize(self, X, y):
        """Build the network for X and y without training it, for a look at its layers.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)

        Returns
        -------
        self : TransferClassifier
            Its ``module_`` has the initial weights that ``random_state`` gives.
        """
        self._check_can_learn()
        return self._initialize(X, y)

    def _check_can_learn(self) -> None:
        check_backbone_name(self.backbone)
        self._check_solver()
        check_activation(self.activation)
        self._unfreezing_epochs()
        if not self.freeze and self.unfreeze_after is not None:
            raise ValueError(
                f"unfreeze_after={self.unfreeze_after!r} needs freeze=True, a backbone that is frozen at first; got "
                "freeze=False. Leave one of the two out."
            )
        if self.solver == "lbfgs" and (not self.freeze or self.unfreeze_after is not None):
            raise ValueError(
                "solver='lbfgs' trains a head on a frozen backbone only; got "
                f"freeze={self.freeze} and unfreeze_after={self.unfreeze_after!r}. Use solver='adam'."
            )
        if self.weights is None and self.freeze and self.unfreeze_after is None:
            warn_user(
                "The backbone has random weights (weights=None) and stays as it is (freeze=True), so that the head "
                "learns from random features. Give weights, or set freeze=False."
            )

    def _unfreezing_epochs(self) -> tuple[int, ...]:
        after = self.unfreeze_after
        epochs = () if after is None else (after,) if isinstance(after, Integral) else tuple(after)
        is_right = all(isinstance(epoch, int | np.integer) and epoch >= 0 for epoch in epochs)
        if not is_right or list(epochs) != sorted(set(epochs)):
            raise ValueError(
                "unfreeze_after must be a number of epochs, or several that rise, all >= 0; got "
                f"{after!r}. For example unfreeze_after=5, or unfreeze_after=(2, 4, 6)."
            )
        return tuple(int(epoch) for epoch in epochs)

    def _module_spec(self, n_outputs: int) -> ModuleSpec:
        sizes = self.hidden_layer_sizes
        sizes = (sizes,) if isinstance(sizes, Integral) else tuple(int(size) for size in sizes)
        arguments = {
            "layout": self._layout,
            "n_outputs": n_outputs,
            "backbone": self.backbone,
            "weights": self.weights,
            "image_size": self.image_size,
            "hidden_sizes": sizes,
            "activation": self.activation,
            "dropout": (float(self.dropout),) * len(sizes),
        }
        return ModuleSpec(build_transfer_network, arguments, None)

    def _solver_spec(self) -> SolverSpec:
        spec = super()._solver_spec()
        rate = self.backbone_learning_rate
        share = BACKBONE_SHARE if rate is None else float(rate) / float(self.learning_rate_init)
        return SolverSpec(spec.solver, spec.learning_rate, spec.arguments, {"backbone.": share})

    def _dtype_to_follow(self, X: Any) -> np.dtype:
        return np.dtype(np.float32)

    def _prepare_module(self, net: InMemoryNet, rows: PreparedRows, is_fresh: bool) -> None:
        module: Any = net.module_
        if is_fresh or self.unfreeze_after is None:
            # freeze may be another than in the last fit.
            module.train_stages(0 if self.freeze else len(module.stages))
        if self.weights is None:
            super()._prepare_module(net, rows, is_fresh)
            return
        self._prepare_augmentation(net)

    def _check_pixels(self, X: Any) -> None:
        if self.weights is not None:
            _check_brightness(X)

    def _adapt_plan(self, plan: TrainingPlan, net: InMemoryNet) -> TrainingPlan:
        """Let the net read features in place of pictures as long as the backbone is frozen."""
        if not self.freeze:
            return plan
        epochs = self._unfreezing_epochs()
        return gradual_unfreezing(plan, net, epochs, is_whole=isinstance(self.unfreeze_after, Integral))

    def _own_attributes(self, net: InMemoryNet) -> dict[str, Any]:
        return {"out_activation_": net.criterion_.link}


def build_transfer_network(weights: Any, backbone: str, **arguments: Any) -> nn.Module:
    """Load the weights and build the network around them."""
    state_dict, preset = load_pretrained(backbone, weights)
    return TransferNetwork(backbone=backbone, state_dict=state_dict, preset=preset, **arguments)


def _check_brightness(X: Any) -> None:
    """Refuse numbers of which pretrained weights would not know what is white."""
    if X.dtype.kind == "f":
        low, high = _value_range(X)
        if low < 0 or high > 1:
            raise ValueError(
                "Pictures must be bytes (whole numbers from 0 to 255), or floating numbers in [0, 1], for pretrained "
                f"weights; X goes from {low:g} to {high:g}. Pass uint8, or divide by 255."
            )
    elif X.dtype not in (np.uint8, np.bool_):
        raise ValueError(
            "Pictures in a mapped file must be bytes (uint8), or floating numbers in [0, 1], for pretrained weights; "
            f"got {X.dtype}. Write the file anew as bytes."
        )


def _value_range(X: Any) -> tuple[float, float]:
    if not isinstance(X, LazyRows):
        return float(X.min()), float(X.max())
    step = max(1, BLOCK_VALUES // math.prod(X.shape[1:]))
    blocks = (X.read(np.arange(start, min(start + step, len(X)))) for start in range(0, len(X), step))
    lowest, highest = zip(*((block.min(), block.max()) for block in blocks), strict=True)
    return float(min(lowest)), float(max(highest))
