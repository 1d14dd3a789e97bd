"""A fit that fails leaves its estimator as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# scikit-learn's callback machinery looks for these after a fit, failed or not, and removes them itself.
_CALLBACK_STATE = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")


@contextmanager
def unchanged_on_failure(estimator: Any) -> Iterator[None]:
    """Give the estimator its attributes of before back when the block raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        state = vars(estimator)
        kept = {name: state[name] for name in _CALLBACK_STATE if name in state}
        state.clear()
        state.update(before | kept)
        raise
