"""What is pickled of a net: everything on the CPU, so that a net trained on a GPU can be read anywhere."""

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sknets._device import is_available
from sknets._warnings import warn_user
from sknets.exceptions import DeviceMovedWarning
from sknets.training._solvers import make_optimizer

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet


def portable_state(net: "InMemoryNet") -> dict[str, Any]:
    """Return the net's attributes with its tensors on the CPU and its optimizer as a state dictionary."""
    state = net.__dict__.copy()
    if "optimizer_" in state:
        state["optimizer_"] = _to_cpu(state["optimizer_"].state_dict())
        state["module_"] = _to_cpu(state["module_"])
        if state["best_snapshot"] is not None:
            state["best_snapshot"] = state["best_snapshot"].to_cpu()
    return state


def restore_portable_state(net: "InMemoryNet", state: dict[str, Any]) -> None:
    """Give the net its attributes back, on its device if this machine has it, else on the CPU with a warning."""
    state = dict(state)
    device = torch.device(state["device"])
    if not is_available(device):
        warn_user(
            f"The model was trained on {device}, which this machine does not have; it is now on the CPU.",
            DeviceMovedWarning,
        )
        device = torch.device("cpu")
    state["device"] = str(device)
    optimizer_state = state.pop("optimizer_", None)
    # Past skorch's __setattr__, which registers attributes that are new.
    attributes = net.__dict__
    attributes.update(state)
    if optimizer_state is not None:
        attributes["module_"] = net.module_.to(device)
        optimizer = make_optimizer(net.recipe.solver, net.module_, net.recipe.penalty)
        optimizer.load_state_dict(optimizer_state)
        _restore_dtypes(optimizer, optimizer_state)
        attributes["optimizer_"] = optimizer


def _restore_dtypes(optimizer: Any, saved: dict[str, Any]) -> None:
    """Undo torch's casting of an optimizer's state to the parameters' dtype: NAdam keeps a float32 product."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for index, values in saved.get("state", {}).items():
        current = optimizer.state[parameters[index]]
        for name, value in values.items():
            if isinstance(value, torch.Tensor) and current[name].dtype != value.dtype:
                current[name] = value.clone().to(current[name].device)


def _to_cpu(state: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return state.detach().cpu()
    if isinstance(state, nn.Module):
        # A copy, since a view (of a vector that training works on) would take its whole memory along.
        return copy.deepcopy(state).cpu()
    if isinstance(state, dict):
        return {key: _to_cpu(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_to_cpu(value) for value in state]
    return state
