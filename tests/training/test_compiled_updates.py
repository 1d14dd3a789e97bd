"""The compiled pass's steps against torch's optimizers."""

import numpy as np
import pytest
import torch

from sknets.nn import MLP
from sknets.training import ModuleSpec, Penalty, Rows, SolverSpec, make_net
from tests.training._compiling import compile_nets, run_at
from tests.training._fitting import make_recipe

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}

N_ROWS, BATCH_SIZE, N_EPOCHS, N_BATCHES = 47, 10, 10, 5
RATES = [0.02, 0.001, 0.1]

#: For each solver torch's arguments of three networks; adamw's decay is stated because torch has one of its own.
SETTINGS = {
    "adam": [
        [{}] * 3,
        [{"betas": betas} for betas in [(0.9, 0.999), (0.5, 0.99), (0.0, 0.9)]],
        [{"eps": eps} for eps in [1e-8, 1e-3, 0.1]],
        [{"weight_decay": decay} for decay in [0.0, 0.1, 0.5]],
        [
            {"betas": betas, "eps": eps, "weight_decay": decay}
            for betas, eps, decay in [((0.9, 0.99), 1e-8, 0.1), ((0.8, 0.99), 0.1, 0.0), ((0.5, 0.9), 1e-4, 0.3)]
        ],
    ],
    "adamw": [
        [{"weight_decay": 0.0}] * 3,
        [{"weight_decay": decay} for decay in [0.0, 0.1, 0.5]],
        [
            {"betas": betas, "eps": eps, "weight_decay": decay}
            for betas, eps, decay in [((0.9, 0.99), 1e-8, 0.1), ((0.8, 0.99), 0.1, 0.0), ((0.5, 0.9), 1e-4, 0.3)]
        ],
    ],
    "sgd": [
        [{}] * 3,
        [{"weight_decay": decay} for decay in [0.0, 0.1, 0.5]],
        [{"momentum": 0.9}] * 3,
        [{"momentum": 0.9, "nesterov": True}] * 3,
        [{"momentum": momentum} for momentum in [0.9, 0.5, 0.0]],
        [
            {"momentum": momentum, "nesterov": nesterov, "weight_decay": decay}
            for momentum, nesterov, decay in [(0.9, True, 0.1), (0.5, False, 0.0), (0.0, False, 0.3)]
        ],
    ],
}

CASES = [
    pytest.param(solver, settings, id=f"{solver}-{settings}") for solver, own in SETTINGS.items() for settings in own
]


class Network:
    """A network for the kernel, its twin that torch trains, and the rows of both."""

    def __init__(self, solver, arguments, seed, penalty=None, rate=0.1):
        rng = np.random.default_rng(seed)
        inputs, targets = rng.normal(size=(N_ROWS, 4)), rng.normal(size=(N_ROWS, 2))
        self.rows = Rows(torch.from_numpy(inputs), torch.from_numpy(targets))
        module = ModuleSpec(MLP, {"n_inputs": 4, "hidden_sizes": (5,), "n_outputs": 2, "activation": "tanh"})
        spec = SolverSpec(solver, rate, {"solver_params": arguments} if arguments is not None else {})
        self.net = make_net(
            make_recipe(module=module, solver=spec, penalty=penalty or Penalty()), np.random.RandomState(seed)
        )
        self.twin = self.net.branch().module_
        self.optimizer = OPTIMIZERS[solver](self.twin.parameters(), lr=rate, **(arguments or {}))

    def train_twin(self, rate, n_epochs):
        """Take torch's steps along autograd's gradients, batch after batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for _ in range(n_epochs):
            for inputs, targets in zip(
                self.rows.inputs.split(BATCH_SIZE), self.rows.targets.split(BATCH_SIZE), strict=True
            ):
                self.optimizer.zero_grad()
                (0.5 * (self.twin(inputs) - targets).square().sum(1).mean()).backward()
                self.optimizer.step()

    def check(self):
        for ours, torchs in zip(self.net.module_.parameters(), self.twin.parameters(), strict=True):
            torch.testing.assert_close(ours, torchs, rtol=1e-9, atol=1e-11)

    def check_state(self):
        """Compare what the optimizers remember."""
        for ours, torchs in zip(self.net.module_.parameters(), self.twin.parameters(), strict=True):
            state, expected = self.net.optimizer_.state[ours], self.optimizer.state[torchs]
            for name, value in expected.items():
                # Without momentum torch remembers nothing, or None.
                if value is not None:
                    torch.testing.assert_close(state[name], value, rtol=1e-9, atol=1e-12, check_dtype=name != "step")


def train_all(networks, rates, n_epochs=N_EPOCHS):
    """Train by the kernel, and each twin by torch; give the modules back what they learnt."""
    program, compiled = compile_nets([one.net for one in networks], [one.rows for one in networks], BATCH_SIZE)
    for _ in range(n_epochs):
        run_at(compiled, rates)
    for k, (one, rate) in enumerate(zip(networks, rates, strict=True)):
        program.write_back(k)
        one.train_twin(rate, n_epochs)
    return program


@pytest.mark.parametrize(("solver", "settings"), CASES)
@pytest.mark.parametrize("n_networks", [1, 3])
def test_networks_move_as_torch_moves_each(solver, settings, n_networks):
    networks = [Network(solver, arguments, seed) for seed, arguments in enumerate(settings[-n_networks:])]

    train_all(networks, RATES[:n_networks])

    for one in networks:
        one.check()
        one.check_state()


@pytest.mark.parametrize(("solver", "settings"), CASES)
def test_training_goes_on_from_the_state_of_an_earlier_one(solver, settings):
    networks = [Network(solver, arguments, seed) for seed, arguments in enumerate(settings)]
    for n_epochs, one in enumerate(networks, start=1):
        train_all([one], [0.03], n_epochs)

    train_all(networks, RATES)

    for n_epochs, one in enumerate(networks, start=1):
        one.check()
        one.check_state()
        steps = [float(state["step"]) for state in one.net.optimizer_.state.values() if "step" in state]
        assert steps == [N_BATCHES * (N_EPOCHS + n_epochs)] * (0 if solver == "sgd" else 4)


def test_without_solver_params_adamws_decay_is_alpha_and_spares_biases():
    decay = 0.4
    one = Network("adamw", None, 0, Penalty(l2=decay))
    matrices = [p for p in one.twin.parameters() if p.ndim > 1]
    biases = [p for p in one.twin.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
    one.optimizer = torch.optim.AdamW(groups, lr=0.1)

    train_all([one], [0.02])

    one.check()


def test_each_step_has_its_own_rate():
    one, rates = Network("adam", {}, 0), [0.1, 0.0, 0.02, 0.3, 0.001]
    program, compiled = compile_nets([one.net], [one.rows], BATCH_SIZE)

    compiled.run([rates], lambda n_batches: None)

    program.write_back(0)
    batches = zip(one.rows.inputs.split(BATCH_SIZE), one.rows.targets.split(BATCH_SIZE), strict=True)
    for rate, (inputs, targets) in zip(rates, batches, strict=True):
        one.optimizer.param_groups[0]["lr"] = rate
        one.optimizer.zero_grad()
        (0.5 * (one.twin(inputs) - targets).square().sum(1).mean()).backward()
        one.optimizer.step()
    one.check()


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_networks_that_stay_go_on_when_others_leave(solver):
    networks = [Network(solver, arguments, seed) for seed, arguments in enumerate(SETTINGS[solver][-1])]
    program, compiled = compile_nets([one.net for one in networks], [one.rows for one in networks], BATCH_SIZE)
    run_at(compiled, RATES)

    program.compact([0, 2])
    ends = program.vector.clone(), program.vector.clone()
    compiled = type(compiled)(program, compiled.batches.compact([0, 2]), *ends)
    run_at(compiled, [RATES[0], RATES[2]])

    for place, k in enumerate([0, 2]):
        program.write_back(place)
        networks[k].train_twin(RATES[k], 2)
        networks[k].check()
        networks[k].check_state()


def test_a_rate_may_be_a_whole_number():
    """An array of integers would be another function for numba, compiled in seconds."""
    one = Network("sgd", {"weight_decay": 0.1}, 0)
    compiled = compile_nets([one.net], [one.rows], BATCH_SIZE)[1]
    run_at(compiled, [0.1])
    known = list(compiled.kernel.run_steps.signatures)

    run_at(compiled, [0])

    assert compiled.kernel.run_steps.signatures == known
