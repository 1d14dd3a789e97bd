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

    def _prepare_augmentation(self, net: InMemoryNet) -> None:
        module: Any = net.module_
        present = module.input.augmentation
        if self.augmentation is None:
            module.input.augmentation = None
        elif present is None or present.source is not self.augmentation:
            # Another transform may take over when training goes on; the same one goes on with its random numbers.
            transform = make_transform(self.augmentation, self.image_shape_)
            module.input.augmentation = Augmentation(transform, source=self.augmentation)
            net.give_generators()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
