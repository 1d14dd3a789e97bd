"""A backbone that has learnt to see elsewhere, and a new head."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from sknets._image_layout import ImageLayout
from sknets._torchvision import TorchvisionPickle
from sknets.nn._backbone import Backbone
from sknets.nn._image_input import ImageInput, unfold
from sknets.nn._isolated import Isolated
from sknets.nn._mlp import MLP

#: Features have this many axes, more than pictures have: how the network tells what it is given.
FEATURE_AXES = 5


class TransferNetwork(nn.Module):
    """Rows of pixels, or features that were computed from them earlier, in; one number per output out.

    Parameters
    ----------
    layout : ImageLayout
    n_outputs : int
    backbone : str
        A classification model of torchvision.
    state_dict : dict or None
        The backbone's weights.
    preset : callable or None
        The preprocessing that belongs to the weights. None scales channels by their own statistics.
    image_size : int or None
        Side to which pictures are resized where there is no preset.
    **head
        Keyword arguments of ``MLP``.
    """

    def __init__(
        self,
        layout: ImageLayout,
        n_outputs: int,
        *,
        backbone: str,
        state_dict: dict[str, torch.Tensor] | None = None,
        preset: Any = None,
        image_size: int | None = None,
        **head: Any,
    ) -> None:
        super().__init__()
        if layout.n_channels not in (1, 3):
            raise ValueError(
                f"A backbone reads pictures with three channels, or grey ones with one; got {layout.n_channels} "
                "channels. Leave out what is no colour, such as transparency."
            )
        self.input = PresetInput(layout, preset) if preset is not None else ImageInput(layout)
        self.image_size = image_size if preset is None else None
        features = Backbone(backbone, state_dict)
        self.backbone = Isolated(features)
        self.head = MLP(features.n_features, n_outputs=n_outputs, **head)
        self._try(layout, backbone)

    @property
    def stages(self) -> list[nn.Module]:
        """The backbone's parts, from the pictures to the features."""
        backbone: Any = self.backbone.module
        stages: list[nn.Module] = backbone.stages
        return stages

    @property
    def is_frozen(self) -> bool:
        """Whether no part of the backbone learns."""
        return not any(parameter.requires_grad for parameter in self.backbone.parameters())

    def train_stages(self, n_stages: int) -> None:
        """Let the last ``n_stages`` parts of the backbone learn, and no others."""
        stages = self.stages
        self.backbone.requires_grad_(n_stages >= len(stages))
        for stage in stages[len(stages) - min(n_stages, len(stages)) :]:
            stage.requires_grad_()

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        features = rows.flatten(1) if rows.ndim == FEATURE_AXES else self.features(rows)
        outputs: torch.Tensor = self.head(features)
        return outputs

    def features(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the features of rows of pixels, of shape (n, n_features)."""
        images = _as_colour(self.input(rows))
        if self.image_size is not None:
            size = (self.image_size, self.image_size)
            images = functional.interpolate(images, size, mode="bilinear", antialias=True)
        features: torch.Tensor = self.backbone(images)
        return features

    def _try(self, layout: ImageLayout, backbone: str) -> None:
        """Send one picture through, so that one that is too small is refused with a reason."""
        self.eval()
        try:
            with torch.no_grad():
                self(torch.zeros(1, *layout.unfolded_shape))
        except (AssertionError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"backbone={backbone!r} must be able to read pictures of {layout.height} x {layout.width} pixels and "
                f"{layout.n_channels} channels; it said: {error}. Use image_size=224, or another backbone."
            ) from error


class PresetInput(nn.Module):
    """Turn rows of X into the images that pretrained weights expect.

    Parameters
    ----------
    layout : ImageLayout
    preset : callable
        From a batch of images, bytes or numbers in [0, 1], to resized and normalised ones.
    """

    augmentation: nn.Module | None
    number: torch.Tensor

    def __init__(self, layout: ImageLayout, preset: Any) -> None:
        super().__init__()
        self.layout = layout
        self.preset = preset
        self.augmentation = None
        # Follows the module's device and type of numbers.
        self.register_buffer("number", torch.zeros(()), persistent=False)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        images = unfold(rows, self.layout)
        if self.augmentation is not None:
            images = self.augmentation(images)
        images = self.preset(_as_colour(images))
        return images.to(dtype=self.number.dtype, memory_format=torch.channels_last)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        modules = {name: module for name, module in state["_modules"].items() if name != "preset"}
        return {**state, "_modules": {**modules, "preset": TorchvisionPickle(self.preset)}}


def _as_colour(images: torch.Tensor) -> torch.Tensor:
    """Return grey pictures, of shape (n, 1, height, width), as colour pictures of equal channels."""
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
