"""What the two multilayer perceptrons share: layers, penalties, solvers and their scikit-learn attributes."""

from collections.abc import Iterable
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import torch

from sknets._parameter_checks import COUNT, Interval, Real, StrOptions
from sknets.base import NETWORK_CONSTRAINTS, BaseGradientNetwork, TabularInputs, check_activation
from sknets.nn import ACTIVATIONS, MLP, NORMALIZATIONS
from sknets.training import InMemoryNet, ModuleSpec

MLP_CONSTRAINTS: dict[str, list[Any]] = {
    **NETWORK_CONSTRAINTS,
    "hidden_layer_sizes": ["array-like", COUNT],
    "activation": [StrOptions(set(ACTIVATIONS)), type],
    "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
    "normalization": [StrOptions(set(NORMALIZATIONS)), None],
    "residual": ["boolean"],
}


class BaseMLP(TabularInputs, BaseGradientNetwork):
    """Dense layers; a classifier or regressor puts a loss on top."""

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights of each layer, of shape (n_in, n_out). On the CPU they are the module's own memory.

        Assigning a list of arrays writes them into the module.
        """
        return _LiveArrays(layer.weight.detach().cpu().numpy().T for layer in self._linear_layers)

    @coefs_.setter
    def coefs_(self, values: Iterable[Any]) -> None:
        _write(values, [layer.weight.T for layer in self._linear_layers], "coefs_")

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Biases of each layer, of shape (n_out,). On the CPU they are the module's own memory."""
        return _LiveArrays(layer.bias.detach().cpu().numpy() for layer in self._linear_layers)

    @intercepts_.setter
    def intercepts_(self, values: Iterable[Any]) -> None:
        _write(values, [layer.bias for layer in self._linear_layers], "intercepts_")

    @property
    def _linear_layers(self) -> list[torch.nn.Linear]:
        return _linear_layers(self.net_.module_)

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = [sizes] if isinstance(sizes, Integral) else list(sizes)
        if any(not isinstance(size, Integral) or size <= 0 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes must be > 0, got {sizes}. Give one whole number of units per hidden layer."
            )
        return [int(size) for size in sizes]

    def _dropout_rates(self, n_hidden: int) -> list[float]:
        if isinstance(self.dropout, Real):
            return [float(self.dropout)] * n_hidden
        rates = [float(rate) for rate in self.dropout]
        if len(rates) != n_hidden or not all(0 <= rate < 1 for rate in rates):
            raise ValueError(
                f"dropout must be one number in [0, 1), or one for each of the {n_hidden} hidden layers; got {rates}."
            )
        return rates

    def _check_can_learn(self) -> None:
        self._check_solver()
        check_activation(self.activation)
        if self.activation == "hard_threshold":
            raise ValueError(
                "activation='hard_threshold' cannot be trained: the step function has no gradient. Use Perceptron "
                "for a single layer, activation='relu' or another, or call initialize and set coefs_ and intercepts_ "
                "by hand."
            )

    def _module_spec(self, n_outputs: int) -> ModuleSpec:
        sizes = self._hidden_sizes()
        arguments = {
            "n_inputs": self.n_features_in_,
            "hidden_sizes": tuple(sizes),
            "n_outputs": n_outputs,
            "activation": self.activation,
            "dropout": tuple(self._dropout_rates(len(sizes))),
            "normalization": self.normalization,
            "residual": self.residual,
        }
        return ModuleSpec(MLP, arguments, "glorot_logistic" if self.activation == "logistic" else "glorot")

    def _update_module(self) -> None:
        # scikit-learn's perceptrons, too, predict with the activation that is set now, not with that of the fit.
        spec = self.net_.recipe.module
        if self.activation != spec.arguments["activation"]:
            if self.activation not in ACTIVATIONS or spec.arguments["activation"] not in ACTIVATIONS:
                raise ValueError(
                    f"A fitted network can only change between activations that have a name, {sorted(ACTIVATIONS)}; "
                    f"got {self.activation!r} after {spec.arguments['activation']!r}. Fit a new estimator."
                )
            module: Any = self.net_.module_
            module.replace_activation(self.activation)
            arguments = {**spec.arguments, "activation": self.activation}
            self.net_.recipe = replace(self.net_.recipe, module=replace(spec, arguments=arguments))

    def _own_attributes(self, net: InMemoryNet) -> dict[str, Any]:
        return {"n_layers_": len(_linear_layers(net.module_)) + 1, "out_activation_": net.criterion_.link}


class _LiveArrays(list):
    """Arrays that share a module's memory; an item that is assigned is written into it."""

    def __setitem__(self, index: Any, value: Any) -> None:
        self[index][:] = value


def _linear_layers(module: torch.nn.Module) -> list[torch.nn.Linear]:
    return [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]


def _write(values: Iterable[Any], targets: list[torch.Tensor], name: str) -> None:
    arrays = [torch.as_tensor(np.asarray(value, dtype=np.float64)) for value in values]
    expected = [tuple(target.shape) for target in targets]
    found = [tuple(array.shape) for array in arrays]
    if found != expected:
        raise ValueError(f"{name} must be arrays of shapes {expected}; got {found}.")
    with torch.no_grad():
        for target, array in zip(targets, arrays, strict=True):
            target.copy_(array)
