"""What all classifiers share: labels, class weights and probabilities."""

from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import unique_labels

from sknets.base._estimator import BaseNetwork
from sknets.base._labels import Labels
from sknets.base._weights import apply_class_weight
from sknets.training import LossSpec


class BaseNetworkClassifier(ClassifierMixin, BaseNetwork):
    """A network whose outputs are scores of classes."""

    #: Whether two classes have two outputs, as in most books, or one, as in scikit-learn.
    _has_output_per_class = False

    def _learn_targets(self, y: np.ndarray, classes: Any, is_fresh: bool, dtype: np.dtype) -> np.ndarray:
        if is_fresh:
            self._labels = Labels.learn(y, classes, self._has_output_per_class)
            self._check_classes(self._labels)
            self.classes_ = self._labels.classes
            self.n_outputs_ = self._labels.n_outputs
        else:
            self._check_same_classes(y, classes)
        return self._labels.encode(y)

    def _check_same_classes(self, y: np.ndarray, classes: Any) -> None:
        if classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
            )
        if self.warm_start and self._labels.kind != "multilabel" and set(unique_labels(y)) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {unique_labels(y)}"
            )

    def _check_first_classes(self, classes: Any) -> None:
        if classes is None and not hasattr(self, "net_"):
            raise ValueError(
                "classes must be passed on the first call to partial_fit. Give all labels that will ever come, "
                "for example classes=numpy.unique(y)."
            )

    def _check_classes(self, labels: Labels) -> None:
        """Refuse what this classifier cannot learn; nothing by default."""

    def _encode_targets(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return self._labels.encode(y)

    def _weigh(self, y: Any, sample_weight: np.ndarray | None) -> np.ndarray | None:
        y = y.toarray() if sparse.issparse(y) else y
        return apply_class_weight(self.class_weight, self.classes_, y, sample_weight)

    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        return None if self._labels.kind == "multilabel" else targets

    def _classification_loss(self, label_smoothing: float = 0.0) -> LossSpec:
        name = "cross_entropy" if self._labels.kind == "multiclass" else "binary_cross_entropy"
        return LossSpec(name, {"label_smoothing": label_smoothing})

    def _probabilities(self, outputs: np.ndarray) -> np.ndarray:
        kind = self._labels.kind
        if kind == "multiclass":
            return softmax(outputs, axis=1)
        if kind == "single":
            return np.ones_like(outputs)
        positive = expit(outputs)
        if kind == "multilabel":
            # No label is ever certain, also where rounding says so.
            return positive.clip(max=1 - np.finfo(positive.dtype).eps)
        return np.hstack([1 - positive, positive])
