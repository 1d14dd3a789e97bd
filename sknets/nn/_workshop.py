"""The small convolutional network of many first lessons."""

from torch import nn

from sknets.nn._activations import make_activation
from sknets.nn._dropout import ChannelDropout, Dropout
from sknets.nn._zoom import zoom_to


class WorkshopNet(nn.Sequential):
    """Two convolutions of 5 x 5, each max-pooled, and a hidden layer of 50 units, with dropout.

    Written for pictures of 28 x 28 pixels; smaller ones than 16 x 16 are zoomed.

    Parameters
    ----------
    image_shape : (n_channels, height, width)
    n_outputs : int
    activation : str or type of torch.nn.Module
    dropout : float
        Share of the second convolution's channels, and of the hidden units, that are dropped in training.

    References
    ----------
    The PyTorch project's first MNIST example, https://github.com/pytorch/examples, 2016.
    """

    #: Two convolutions and two pools leave one pixel of it.
    MIN_SIDE = 16

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        n_outputs: int,
        *,
        activation: str | type[nn.Module] = "relu",
        dropout: float = 0.5,
    ) -> None:
        height, width = (_side_after(max(side, self.MIN_SIDE)) for side in image_shape[1:])
        super().__init__(
            *zoom_to(image_shape, self.MIN_SIDE),
            nn.Conv2d(image_shape[0], 10, 5),
            nn.MaxPool2d(2),
            make_activation(activation),
            nn.Conv2d(10, 20, 5),
            ChannelDropout(dropout),
            nn.MaxPool2d(2),
            make_activation(activation),
            nn.Flatten(),
            nn.Linear(20 * height * width, 50),
            make_activation(activation),
            Dropout(dropout),
            nn.Linear(50, n_outputs),
        )


def _side_after(side: int) -> int:
    return ((side - 4) // 2 - 4) // 2
