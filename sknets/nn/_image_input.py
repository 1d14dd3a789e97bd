"""The first layer of every network that looks at pictures."""

import torch
from torch import nn

from sknets._image_layout import ImageLayout
from sknets.nn._augmentation import Augmentation


class ImageInput(nn.Module):
    """Turn rows of X into images of shape (n, n_channels, height, width) with channels of mean 0 and spread 1.

    Rows may be bytes; they become numbers of the module's type only here, batch by batch.

    Parameters
    ----------
    layout : ImageLayout
        How the rows of X hold their values.
    augmentation : Augmentation or None
        Changes images in training, before they are scaled.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, layout: ImageLayout, augmentation: Augmentation | None = None) -> None:
        super().__init__()
        self.layout = layout
        self.augmentation = augmentation
        self.register_buffer("mean", torch.zeros(layout.n_channels, 1, 1))
        self.register_buffer("scale", torch.ones(layout.n_channels, 1, 1))

    def reset_parameters(self) -> None:
        """Let values pass unchanged."""
        self.mean.zero_()
        self.scale.fill_(1.0)

    def set_statistics(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        """Take each channel's mean and standard deviation, of shape (n_channels,)."""
        self.mean.copy_(mean.view(-1, 1, 1))
        self.scale.copy_(scale.view(-1, 1, 1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        images = unfold(rows, self.layout)
        if self.augmentation is not None:
            images = self.augmentation(images)
        # Convolutions are faster on pixels whose channels stand side by side.
        images = images.to(dtype=self.mean.dtype, memory_format=torch.channels_last)
        return (images - self.mean) / self.scale

    def extra_repr(self) -> str:
        channels, height, width = self.layout.image_shape
        return f"{channels}, {height}, {width}"


def unfold(rows: torch.Tensor, layout: ImageLayout) -> torch.Tensor:
    """Return rows of any shape as images of shape (n, n_channels, height, width), without copying."""
    images = rows.reshape(len(rows), *layout.unfolded_shape)
    return images.permute(0, 3, 1, 2) if layout.is_channels_last else images
