"""Random changes to training images."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sknets._randomness import seeded_global_generator
from sknets._torchvision import TorchvisionPickle, import_torchvision
from sknets.nn._random_layer import BaseRandomLayer

#: Images that share one draw of a transform's random numbers. torchvision draws once per call; one call per image
#: costs more than a small network's step.
IMAGES_PER_DRAW = 8

PRESETS = ("light",)

#: torchvision's transforms that need labels beside the images.
NEED_LABELS = ("CutMix", "MixUp")


class Augmentation(BaseRandomLayer):
    """Apply a transform to training images, and nothing to others.

    Parameters
    ----------
    transform : callable
        From images of shape (n, n_channels, height, width) to as many of the same shape, for example one of
        ``torchvision.transforms.v2``. Every ``IMAGES_PER_DRAW`` images are passed to it together.
    source : object
        What the user asked for, where it is not the transform itself.
    """

    # Seeds are drawn where the transforms are called from.
    generator_device = "cpu"

    def __init__(self, transform: Callable[[torch.Tensor], torch.Tensor], source: Any = None) -> None:
        super().__init__()
        self.transform = transform
        self.source = transform if source is None else source

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.change(images) if self.training else images

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "transform": TorchvisionPickle(self.transform),
            "source": TorchvisionPickle(self.source),
        }

    def change(self, images: torch.Tensor) -> torch.Tensor:
        """Return changed images, also when the layer is not in training."""
        seed = int(torch.randint(2**62, (), generator=self.generator))
        # torchvision draws from torch's global generator.
        with seeded_global_generator(seed, images.device):
            # Copies: a transform that works in place must not reach the training images themselves.
            return torch.cat([self._change_together(part.clone()) for part in images.split(IMAGES_PER_DRAW)])

    def _change_together(self, images: torch.Tensor) -> torch.Tensor:
        changed = self.transform(images)
        if not isinstance(changed, torch.Tensor):
            raise TypeError(
                f"augmentation must return a tensor of images; {self.transform!r} returned a "
                f"{type(changed).__name__}. Let it return the images that it changed."
            )
        if changed.shape != images.shape:
            raise ValueError(
                f"augmentation must keep the shape of the images, {tuple(images.shape)}; {self.transform!r} made "
                f"{tuple(changed.shape)} of it. Give a crop the images' own size, such as "
                f"RandomCrop({tuple(images.shape[2:])}, padding=2)."
            )
        if changed.dtype != images.dtype:
            raise ValueError(
                f"augmentation must keep the type of the images' numbers, {images.dtype}; {self.transform!r} made "
                f"{changed.dtype} of it. Leave conversions out: prediction would go without them."
            )
        return changed


def make_transform(augmentation: Any, image_shape: tuple[int, int, int]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the transform that an ``augmentation`` parameter stands for.

    "light" is a shift by up to a twelfth of the image and, for every second group of images, its mirror image. Rows
    one pixel high are not mirrored: a series backwards is another series.

    Raises
    ------
    ValueError
        For a transform that changes labels too.
    TypeError
        For a class.
    """
    if isinstance(augmentation, type):
        name = augmentation.__name__
        raise TypeError(f"augmentation must be a transform itself; got the class {name}. Make one of it: {name}(...).")
    if augmentation != "light":
        _refuse_labels(augmentation)
        return augmentation
    v2 = import_torchvision().transforms.v2
    _, height, width = image_shape
    margins = [width // 12, height // 12]
    crop = v2.RandomCrop((height, width), padding=margins, padding_mode="reflect")
    return v2.Compose([v2.RandomHorizontalFlip(), crop]) if height > 1 else crop


def _refuse_labels(transform: Any) -> None:
    # By name, so that a plain function does not load torchvision.
    if type(transform).__name__ in NEED_LABELS:
        raise ValueError(
            f"augmentation must change images alone; {type(transform).__name__} mixes their labels too. "
            "Leave it out; label_smoothing is a milder means to the same end."
        )
    # torchvision's Compose, RandomChoice and the like keep a list of their parts, torch's Sequential registers them.
    registered = transform.children() if isinstance(transform, nn.Module) else ()
    for part in (*getattr(transform, "transforms", ()), *registered):
        _refuse_labels(part)
