"""The one file that knows scikit-learn's private helpers and what differs between its versions."""

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, NamedTuple

from sklearn.base import _fit_context as fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.callback._callback_context import get_context_path
from sklearn.callback._transport import can_reuse_listener, open_listener, send
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.metrics._scorer import _PassthroughScorer as PassthroughScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import validate_data

__all__ = [
    "BaseSearchCV",
    "CallbackSupportMixin",
    "PassthroughScorer",
    "RunningFold",
    "SparseCoefMixin",
    "can_reuse_listener",
    "check_sample_weight",
    "find_running_fold",
    "fit_context",
    "get_context_path",
    "open_listener",
    "send",
    "validate_data",
    "with_callbacks",
]


class RunningFold(NamedTuple):
    """What a tool of scikit-learn fits and scores at this moment; of a search also which candidate and fold it is."""

    estimator: Any
    X_train: Any
    y_train: Any
    X_test: Any
    y_test: Any
    scorer: Any
    score_params_train: Mapping[str, Any]
    score_params_test: Mapping[str, Any]
    candidate_progress: tuple[int, int] | None
    split_progress: tuple[int, int] | None
    callback_ctx: Any


def find_running_fold() -> RunningFold | None:
    """Return the innermost fold whose fit the present thread is in, of a search or a cross-validation.

    scikit-learn gives a callback the training rows only. The held-out ones are with the function that calls ``fit``,
    the same for all of its tools, under any ``n_jobs``.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "_fit_and_score" and frame.f_globals.get("__name__") == _FOLDS_ARE_FITTED_IN:
            return RunningFold(**{name: frame.f_locals[name] for name in RunningFold._fields})
        frame = frame.f_back
    return None


_FOLDS_ARE_FITTED_IN = "sklearn.model_selection._validation"
