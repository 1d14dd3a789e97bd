"""Gradients and activations of every layer with weights, at one moment, for some rows."""

import math
from typing import Any

import torch
from torch import nn

from sknets.inspection._blocks import Block, noting_blocks
from sknets.inspection._layer_trace import as_in_prediction
from sknets.training import InMemoryNet, Rows

# An activation whose slope is less than this share of its steepest counts as saturated: a tanh beyond +-2.2, a logistic
# function beyond +-4.4.
SATURATED_SHARE = 0.05

# Where the steepest slope of an activation is looked for.
REACH = 8.0


def measure_layers(net: InMemoryNet, rows: Rows) -> list[dict[str, Any]]:
    """Return one row of figures a layer, in running order, and leave the net as it was."""
    module: Any = net.module_
    activation = net.recipe.module.arguments.get("activation")
    with (
        torch.enable_grad(),
        as_in_prediction(module, torch.device(net.device)),
        noting_blocks(module, activation) as blocks,
    ):
        with net.autocast():
            loss = net.criterion_.forward(module(rows.inputs), rows.targets, rows.weights)
        gradients = _gradients(loss, blocks)
        return [_describe(block, gradient) for block, gradient in zip(blocks, gradients, strict=True)]


def _gradients(loss: torch.Tensor, blocks: list[Block]) -> list[torch.Tensor | None]:
    """Return the gradient of each layer's weights, None for frozen ones; no parameter's own gradient is touched."""
    weights: list[Any] = [block.layer.weight for block in blocks]
    learning = [weight for weight in weights if weight.requires_grad]
    found = iter(torch.autograd.grad(loss, learning, allow_unused=True) if learning else ())
    return [next(found) if weight.requires_grad else None for weight in weights]


def _describe(block: Block, gradient: torch.Tensor | None) -> dict[str, Any]:
    layer: Any = block.layer
    size = float(layer.weight.detach().abs().mean())
    slope = math.nan if gradient is None else float(gradient.abs().mean())
    saturated, dead = _saturation(block)
    return {
        "layer": block.name,
        "gradient": slope,
        "weight": size,
        "gradient_ratio": slope / size if size else math.nan,
        # In double precision, or rounding would make a spread of what hardly differs; not every accelerator has it.
        "spread": float(block.output.cpu().double().std(dim=0, unbiased=False).mean()),
        "saturated": saturated,
        "dead": dead,
    }


def _saturation(block: Block) -> tuple[float, float]:
    """Return the shares of saturated activations and of dead units."""
    if block.activation is None or block.before is None:
        return math.nan, math.nan
    around = torch.linspace(-REACH, REACH, 1601, dtype=block.before.dtype, device=block.before.device)
    try:
        steepest = float(_slopes(block.activation, around[:, None]).abs().max())
        slopes = _slopes(block.activation, block.before).abs()
    except RuntimeError:
        # A step function has no slope, and an activation with a parameter for each unit takes all units only.
        return math.nan, math.nan
    is_flat = slopes < SATURATED_SHARE * steepest if steepest else torch.ones_like(slopes, dtype=torch.bool)
    # A unit of a convolution is a whole map, (n, units, height, width).
    units = is_flat.ndim - 1 if isinstance(block.layer, nn.Linear) else 1
    over = [axis for axis in range(is_flat.ndim) if axis != units]
    return float(is_flat.float().mean()), float(is_flat.float().mean(dim=over).eq(1).float().mean())


def _slopes(activation: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Return the activation's derivative at each of ``inputs``."""
    inputs = inputs.detach().clone().requires_grad_()
    # Past the hooks, which would take it for a call of the network. Not on ``inputs`` itself: some write in place.
    outputs: torch.Tensor = type(activation).forward(activation, inputs * 1)
    return torch.autograd.grad(outputs.sum(), inputs)[0]
