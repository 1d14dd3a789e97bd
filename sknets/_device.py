"""Which device a network lives on, and in which precision it computes there."""

from dataclasses import dataclass

import numpy as np
import torch

from sknets.exceptions import DeviceNotAvailableError


@dataclass(frozen=True)
class Precision:
    """Dtype of the parameters, and the dtype that autocast computes in (None: the parameters' own)."""

    dtype: torch.dtype
    autocast: torch.dtype | None = None


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn a ``device`` parameter into a device that is there; "auto" prefers cuda, then mps, then the CPU."""
    if isinstance(device, str) and device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device must be 'auto' or a device that torch knows, such as 'cpu', 'cuda:1' or 'mps'; got {device!r}."
        ) from error
    if not is_available(resolved):
        raise DeviceNotAvailableError(
            f"device={str(device)!r} is not available: this machine has {', '.join(_available_devices())}. "
            "Use device='auto' for the fastest one there is, or device='cpu'."
        )
    return resolved


def is_available(device: torch.device) -> bool:
    """Whether tensors can be put on ``device`` on this machine."""
    if device.type == "cpu":
        return True
    if device.type == "cuda":
        return (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return bool(torch.backends.mps.is_available())
    backend = getattr(torch, device.type, None)
    return bool(backend is not None and hasattr(backend, "is_available") and backend.is_available())


def resolve_precision(precision: str, X_dtype: np.dtype, device: torch.device) -> Precision:
    """Dtypes for a ``precision`` parameter: "auto" follows X on the CPU and is float32 on accelerators."""
    if precision == "bfloat16":
        return Precision(torch.float32, autocast=torch.bfloat16)
    if precision == "auto":
        follow_X = device.type == "cpu" and X_dtype == np.float64
        return Precision(torch.float64 if follow_X else torch.float32)
    if precision == "float64" and device.type == "mps":
        raise ValueError(
            "precision='float64' needs a device with double precision; got device 'mps', which has none. "
            "Use precision='float32' or device='cpu'."
        )
    return Precision(getattr(torch, precision))


def _available_devices() -> list[str]:
    devices = ["'cpu'"]
    devices += [f"'cuda:{index}'" for index in range(torch.cuda.device_count())]
    devices += ["'mps'"] if torch.backends.mps.is_available() else []
    return devices
