"""What the classifiers of pictures share: one output per class, and predictions."""

from typing import Any

import numpy as np

from sknets.base import BaseNetworkClassifier
from sknets.training import LossSpec


class BaseImageClassifier(BaseNetworkClassifier):
    """A classifier with an output for each class, for two classes, too."""

    _has_output_per_class = True

    def decision_function(self, X):
        """Return each picture's score for each class or label: the outputs before softmax or sigmoid.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            One column for two classes, the difference of both outputs: positive for ``classes_[1]``.
        """
        outputs = self._outputs(X)
        if self._labels.kind == "multilabel" or len(self.classes_) > 2:
            return outputs
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs[:, 0]

    def predict(self, X):
        """Return the most likely label of each picture.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        outputs = self._outputs(X)
        return self._labels.decode(outputs)

    def predict_proba(self, X):
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``, in X's floating dtype, float32 where X has none.
        """
        outputs = self._outputs(X)
        return self._probabilities(outputs)

    def predict_log_proba(self, X):
        """Return the logarithm of each probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _loss_spec(self) -> LossSpec:
        return self._classification_loss(float(self.label_smoothing))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
