"""Between the labels that users have and the targets that networks learn."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels


class Labels:
    """The classes of a classification and how they are encoded.

    Attributes
    ----------
    classes : ndarray
        The labels in sorted order; for multilabel targets the columns' numbers.
    kind : {"single", "binary", "multiclass", "multilabel"}
        "single" is the degenerate case of one class.
    is_sparse : bool
        Whether multilabel targets came, and predictions go, as a sparse matrix.
    """

    def __init__(self, classes: np.ndarray, kind: str, is_sparse: bool = False) -> None:
        self.classes = classes
        self.kind = kind
        self.is_sparse = is_sparse

    @classmethod
    def learn(cls, y: Any, classes: Any = None, has_output_per_class: bool = False) -> "Labels":
        """Read the classes off ``y``, or take the given ones; two of them may have an output each."""
        found = np.unique(y) if _is_plain(y) else None
        # It has nothing to say of whole numbers or strings that are repeated, and takes a while to find that out.
        if found is None or 2 * len(found) > len(y):
            check_classification_targets(y)
        kind = type_of_target(y) if _has_columns(y) else "column"
        if kind == "multiclass-multioutput":
            raise ValueError(
                "Multioutput target data is not supported: y should be a 1d array of labels, or a matrix of zeros and "
                f"ones; got {y.shape[1]} columns of several labels. MultiOutputClassifier fits one classifier a column."
            )
        if kind == "multilabel-indicator":
            return cls(np.arange(y.shape[1]), "multilabel", sparse.issparse(y))
        if classes is not None:
            found = unique_labels(classes)
        elif found is None:
            found = np.unique(y)
        kinds = {1: "single", 2: "multiclass" if has_output_per_class else "binary"}
        return cls(found, kinds.get(len(found), "multiclass"))

    @property
    def n_outputs(self) -> int:
        """Columns of the network's output."""
        return 1 if self.kind in ("single", "binary") else len(self.classes)

    @property
    def out_activation(self) -> str:
        """The function that turns outputs into probabilities."""
        return "softmax" if self.kind == "multiclass" else "logistic"

    def encode(self, y: Any) -> np.ndarray:
        """Return class indices of shape (n,), or an indicator of shape (n, n_outputs)."""
        is_multilabel = _has_columns(y) and type_of_target(y) == "multilabel-indicator"
        if is_multilabel != (self.kind == "multilabel"):
            raise ValueError(
                f"y must be of the kind the model was fitted on, {self.kind}; got {type_of_target(y)}. "
                "Fit a new estimator for targets of another kind."
            )
        if is_multilabel:
            indicator = y.toarray() if sparse.issparse(y) else np.asarray(y)
            if indicator.shape[1] != len(self.classes):
                raise ValueError(f"y must have {len(self.classes)} label columns; got {indicator.shape[1]}.")
            return indicator
        indices = np.searchsorted(self.classes, y)
        if np.any(self.classes.take(indices, mode="clip") != y):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes}. 'y' has {np.unique(y)}."
            )
        return indices if self.kind == "multiclass" else (indices == 1)[:, None]

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the predicted labels for raw outputs of shape (n, n_outputs)."""
        if self.kind == "multiclass":
            return self.classes[outputs.argmax(axis=1)]
        if self.kind == "multilabel":
            indicator = (outputs > 0).astype(int)
            return sparse.csr_matrix(indicator) if self.is_sparse else indicator
        if self.kind == "single":
            return np.repeat(self.classes, len(outputs))
        return self.classes[(outputs[:, 0] > 0).astype(int)]


def _has_columns(y: Any) -> bool:
    return sparse.issparse(y) or np.ndim(y) == 2


def _is_plain(y: Any) -> bool:
    """Whether ``y`` is a vector of whole numbers or strings."""
    return isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "biuU"
