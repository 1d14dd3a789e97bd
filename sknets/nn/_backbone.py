"""torchvision's classification models without their last layer."""

import difflib
import math
import re
from typing import Any

import torch
from torch import nn

from sknets._torchvision import TorchvisionPickle, import_torchvision

#: Arguments without which a model computes, in training, outputs that nobody asked for, or draws weights for minutes.
_BUILD_ARGUMENTS: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}

#: Models that turn the usual normalisation of pictures into that of their weights.
_WITH_OWN_NORMALISATION = ("googlenet", "inception_v3")

#: Fewer parts than these are divided further.
MIN_STAGES = 4

#: Where published checkpoints put the weights beside other things.
_WRAPPERS = ("state_dict", "model_state_dict", "model")

#: DenseNet's published weights still have names with a dot that torch no longer allows.
_DOTTED_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d\.)")

#: Batch normalization counts its batches under this name; older files do not have it.
_BATCH_COUNTER = "num_batches_tracked"


class Backbone(nn.Module):
    """A torchvision model that gives the features before its last layer, of shape (n, n_features).

    Parameters
    ----------
    name : str
        A classification model of ``torchvision.models``.
    state_dict : dict or None
        Its weights; those of the last layer are left out. None keeps random ones.
    """

    def __init__(self, name: str, state_dict: dict[str, torch.Tensor] | None = None) -> None:
        super().__init__()
        state_dict = None if state_dict is None else _unwrap(state_dict)
        self.model = import_torchvision().models.get_model(name, weights=None, **_build_arguments(name, state_dict))
        self.n_features = _cut_last_layer(self.model)
        # Statistics of the pictures that the weights were learnt from are better than those of a few small batches.
        self.keeps_statistics = state_dict is not None
        for layer in self.model.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.keeps_statistics = self.keeps_statistics  # type: ignore[assignment]  # told to the net
        if state_dict is not None:
            _load(self.model, name, state_dict)

    @property
    def stages(self) -> list[nn.Module]:
        """The model's parts with weights, from the pictures to the features."""
        parts = _learning_children(self.model)
        while len(parts) < MIN_STAGES and (divisible := [part for part in parts if len(_learning_children(part)) > 1]):
            largest = max(divisible, key=_count_parameters)
            place = parts.index(largest)
            parts[place : place + 1] = _learning_children(largest)
        return parts

    def train(self, mode: bool = True) -> "Backbone":
        """Set the mode of training; with pretrained weights dropout and batch statistics stay as in prediction."""
        return super().train(mode and not self.keeps_statistics)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.model(images)
        return features.flatten(1)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {**state, "_modules": {"model": TorchvisionPickle(self.model)}}


def check_backbone_name(name: str) -> None:
    """Raise where torchvision has no classification model of this name."""
    models = import_torchvision().models
    names = models.list_models(module=models)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=3) or names[:3]
        raise ValueError(
            f"backbone must be the name of a classification model of torchvision; got {name!r}. Did you mean "
            f"{', '.join(map(repr, close))}? torchvision.models.list_models(module=torchvision.models) lists all."
        )


def _cut_last_layer(model: nn.Module) -> int:
    """Take the layer that scores classes out of ``model`` and return the number of features before it."""
    last_name, last = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, Weighted)][-1]
    if isinstance(last, nn.Linear):
        *path, attribute = last_name.split(".")
        setattr(model.get_submodule(".".join(path)), attribute, nn.Identity())
        return last.in_features
    # SqueezeNet scores classes by a convolution, and averages behind it.
    model.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return last.in_channels


Weighted = nn.Linear | nn.Conv2d


def _learning_children(part: nn.Module) -> list[nn.Module]:
    return [child for child in part.children() if _count_parameters(child)]


def _count_parameters(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


def _build_arguments(name: str, state_dict: dict[str, Any] | None) -> dict[str, Any]:
    """Return what torchvision, too, derives from the weights when it builds a model for them."""
    arguments = dict(_BUILD_ARGUMENTS.get(name, {}))
    if state_dict is None:
        return arguments
    if name in _WITH_OWN_NORMALISATION:
        arguments["transform_input"] = True
    if "encoder.pos_embedding" in state_dict and "conv_proj.weight" in state_dict:
        # A vision transformer knows one size of pictures: a place for each square patch, and one for the class.
        n_patches = state_dict["encoder.pos_embedding"].shape[1] - 1
        arguments["image_size"] = math.isqrt(n_patches) * state_dict["conv_proj.weight"].shape[3]
    return arguments


def _unwrap(content: dict[Any, Any]) -> dict[str, torch.Tensor]:
    """Return the tensors by the names that they have in the model."""
    for wrapper in _WRAPPERS:
        if isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    # DataParallel puts its own name before every other.
    return {
        _DOTTED_NAME.sub(r"\1\2", key.removeprefix("module.")): value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    }


def _load(model: nn.Module, name: str, state_dict: dict[str, torch.Tensor]) -> None:
    # With the versions of its layers, for which some of torchvision's models ask.
    present = model.state_dict()
    missing = [key for key in present if key not in state_dict and not key.endswith(_BATCH_COUNTER)]
    unlike = [key for key in present if key in state_dict and state_dict[key].shape != present[key].shape]
    if missing or unlike:
        example = (missing or unlike)[0]
        what = "is missing" if missing else f"has shape {tuple(state_dict[example].shape)}"
        raise ValueError(
            f"weights must be the state dict of a {name}; {len(missing)} of its {len(present)} tensors are missing and "
            f"{len(unlike)} have another shape ({example!r} {what}). Name the backbone that the file was saved from."
        )
    present.update({key: state_dict[key] for key in present if key in state_dict})
    model.load_state_dict(present)
