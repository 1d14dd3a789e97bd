"""The one file that knows scikit-learn's private helpers and what differs between its versions."""

from sklearn.base import _fit_context as fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import validate_data

__all__ = [
    "CallbackSupportMixin",
    "SparseCoefMixin",
    "check_sample_weight",
    "fit_context",
    "validate_data",
    "with_callbacks",
]
