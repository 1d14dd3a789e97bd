"""Pictures that are too small for a network's filters, enlarged."""

import torch
from torch import nn


class Zoom(nn.Module):
    """Enlarge pictures to ``height`` x ``width`` pixels by interpolation."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(images, self.size, mode="bilinear", align_corners=False)

    def extra_repr(self) -> str:
        return f"size={self.size}"


def zoom_to(image_shape: tuple[int, int, int], min_side: int) -> list[nn.Module]:
    """Return a layer that enlarges pictures with a side shorter than ``min_side``; none where there is no need."""
    height, width = image_shape[1:]
    if min(height, width) >= min_side:
        return []
    return [Zoom(max(height, min_side), max(width, min_side))]
