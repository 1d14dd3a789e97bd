"""A parameter that may hold a transform of torchvision, which scikit-learn cannot clone nor pickle alone restore."""

import copy
from typing import Any

from sknets._torchvision import TorchvisionPickle


class AugmentationParameterMixin:
    """For estimators whose parameter ``augmentation`` may be a transform of torchvision.

    scikit-learn takes everything with a ``get_params`` for an estimator; that of ``v2.RandomRotation`` and many others
    has another meaning, and ``clone`` would fail on it. And a pickled transform opens only where torchvision was
    imported through ``sknets._torchvision``.
    """

    augmentation: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; none of them is an estimator with parameters of its own."""
        return super().get_params(deep=False)  # type: ignore[misc]  # of the estimator that this is mixed into

    def __sklearn_clone__(self) -> Any:
        plain = copy.copy(self)
        plain.augmentation = None
        twin = super(AugmentationParameterMixin, plain).__sklearn_clone__()  # type: ignore[misc]  # as above
        twin.augmentation = copy.deepcopy(self.augmentation)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]  # an estimator has a state
        return {**state, "augmentation": TorchvisionPickle(self.augmentation)} if callable(self.augmentation) else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        held = state["augmentation"]
        # A shallow copy passes the state on as it is.
        state = {**state, "augmentation": held.value} if isinstance(held, TorchvisionPickle) else state
        super().__setstate__(state)  # type: ignore[misc]  # as above
