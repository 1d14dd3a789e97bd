"""Pretrained weights: from torchvision's cache, over the network, or from a file of the user's."""

import os
from pathlib import Path
from typing import Any

import torch

from sknets._torchvision import import_torchvision


def load_pretrained(backbone: str, weights: Any) -> tuple[dict[str, torch.Tensor] | None, Any]:
    """Return a state dict and the preprocessing that belongs to it; two times None for ``weights=None``.

    Parameters
    ----------
    backbone : str
        A classification model of torchvision.
    weights : str, path-like or None
        A name such as "DEFAULT" or "IMAGENET1K_V1", or the path of a state dict.

    Raises
    ------
    ValueError
        If there are no weights of this name, or the file holds something else.
    OSError
        If the file is missing, and cannot be downloaded.
    """
    if weights is None:
        return None, None
    published = import_torchvision().models.get_model_weights(backbone)
    if isinstance(weights, str) and weights in published.__members__:
        entry = published[weights]
        return _load_published(backbone, entry), entry.transforms()
    path = Path(weights).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"weights must be None, the name of weights of {backbone} ({', '.join(published.__members__)}), or the "
            f"path of a state dict; got {os.fspath(weights)!r}, and there is no such file in {Path.cwd()}."
        )
    entry = next((entry for entry in published if _file_name(entry) == path.name), published.DEFAULT)
    return _load_file(path), entry.transforms()


def _load_published(backbone: str, entry: Any) -> dict[str, torch.Tensor]:
    name = _file_name(entry)
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return _load_file(path)
    try:
        state_dict: dict[str, torch.Tensor] = entry.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"The weights {entry.name} of {backbone} must lie in {path}, and that file is missing; to download it from "
            f"{entry.url} failed: {error}. Put the file there, or give another copy by weights='path/to/{name}'; "
            "weights=None starts from random ones."
        ) from error
    return state_dict


def _file_name(entry: Any) -> str:
    return str(entry.url.rsplit("/", 1)[-1])


def _load_file(path: Path) -> dict[str, torch.Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path} must hold a state dict, as torch.save(model.state_dict(), path) writes it; reading it failed with "
            f"a {type(error).__name__}. Get the file again, or save the state dict alone, without the model."
        ) from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} must hold a state dict, as torch.save(model.state_dict(), path) writes it; it holds a "
            f"{type(content).__name__}."
        )
    return content
