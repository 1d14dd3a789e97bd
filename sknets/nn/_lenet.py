"""The network that read cheques."""

from torch import nn

from sknets.nn._activations import make_activation
from sknets.nn._zoom import zoom_to


class LeNet5(nn.Sequential):
    """LeNet-5: three convolutions of 5 x 5, two average pools, a hidden layer of 84 units.

    Written for pictures of 28 x 28 pixels (32 x 32 with the margin of 2 that the first convolution adds). Of others the
    last convolution's maps are averaged, so that every size from 28 x 28 on works; smaller ones are zoomed.

    Parameters
    ----------
    image_shape : (n_channels, height, width)
    n_outputs : int
    activation : str or type of torch.nn.Module

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-Based Learning Applied to Document Recognition, Proceedings of
    the IEEE 86, 1998. As usual today, with every map connected to every other, and a linear output layer.
    """

    #: The smallest side that three convolutions and two pools leave a pixel of.
    MIN_SIDE = 28

    def __init__(
        self, image_shape: tuple[int, int, int], n_outputs: int, *, activation: str | type[nn.Module] = "tanh"
    ) -> None:
        super().__init__(
            *zoom_to(image_shape, self.MIN_SIDE),
            nn.Conv2d(image_shape[0], 6, 5, padding=2),
            make_activation(activation),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5),
            make_activation(activation),
            nn.AvgPool2d(2),
            nn.Conv2d(16, 120, 5),
            make_activation(activation),
            *([] if max(image_shape[1:]) <= self.MIN_SIDE + 3 else [nn.AdaptiveAvgPool2d(1)]),
            nn.Flatten(),
            nn.Linear(120, 84),
            make_activation(activation),
            nn.Linear(84, n_outputs),
        )
