"""Architectures by name: which module, from which of the estimator's parameters. A new one is one line."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from torch import nn

from sknets._parameter_checks import Real
from sknets.nn import ConvNet, LeNet5, ResidualNet, WorkshopNet

#: Parameters that describe a network; each architecture uses some.
SHAPE_PARAMETERS = (
    "channels",
    "kernel_size",
    "stride",
    "padding",
    "pool",
    "pool_size",
    "hidden_layer_sizes",
    "activation",
    "dropout",
    "normalization",
    "residual",
)


@dataclass(frozen=True)
class Architecture:
    """One named network.

    Attributes
    ----------
    build : callable
        From (image_shape, n_outputs) and keyword arguments to a module.
    parameters : tuple of str
        Those of ``SHAPE_PARAMETERS`` that it uses.
    own_values : dict
        What it has in place of parameters that it does not use; naming the same value is no mistake.
    dropout : float
        What ``dropout="auto"`` stands for.
    """

    build: Callable[..., nn.Module]
    parameters: tuple[str, ...]
    own_values: dict[str, Any] = field(default_factory=dict)
    dropout: float = 0.0


ARCHITECTURES: dict[str, Architecture] = {
    "simple": Architecture(ConvNet, SHAPE_PARAMETERS),
    "lenet5": Architecture(LeNet5, (), {"activation": "tanh", "normalization": None, "pool": "avg"}),
    "workshop": Architecture(WorkshopNet, ("activation", "dropout"), {"normalization": None}, dropout=0.5),
    "residual": Architecture(ResidualNet, ("activation", "normalization", "dropout"), {"residual": True}),
}

# Activations that pass large values on, whose layers want He's wider start.
RECTIFIERS = {"relu", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus"}


def network_settings(estimator: Any) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
    """Return what builds the estimator's network, and the keyword arguments for it."""
    name = estimator.architecture
    if isinstance(name, nn.Module):
        raise TypeError(
            "architecture must be a name, or a function or class that makes a module from (image_shape, n_outputs); "
            f"got a {type(name).__name__} that is made already. Pass lambda image_shape, n_outputs: ..., or its class."
        )
    if not isinstance(name, str):
        _refuse_unused(estimator, (), {})
        return name, {}
    architecture = ARCHITECTURES[name]
    _refuse_unused(estimator, architecture.parameters, architecture.own_values)
    if name == "simple":
        return architecture.build, _simple_settings(estimator)
    settings = {parameter: getattr(estimator, parameter) for parameter in architecture.parameters}
    if "dropout" in settings:
        settings["dropout"] = _single_rate(estimator.dropout, architecture.dropout)
    return architecture.build, settings


def choose_initialiser(estimator: Any) -> str | None:
    """Return the name of the initial weights that suit the activation; None for a user's own network."""
    if not isinstance(estimator.architecture, str):
        return None
    if estimator.architecture == "lenet5":
        return "glorot"
    if estimator.activation == "logistic":
        return "glorot_logistic"
    is_rectified = not isinstance(estimator.activation, str) or estimator.activation in RECTIFIERS
    return "he" if is_rectified else "glorot"


def _simple_settings(estimator: Any) -> dict[str, Any]:
    channels = _counts(estimator.channels, "channels")
    hidden_sizes = _counts(estimator.hidden_layer_sizes, "hidden_layer_sizes")
    n_convolutions = len(channels)
    channel_dropout, dropout = _rates(estimator.dropout, n_convolutions, len(hidden_sizes))
    return {
        "channels": channels,
        **{
            name: _per_convolution(getattr(estimator, name), n_convolutions, name)
            for name in ("kernel_size", "stride", "padding", "pool_size")
        },
        "pool": estimator.pool,
        "hidden_sizes": hidden_sizes,
        "activation": estimator.activation,
        "channel_dropout": channel_dropout,
        "dropout": dropout,
        "normalization": estimator.normalization,
        "residual": estimator.residual,
    }


def _refuse_unused(estimator: Any, used: Sequence[str], own_values: dict[str, Any]) -> None:
    """Raise where a parameter was changed that the architecture would ignore."""
    signature = inspect.signature(type(estimator).__init__)
    for name in SHAPE_PARAMETERS:
        value, default = getattr(estimator, name), signature.parameters[name].default
        allowed = [default, *([own_values[name]] if name in own_values else [])]
        if name not in used and not any(_is_same(value, other) for other in allowed):
            users = [repr(key) for key, architecture in ARCHITECTURES.items() if name in architecture.parameters]
            raise ValueError(
                f"{name} is used by architecture={' or '.join(users)} only; got {name}={value!r} with "
                f"architecture={estimator.architecture!r}, which would ignore it. Leave {name} at its default, or "
                "choose another architecture."
            )


def _is_same(value: Any, other: Any) -> bool:
    if (
        isinstance(value, str)
        or isinstance(other, str)
        or not (hasattr(value, "__len__") and hasattr(other, "__len__"))
    ):
        return bool(value is other or (type(value) is type(other) and value == other))
    return list(value) == list(other)


def _counts(values: Any, name: str) -> tuple[int, ...]:
    values = [values] if isinstance(values, Integral) else list(values)
    if any(not isinstance(value, Integral) or value <= 0 for value in values):
        raise ValueError(f"{name} must be whole numbers > 0, got {values}. Give one per layer.")
    return tuple(int(value) for value in values)


def _per_convolution(value: Any, n_convolutions: int, name: str) -> tuple[Any, ...]:
    is_single = isinstance(value, str | Integral)
    values = [value] * n_convolutions if is_single else list(value)
    if len(values) != n_convolutions:
        raise ValueError(
            f"{name} must be one value, or one for each of the {n_convolutions} convolutions (channels); got "
            f"{value!r}. For windows that are not square give pairs: {name}={[(3, 5)] * n_convolutions}."
        )
    return tuple(_window(entry, name) for entry in values)


def _window(value: Any, name: str) -> Any:
    """Return a whole number, a pair of them or, for padding, one of its names."""
    if name == "padding" and isinstance(value, str) and value in ("same", "valid"):
        return value
    least = 0 if name == "padding" else 1
    numbers = [value] if isinstance(value, Integral) else value
    is_right = not isinstance(numbers, str) and hasattr(numbers, "__len__") and len(numbers) in (1, 2)
    if not is_right or any(not isinstance(number, Integral) or number < least for number in numbers):
        names = "'same', 'valid', " if name == "padding" else ""
        raise ValueError(
            f"{name} must be {names}a whole number of pixels >= {least} or a pair (height, width) of them, or one of "
            f"these per convolution; got {value!r}. Pass for example {name}={'1' if name == 'padding' else '2'}."
        )
    return int(numbers[0]) if len(numbers) == 1 else (int(numbers[0]), int(numbers[1]))


def _rates(dropout: Any, n_convolutions: int, n_hidden: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the shares dropped behind convolutions and behind hidden layers (or before the outputs)."""
    n_dense = max(n_hidden, 1)
    if isinstance(dropout, str | Real):
        return (0.0,) * n_convolutions, (_single_rate(dropout, 0.0),) * n_dense
    rates = [float(rate) for rate in dropout]
    if len(rates) != n_convolutions + n_dense or not all(0 <= rate < 1 for rate in rates):
        raise ValueError(
            f"dropout must be one number in [0, 1), or one for each of the {n_convolutions} convolutions and the "
            f"{n_dense} dense layers behind them; got {rates}."
        )
    return tuple(rates[:n_convolutions]), tuple(rates[n_convolutions:])


def _single_rate(dropout: Any, auto: float) -> float:
    if isinstance(dropout, str):
        return auto
    if not isinstance(dropout, Real):
        raise ValueError(
            f"dropout must be 'auto' or one number in [0, 1) for this architecture; got {dropout!r}. A number per "
            "layer is for architecture='simple'."
        )
    return float(dropout)
