"""What estimators share whose training images may be changed at random."""

from typing import Any

from sknets._augmentation_parameter import AugmentationParameterMixin
from sknets._parameter_checks import StrOptions
from sknets.base import ImageInputs
from sknets.nn import PRESETS, Augmentation, make_transform
from sknets.training import InMemoryNet

AUGMENTATION_CONSTRAINT: list[Any] = [StrOptions(set(PRESETS)), callable, None]


class AugmentedImages(AugmentationParameterMixin, ImageInputs):
    """A network on pictures with a parameter ``augmentation``."""

    # What the parameter was when the network's own transform was made of it.
    _augmentation_in_use: Any = None

    def _prepare_augmentation(self, net: InMemoryNet) -> None:
        module: Any = net.module_
        # Another transform may take over when training goes on; the same one goes on with its random numbers.
        is_new = module.input.augmentation is None or self._augmentation_in_use is not self.augmentation
        if self.augmentation is None:
            module.input.augmentation = None
        elif is_new:
            transform = make_transform(self.augmentation, self.image_shape_)
            module.input.augmentation = Augmentation(transform, source=self.augmentation)
            net.give_generators()
        self._augmentation_in_use = self.augmentation

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "_augmentation_in_use" in state:
            # One object here must be one object where the state is read.
            is_parameter = self._augmentation_in_use is self.augmentation
            state = {**state, "_augmentation_in_use": state["augmentation"] if is_parameter else None}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_augmentation_in_use" in state and state["_augmentation_in_use"] is state["augmentation"]:
            self._augmentation_in_use = self.augmentation

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
