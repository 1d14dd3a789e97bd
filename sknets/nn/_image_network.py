"""Any network behind the layer that turns rows into images."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sknets._image_layout import ImageLayout
from sknets.nn._image_input import ImageInput
from sknets.nn._isolated import Isolated


class ImageNetwork(nn.Module):
    """Rows of pixels in, one number per output out.

    Parameters
    ----------
    layout : ImageLayout
    n_outputs : int
    build : callable
        From (image_shape, n_outputs) and ``settings`` to the module behind the input layer.
    is_foreign : bool
        Whether ``build`` is a user's own: its module may draw from torch's global generator and have any fault.
    **settings
        Keyword arguments of ``build``.
    """

    def __init__(
        self,
        layout: ImageLayout,
        n_outputs: int,
        build: Callable[..., nn.Module],
        is_foreign: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__()
        self.input = ImageInput(layout)
        body = build(layout.image_shape, n_outputs, **settings)
        self.body = Isolated(_checked(body, layout, n_outputs)) if is_foreign else body

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.body(self.input(rows))
        return outputs


def _checked(body: Any, layout: ImageLayout, n_outputs: int) -> nn.Module:
    """Return a user's module if it is one, and its outputs are one row of numbers per picture."""
    wanted = f"architecture(image_shape={layout.image_shape}, n_outputs={n_outputs}) must return a torch.nn.Module"
    if not isinstance(body, nn.Module):
        raise TypeError(f"{wanted}; got {type(body).__name__}. Return the network itself.")
    was_training = body.training
    try:
        with torch.no_grad():
            outputs = body.eval()(torch.zeros(2, *layout.image_shape, dtype=_dtype(body)))
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        shape = ", ".join(map(str, layout.image_shape))
        raise ValueError(
            f"{wanted} that takes images of shape (n, {shape}); given two of them it said: {error}. Make its layers "
            "for image_shape."
        ) from error
    body.train(was_training)
    if not isinstance(outputs, torch.Tensor) or tuple(outputs.shape) != (2, n_outputs):
        got = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        raise ValueError(
            f"{wanted} that turns images of shape (n, {', '.join(map(str, layout.image_shape))}) into outputs of shape "
            f"(n, {n_outputs}); for n = 2 it gave {got}. Let its last layer be torch.nn.Linear(..., n_outputs), "
            "without softmax or sigmoid."
        )
    if not any(parameter.requires_grad for parameter in body.parameters()):
        raise ValueError(f"{wanted} that can learn; this one has no parameter that requires a gradient.")
    return body


def _dtype(module: nn.Module) -> torch.dtype:
    return next((p.dtype for p in module.parameters()), torch.get_default_dtype())
