"""A layer in a few words: its type and the settings that tell most about it."""

from collections.abc import Callable
from typing import Any

from torch import nn

from sknets.nn import Augmentation, BatchNormalization, ChannelDropout, Dropout, Residual

# Longer ones of a user's layers would make the table wider than a screen.
LONGEST_SETTINGS = 24


def describe_layer(layer: nn.Module) -> str:
    """Return such as ``Conv2d(3, 32, 5x5, stride 2)``."""
    parts = next((tell(layer) for kinds, tell in SETTINGS.items() if isinstance(layer, kinds)), None)
    name = type(layer).__name__
    if parts is None:
        settings = _own_words(layer)
        parts = [settings] if len(settings) <= LONGEST_SETTINGS and "\n" not in settings else []
    settings = ", ".join(str(part) for part in parts if part != "")
    return f"{name}({settings})" if settings else name


def _own_words(layer: nn.Module) -> str:
    if layer._modules and layer._parameters:
        # It is listed for these; the layers that it holds have lines of their own.
        return ", ".join(layer._parameters)
    # torch's other layers have settings that hardly anybody changes.
    return "" if type(layer).__module__.startswith("torch.") else layer.extra_repr()


def _convolution(layer: Any) -> list[Any]:
    padding = _shortest(layer.padding)
    return [
        layer.in_channels,
        layer.out_channels,
        _times(layer.kernel_size),
        _unless("1", _shortest(layer.stride), "stride"),
        "" if padding in ("0", "valid") else f"padding {padding}",
        _unless("1", _shortest(layer.dilation), "dilation"),
        _unless("1", str(layer.groups), "groups"),
        "" if layer.bias is not None else "no bias",
    ]


def _pool(layer: Any) -> list[Any]:
    window = _shortest(layer.kernel_size)
    return [
        window,
        _unless(window, _shortest(layer.stride or layer.kernel_size), "stride"),
        _unless("0", _shortest(getattr(layer, "padding", 0)), "padding"),
    ]


def _recurrent(layer: Any) -> list[Any]:
    return [
        layer.input_size,
        layer.hidden_size,
        "" if layer.num_layers == 1 else f"layers {layer.num_layers}",
        "both directions" if layer.bidirectional else "",
    ]


def _unless(usual: str, setting: str, name: str) -> str:
    return "" if setting == usual else f"{name} {setting}"


def _times(sizes: Any) -> str:
    """Return 3x3 for (3, 3)."""
    return "x".join(map(str, sizes))


def _shortest(sizes: Any) -> str:
    """Return 3 for 3 and for (3, 3), 3x5 for (3, 5), and a word as it is."""
    if isinstance(sizes, tuple | list):
        return str(sizes[0]) if len(set(sizes)) == 1 else _times(sizes)
    return str(sizes)


#: What to tell of a layer of a kind. A new kind is one line.
SETTINGS: dict[Any, Callable[[Any], list[Any]]] = {
    nn.Linear: lambda layer: [layer.in_features, layer.out_features, "" if layer.bias is not None else "no bias"],
    nn.modules.conv._ConvNd: _convolution,
    (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d): _pool,
    (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d): _pool,
    (nn.LPPool1d, nn.LPPool2d, nn.LPPool3d): _pool,
    (BatchNormalization, nn.modules.batchnorm._BatchNorm): lambda layer: [layer.num_features],
    nn.LayerNorm: lambda layer: [_times(layer.normalized_shape)],
    nn.GroupNorm: lambda layer: [layer.num_channels, f"groups {layer.num_groups}"],
    (Dropout, ChannelDropout, nn.modules.dropout._DropoutNd): lambda layer: [layer.p],
    nn.Embedding: lambda layer: [layer.num_embeddings, layer.embedding_dim],
    nn.RNNBase: _recurrent,
    nn.MultiheadAttention: lambda layer: [layer.embed_dim, f"heads {layer.num_heads}"],
    nn.LeakyReLU: lambda layer: [layer.negative_slope],
    nn.ELU: lambda layer: [layer.alpha],
    Residual: lambda layer: ["adds its input"],
    Augmentation: lambda layer: [layer.source if isinstance(layer.source, str) else type(layer.source).__name__],
}
