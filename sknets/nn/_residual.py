"""A small residual network for small pictures."""

from collections.abc import Sequence

import torch
from torch import nn

from sknets.nn._activations import make_activation
from sknets.nn._dropout import Dropout
from sknets.nn._mlp import Residual
from sknets.nn._normalization import CHANNEL_NORMALIZATIONS

#: Filters behind the first convolution and behind each of the three halvings of the picture.
WIDTHS = (16, 32, 64, 128)


class ResidualNet(nn.Sequential):
    """A convolution, then three times a convolution and a max pool, with residual blocks behind the first and the last.

    Made for pictures of 28 to 64 pixels; others work. The last maps' maxima go to the output layer.

    Parameters
    ----------
    image_shape : (n_channels, height, width)
    n_outputs : int
    activation : str or type of torch.nn.Module
    normalization : {"batch", "layer", "group"} or None
    dropout : float
        Share of the last features that is dropped in training.
    widths : sequence of four int

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385.
    The arrangement is D. Page's, How to Train Your ResNet, 2018, at a quarter of its width.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        n_outputs: int,
        *,
        activation: str | type[nn.Module] = "relu",
        normalization: str | None = "batch",
        dropout: float = 0.0,
        widths: Sequence[int] = WIDTHS,
    ) -> None:
        def convolve(n_inputs: int, n_filters: int) -> list[nn.Module]:
            layers: list[nn.Module] = [nn.Conv2d(n_inputs, n_filters, 3, padding=1, bias=normalization is None)]
            if normalization:
                layers.append(CHANNEL_NORMALIZATIONS[normalization](n_filters))
            return [*layers, make_activation(activation)]

        first, second, third, last = widths
        super().__init__(
            *convolve(image_shape[0], first),
            *convolve(first, second),
            _halve(),
            Residual(*convolve(second, second), *convolve(second, second)),
            *convolve(second, third),
            _halve(),
            *convolve(third, last),
            _halve(),
            Residual(*convolve(last, last), *convolve(last, last)),
            GlobalMaxPool(),
            *([Dropout(dropout)] if dropout else []),
            nn.Linear(last, n_outputs),
        )


class GlobalMaxPool(nn.Module):
    """The largest value of each map."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.amax(dim=(2, 3))


def _halve() -> nn.Module:
    return nn.MaxPool2d(2, ceil_mode=True)
