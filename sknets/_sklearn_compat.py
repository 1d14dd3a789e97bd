"""The one file that knows scikit-learn's private helpers and what differs between its versions."""

import copy
from typing import Any

from sklearn.base import _fit_context as fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import validate_data

__all__ = [
    "AugmentationParameterMixin",
    "CallbackSupportMixin",
    "SparseCoefMixin",
    "check_sample_weight",
    "fit_context",
    "validate_data",
    "with_callbacks",
]


class AugmentationParameterMixin:
    """For estimators whose parameter ``augmentation`` may be a transform of torchvision.

    scikit-learn takes everything with a ``get_params`` for an estimator; that of ``v2.RandomRotation`` and many others
    has another meaning, and ``clone`` would fail on it.
    """

    augmentation: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; none of them is an estimator with parameters of its own."""
        return super().get_params(deep=False)  # type: ignore[misc]  # of the estimator that this is mixed into

    def __sklearn_clone__(self) -> Any:
        plain = copy.copy(self)
        plain.augmentation = None
        twin = super(AugmentationParameterMixin, plain).__sklearn_clone__()  # type: ignore[misc]
        twin.augmentation = copy.deepcopy(self.augmentation)
        return twin
