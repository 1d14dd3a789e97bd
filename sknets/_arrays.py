"""From the arrays that users hold to the tensors that networks read, and back."""

from typing import Any

import numpy as np
import torch


def as_array_like(X: Any) -> Any:
    """Return torch tensors (of any device) as numpy arrays and everything else unchanged."""
    if not isinstance(X, torch.Tensor):
        return X
    # numpy has no bfloat16.
    return (X.float() if X.dtype == torch.bfloat16 else X).detach().cpu().numpy()


def as_tensor(array: np.ndarray, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return a tensor of ``dtype`` on ``device``; it shares the array's memory where that is possible and safe."""
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    return torch.from_numpy(np.ascontiguousarray(array)).to(device=device, dtype=dtype)
