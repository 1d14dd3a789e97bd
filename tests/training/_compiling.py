"""Networks that the kernel trains: whole passes without an estimator."""

import numpy as np
import torch

from sknets._device import Precision
from sknets.nn import ACTIVATIONS, MLP
from sknets.training import LossSpec, ModuleSpec, Penalty, Rows, SolverSpec, make_net
from sknets.training._batches import BatchOrder
from sknets.training._compiled_pass import _ACTIVATIONS, _LOSSES, CompiledPass
from sknets.training._dense_batches import StackedBatches
from sknets.training._dense_program import DenseProgram
from tests.training._fitting import make_recipe

N_INPUTS, N_OUTPUTS = 5, 3

KNOWN_ACTIVATIONS = [name for name, activation in ACTIVATIONS.items() if activation in _ACTIVATIONS]
KNOWN_LOSSES = list(_LOSSES)

PLAIN = {
    "activation": "tanh",
    "loss": "squared_error",
    "hidden": (8, 7),
    "has_bias": True,
    "drops": False,
    "penalty": "none",
    "divisor": None,
    "is_weighted": False,
    "weight_decay": 0.0,
    "n_rows": (9,),
}

SETTINGS = {
    "cross_entropy": ("label_smoothing", [0.0, 0.1, 0.3]),
    "binary_cross_entropy": ("label_smoothing", [0.2, 0.0, 0.1]),
    "quantile": ("quantile", [0.1, 0.5, 0.8]),
}


def make_nets(case, dtype=torch.float64):
    """Networks of one structure; weights, rates of dropout, penalties and settings differ."""
    name, values = SETTINGS.get(case["loss"], (None, []))
    mean_weight = 1.7 if case["is_weighted"] else 1.0
    has_l1, has_l2 = case["penalty"] in ("l1", "both"), case["penalty"] in ("l2", "both")
    for network in range(len(case["n_rows"])):
        arguments = {
            "n_inputs": N_INPUTS,
            "hidden_sizes": case["hidden"],
            "n_outputs": N_OUTPUTS,
            "activation": case["activation"],
            "dropout": [0.2 + 0.1 * network] * len(case["hidden"]) if case["drops"] else [],
            "bias": case["has_bias"],
        }
        decay = case["weight_decay"] * (network + 1)
        recipe = make_recipe(
            module=ModuleSpec(MLP, arguments),
            loss=LossSpec(case["loss"], {name: values[network]} if name else {}),
            penalty=Penalty(0.3 * has_l1 * (network + 1), (0.5 * network + 0.1) * has_l2, case["divisor"], mean_weight),
            solver=SolverSpec("sgd", 0.1, {"solver_params": {"weight_decay": decay}}),
            precision=Precision(dtype),
            seed=network,
        )
        yield make_net(recipe, np.random.RandomState(network))


def draw_targets(loss, n, rng):
    if loss == "cross_entropy":
        return rng.integers(0, N_OUTPUTS, n)
    if loss == "binary_cross_entropy":
        return rng.integers(0, 2, (n, N_OUTPUTS)).astype(float)
    if loss == "poisson":
        return rng.poisson(1, (n, N_OUTPUTS)).astype(float)
    return rng.normal(size=(n, N_OUTPUTS))


def make_rows(case, n, rng):
    inputs = torch.from_numpy(rng.normal(size=(n, N_INPUTS)))
    weights = torch.from_numpy(rng.uniform(0.3, 2, n)) if case["is_weighted"] else None
    return Rows(inputs, torch.from_numpy(draw_targets(case["loss"], n, rng)), weights)


def compile_nets(nets, parts, batch_size=200, shuffle=False):
    """Return the program and the compiled pass of networks, each with rows of its own."""
    for seed, (net, rows) in enumerate(zip(nets, parts, strict=True)):
        net.order = BatchOrder(len(rows), min(batch_size, len(rows)), shuffle, np.random.RandomState(seed))
    batches = StackedBatches(parts, [net.order for net in nets], weights_dtype=nets[0].recipe.precision.dtype)
    program = DenseProgram(nets, batches.n_rows)
    return program, CompiledPass(program, batches, program.vector.clone(), program.vector.clone())


def run_at(compiled, rates):
    """Run one pass in which each network keeps one rate."""
    compiled.run([[rate] * compiled.n_batches for rate in rates], lambda n_batches: None)
