"""A stack of dense layers trained below autograd: its forward and backward passes, written out.

Most of a small network's step is autograd's and the optimizer's bookkeeping, not arithmetic. Here all parameters are
views into one vector and all gradients views into another, so that a penalty and an update are one operation each. The
module keeps its parameters, whose memory these are; callbacks see live weights and gradients.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sknets.nn import MLP, Dropout
from sknets.training._plan import Penalty
from sknets.training._solvers import build_optimizer

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet

#: Activations whose derivative can be read off their output: (function in place, backward of output).
Derivative = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
ACTIVATIONS: dict[type[nn.Module], tuple[Callable[[torch.Tensor], torch.Tensor], Derivative]] = {
    nn.ReLU: (torch.relu_, lambda slope, output: torch.ops.aten.threshold_backward(slope, output, 0)),
    nn.Tanh: (torch.tanh_, lambda slope, output: torch.ops.aten.tanh_backward(slope, output)),
    nn.Sigmoid: (torch.sigmoid_, lambda slope, output: torch.ops.aten.sigmoid_backward(slope, output)),
    nn.Identity: (lambda outputs: outputs, lambda slope, output: slope),
}


class DenseProgram:
    """The passes and updates of one network of dense layers.

    Parameters
    ----------
    net : InMemoryNet
        Its module must satisfy ``can_run``.
    """

    def __init__(self, net: "InMemoryNet") -> None:
        self.net = net
        self.parameters = _weights_first(net.module_)
        with torch.no_grad():
            self.vector = torch.cat([parameter.reshape(-1) for parameter in self.parameters])
        self.gradient = torch.zeros_like(self.vector)
        sizes = [parameter.numel() for parameter in self.parameters]
        self.n_weights = sum(p.numel() for p in self.parameters if p.ndim > 1)
        gradients = self.gradient.split(sizes)
        for parameter, values, slopes in zip(self.parameters, self.vector.split(sizes), gradients, strict=True):
            parameter.data = values.view(parameter.shape)
            parameter.grad = slopes.view(parameter.shape)
        self.weights = self.vector[: self.n_weights]
        self.weight_gradient = self.gradient[: self.n_weights]
        layers: Any = net.module_
        self.operations = [_make_operation(layer) for layer in layers]
        self.operations[0].is_first = True
        self.optimizer = self._make_flat_optimizer()
        self._read_optimizer_state()

    @staticmethod
    def can_run(net: "InMemoryNet") -> bool:
        """Whether the module is a stack of layers that this program knows, all of it to be trained at one rate."""
        known = (nn.Linear, Dropout, *ACTIVATIONS)
        return (
            type(net.module_) is MLP
            and all(type(layer) in known for layer in net.module_)
            and isinstance(net.recipe.solver.solver, str)
            and not net.recipe.solver.rate_factors
            and net.recipe.precision.autocast is None
            and all(parameter.requires_grad for parameter in net.module_.parameters())
        )

    def compute_gradient(
        self, inputs: torch.Tensor, targets: torch.Tensor, sample_weights: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the gradient of one batch's mean loss; return the outputs and the loss."""
        outputs = inputs
        for operation in self.operations:
            outputs = operation.forward(outputs)
        outputs.requires_grad_()
        loss = self.net.criterion_.forward(outputs, targets, sample_weights)
        slope = torch.autograd.grad(loss, outputs)[0]
        outputs = outputs.detach()
        for operation in reversed(self.operations):
            slope = operation.backward(slope)
        return outputs, loss.detach()

    def add_penalty(self, penalty: Penalty, n_rows: int) -> torch.Tensor:
        """Add the penalty's gradient for a batch of ``n_rows`` rows and return the penalty."""
        scale = penalty.scale(n_rows)
        l1, l2 = penalty.l1 * scale, penalty.l2 * scale
        value: Any = 0.0
        if l2:
            self.weight_gradient.add_(self.weights, alpha=l2)
            value = torch.dot(self.weights, self.weights).mul_(0.5 * l2)
        if l1:
            self.weight_gradient.add_(self.weights.sign(), alpha=l1)
            value = value + self.weights.abs().sum() * l1
        return value

    def update(self) -> None:
        """Step along the gradient, at the rate that the net's own optimizer is set to."""
        nets_own: Any = self.net.optimizer_
        for group in self.optimizer.param_groups:
            group["lr"] = nets_own.param_groups[0]["lr"]
        self.optimizer.step()
        # What torch's schedulers look for before they lower the rate of the net's own optimizer.
        nets_own._opt_called = True

    def write_optimizer_state(self) -> None:
        """Give the net's own optimizer the state that it would have."""
        optimizer: Any = self.net.optimizer_
        state = optimizer.state
        flat_states = [self.optimizer.state[flat] for flat in self.flat_parameters]
        for parameter, (index, start, end) in zip(self.parameters, self._places(), strict=True):
            state[parameter] = {
                name: value[start:end].clone().view_as(parameter)
                if isinstance(value, torch.Tensor) and value.shape == self.flat_parameters[index].shape
                else value.clone()
                if isinstance(value, torch.Tensor)
                else value
                for name, value in flat_states[index].items()
            }

    def close(self) -> None:
        """Give the module memory of its own again, and the net's optimizer its state."""
        self.write_optimizer_state()
        for parameter in self.parameters:
            parameter.data = parameter.data.clone()
            parameter.grad = None

    def _make_flat_optimizer(self) -> Any:
        weights, others = self.vector[: self.n_weights], self.vector[self.n_weights :]
        gradients = [self.weight_gradient, self.gradient[self.n_weights :]]
        if self.net.solver.decays_weights:
            self.flat_parameters = [nn.Parameter(weights), nn.Parameter(others)]
        else:
            self.flat_parameters, gradients = [nn.Parameter(self.vector)], [self.gradient]
        for flat, gradient in zip(self.flat_parameters, gradients, strict=True):
            flat.grad = gradient
        return build_optimizer(
            self.net.recipe.solver, self.flat_parameters, self.flat_parameters[:1], self.net.recipe.penalty
        )

    def _read_optimizer_state(self) -> None:
        optimizer: Any = self.net.optimizer_
        state = optimizer.state
        if not state:
            return
        per_flat: list[list[nn.Parameter]] = [[] for _ in self.flat_parameters]
        for parameter, (index, _, _) in zip(self.parameters, self._places(), strict=True):
            per_flat[index].append(parameter)
        for flat, members in zip(self.flat_parameters, per_flat, strict=True):
            self.optimizer.state[flat] = {
                name: torch.cat([state[member][name].reshape(-1) for member in members])
                if isinstance(value, torch.Tensor) and value.shape == members[0].shape
                else value.clone()
                if isinstance(value, torch.Tensor)
                else value
                for name, value in state[members[0]].items()
            }

    def _places(self) -> list[tuple[int, int, int]]:
        """Return for each parameter its flat parameter's index, and its start and end there."""
        places, start = [], 0
        for parameter in self.parameters:
            index = int(len(self.flat_parameters) == 2 and parameter.ndim <= 1)
            offset = self.n_weights if index else 0
            places.append((index, start - offset, start - offset + parameter.numel()))
            start += parameter.numel()
        return places


class _Dense:
    """A linear layer."""

    def __init__(self, layer: nn.Linear) -> None:
        self.weight = layer.weight.detach()
        self.weight_gradient: Any = layer.weight.grad
        self.bias = None if layer.bias is None else layer.bias.detach()
        self.bias_gradient: Any = None if layer.bias is None else layer.bias.grad
        self.is_first = False

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.inputs = inputs
        if self.bias is None:
            return inputs.mm(self.weight.t())
        return torch.addmm(self.bias, inputs, self.weight.t())

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        torch.mm(slope.t(), self.inputs, out=self.weight_gradient)
        if self.bias is not None:
            torch.sum(slope, 0, out=self.bias_gradient)
        return slope if self.is_first else slope.mm(self.weight)


class _Activation:
    """A function whose derivative is known from its output."""

    def __init__(self, layer: nn.Module) -> None:
        self.function, self.derivative = ACTIVATIONS[type(layer)]
        self.is_first = False

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.outputs = self.function(inputs)
        return self.outputs

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        return self.derivative(slope, self.outputs)


class _Dropout:
    """Dropout, with the layer's own generator."""

    def __init__(self, layer: Dropout) -> None:
        self.layer = layer
        self.is_first = False

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.mask = self.layer.draw_mask(inputs)
        return inputs * self.mask

    def backward(self, slope: torch.Tensor) -> torch.Tensor:
        return slope * self.mask


def _make_operation(layer: nn.Module) -> Any:
    if isinstance(layer, nn.Linear):
        return _Dense(layer)
    return _Dropout(layer) if isinstance(layer, Dropout) else _Activation(layer)


def _weights_first(module: nn.Module) -> list[nn.Parameter]:
    parameters = list(module.parameters())
    return [p for p in parameters if p.ndim > 1] + [p for p in parameters if p.ndim <= 1]
