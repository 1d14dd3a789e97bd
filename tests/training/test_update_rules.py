import inspect
import math

import pytest
import torch

from sknets.training import GRADIENT_SOLVERS, _update_rules
from sknets.training._solvers import SOLVERS
from sknets.training._update_rules import RULES

#: For each rule what is set for three networks, or for all where there is one value.
SETTINGS = {
    "adam": [
        {},
        {"betas": [(0.9, 0.999), (0.5, 0.99), (0.0, 0.9)]},
        {"eps": [1e-8, 1e-3, 0.1]},
        {"betas": [(0.8, 0.9)], "eps": [1e-4], "weight_decay": [0.3]},
        {"weight_decay": [0.0, 0.1, 0.5]},
        {"betas": [(0.9, 0.99), (0.9, 0.99), (0.5, 0.9)], "eps": [1e-8, 0.1, 1e-4], "weight_decay": [0.1, 0.0, 0.3]},
    ],
    "adamw": [
        {},
        {"weight_decay": [0.0]},
        {"weight_decay": [0.0, 0.1, 0.5]},
        {"betas": [(0.9, 0.999), (0.5, 0.99), (0.0, 0.9)], "eps": [1e-8, 0.1, 1e-4], "weight_decay": [0.1, 0.0, 0.3]},
    ],
    "adamax": [
        {},
        {"betas": [(0.8, 0.9)], "eps": [1e-4], "weight_decay": [0.3]},
        {"betas": [(0.9, 0.999), (0.5, 0.99), (0.0, 0.9)]},
        {"eps": [1e-8, 0.1, 1e-4], "weight_decay": [0.1, 0.0, 0.3]},
    ],
    "nadam": [
        {},
        {"betas": [(0.8, 0.9)], "eps": [1e-4], "weight_decay": [0.3], "momentum_decay": [0.1]},
        {"betas": [(0.9, 0.999), (0.5, 0.99), (0.0, 0.9)]},
        {"momentum_decay": [4e-3, 0.0, 0.2]},
        {"eps": [1e-8, 0.1, 1e-4], "weight_decay": [0.1, 0.0, 0.3], "momentum_decay": [4e-3, 0.0, 0.2]},
    ],
    "adadelta": [
        {},
        {"rho": [0.5], "eps": [1e-3], "weight_decay": [0.3]},
        {"rho": [0.9, 0.5, 0.99], "eps": [1e-6, 0.1, 1e-3], "weight_decay": [0.1, 0.0, 0.3]},
    ],
    "rmsprop": [
        {},
        {"alpha": [0.5], "eps": [1e-3], "weight_decay": [0.3], "momentum": [0.9], "centered": [True]},
        {"alpha": [0.99, 0.5, 0.9], "eps": [1e-8, 0.1, 1e-3], "weight_decay": [0.1, 0.0, 0.3]},
        {"momentum": [0.9, 0.0, 0.5]},
        {"alpha": [0.99, 0.5, 0.9], "centered": [True]},
    ],
    "sgd": [
        {},
        {"weight_decay": [0.0, 0.1, 0.5]},
        {"momentum": [0.9]},
        {"momentum": [0.9], "nesterov": [True], "weight_decay": [0.1]},
        {"momentum": [0.9], "nesterov": [True], "weight_decay": [0.0, 0.1, 0.5]},
        {"momentum": [0.9], "nesterov": [True, False, False]},
        {"momentum": [0.9, 0.5, 0.0]},
        {"momentum": [0.9, 0.5, 0.0], "nesterov": [True, False, False], "weight_decay": [0.1, 0.0, 0.3]},
    ],
}


def with_and_without_kernels(settings_of):
    """Return cases for the fixture, each of a fused rule's twice."""
    return [
        pytest.param((name, settings, is_fused), id=f"{name}-{settings}{'' if is_fused else '-unfused'}")
        for name in SETTINGS
        for settings in settings_of(name)
        for is_fused in ([True, False] if RULES[name].has_fused_kernel else [True])
    ]


ALL = with_and_without_kernels(lambda name: SETTINGS[name])
#: Each rule with arguments that all networks share, and with arguments of their own.
TWO_OF_EACH = with_and_without_kernels(lambda name: [SETTINGS[name][0], SETTINGS[name][-1]])

RATES = {
    "equal": lambda step: [0.02] * 3,
    "equal, changing": lambda step: [0.02 / (1 + step)] * 3,
    "own": lambda step: [0.02, 0.001, 0.1],
    "own, changing": lambda step: [0.02 / (1 + step), 0.001 * (step % 3), 0.1],
}
SHAPES = [(3, 2), (2, 3), (3,), (2,)]
N_WEIGHTS = 12


class Layout:
    """The segments of a stack's vector."""

    def __init__(self, n_networks, dtype):
        self.n_networks, self.dtype = n_networks, dtype
        self.n_decaying = n_networks * N_WEIGHTS

    def join(self, networks):
        """Return the vector of networks, each a list of tensors."""
        return torch.cat([torch.stack(tensors).reshape(-1) for tensors in zip(*networks, strict=True)])

    def cut(self, vector, network):
        """Return one network's tensors, as views."""
        segments = vector.split([self.n_networks * math.prod(shape) for shape in SHAPES])
        return [segment.view(self.n_networks, *shape)[network] for segment, shape in zip(segments, SHAPES, strict=True)]

    def spread(self, values):
        assert len(values) == self.n_networks
        if len(set(values)) == 1:
            return values[0]
        return self.join([[torch.full(shape, value, dtype=self.dtype) for shape in SHAPES] for value in values])


class Stack:
    """Networks in one vector beside the same ones apart, each with torch's optimizer."""

    def __init__(self, name, settings, n_networks, rng, dtype=torch.float64, decays_all=True):
        self.name, self.rng, self.n_steps = name, rng, 0
        self.members = [
            {argument: values[network % len(values)] for argument, values in settings.items()}
            for network in range(n_networks)
        ]
        self.layout = Layout(n_networks, dtype)
        starts = [[torch.from_numpy(rng.normal(size=shape)).to(dtype) for shape in SHAPES] for _ in self.members]
        self.apart = [[torch.nn.Parameter(tensor.clone()) for tensor in tensors] for tensors in starts]
        self.vector = self.layout.join(starts)
        self.gradient = torch.zeros_like(self.vector)
        self.optimizers = [
            SOLVERS[name].optimizer(self.group(parameters, member, decays_all), lr=1.0, **member)
            for parameters, member in zip(self.apart, self.members, strict=True)
        ]
        n_decaying = len(self.vector) if decays_all else self.layout.n_decaying
        self.rule = RULES[name](self.vector, self.gradient, n_decaying, self.members, self.layout.spread)

    def group(self, parameters, member, decays_all):
        others = {} if decays_all else {"weight_decay": 0.0}
        return [{"params": parameters[:2]}, {"params": parameters[2:], **others}]

    def step_apart(self, network, rate):
        for parameter in self.apart[network]:
            noise = torch.from_numpy(self.rng.normal(size=parameter.shape)).to(parameter.dtype)
            parameter.grad = 0.1 * parameter.detach() + noise
        for group in self.optimizers[network].param_groups:
            group["lr"] = rate
        self.optimizers[network].step()

    def run(self, n_steps, rates=RATES["own"]):
        """Take steps along the same gradients on both sides."""
        for _ in range(n_steps):
            now = rates(self.n_steps)[: self.layout.n_networks]
            for network, rate in enumerate(now):
                self.step_apart(network, rate)
            self.gradient.copy_(self.layout.join([[p.grad for p in parameters] for parameters in self.apart]))
            self.rule.step(now)
            self.n_steps += 1

    def give_state(self, network):
        """Put one network as it is apart, and its torch state, into the stack."""
        state = self.optimizers[network].state
        for place, parameter in zip(self.layout.cut(self.vector, network), self.apart[network], strict=True):
            place.copy_(parameter.detach())
        for name in self.rule.buffer_names(self.rule.members[network]):
            places = self.layout.cut(self.rule.buffers[name], network)
            for place, parameter in zip(places, self.apart[network], strict=True):
                place.copy_(state[parameter][name])
        self.rule.set_scalars(network, state[self.apart[network][0]])

    def take_state(self, network):
        """Return torch's state of one network's parameters, from the stack."""
        names = self.rule.buffer_names(self.rule.members[network])
        buffers = {name: self.layout.cut(self.rule.buffers[name], network) for name in names}
        return [
            {name: places[index].clone() for name, places in buffers.items()} | self.rule.scalars(network)
            for index in range(len(SHAPES))
        ]

    def compact(self, kept):
        old, self.layout = self.layout, Layout(len(kept), self.vector.dtype)

        def select(tensor):
            return self.layout.join([old.cut(tensor, network) for network in kept])

        self.vector, self.gradient = select(self.vector), select(self.gradient)
        self.apart = [self.apart[network] for network in kept]
        self.optimizers = [self.optimizers[network] for network in kept]
        self.rule.compact(kept, select, self.vector, self.gradient, len(self.vector), self.layout.spread)

    def check(self, rtol=1e-9, atol=1e-12):
        for network, parameters in enumerate(self.apart):
            for ours, torchs in zip(self.layout.cut(self.vector, network), parameters, strict=True):
                torch.testing.assert_close(ours, torchs.detach(), rtol=rtol, atol=atol)


@pytest.fixture
def case(request, monkeypatch):
    name, settings, is_fused = request.param
    if not is_fused:
        monkeypatch.setattr(_update_rules, "FUSED_DEVICES", ())
    return name, settings


def test_every_gradient_solver_has_a_rule():
    assert set(RULES) == set(GRADIENT_SOLVERS)


@pytest.mark.parametrize("name", RULES)
def test_defaults_are_those_of_torch(name):
    torchs = inspect.signature(SOLVERS[name].optimizer).parameters

    assert RULES[name].arguments == set(RULES[name].defaults)
    assert {argument: torchs[argument].default for argument in RULES[name].arguments} == RULES[name].defaults


@pytest.mark.parametrize("case", ALL, indirect=True)
@pytest.mark.parametrize(("n_networks", "rates"), [(1, "equal, changing"), *((3, name) for name in RATES)])
def test_networks_move_as_torch_moves_each(case, rates, n_networks, rng):
    stack = Stack(*case, n_networks, rng)

    stack.run(50, RATES[rates])

    stack.check()


@pytest.mark.parametrize("case", [case for case in ALL if case.values[0][0] == "adamw"], indirect=True)
@pytest.mark.parametrize("rates", ["equal", "own"])
def test_leading_elements_may_decay_alone(case, rates, rng):
    stack = Stack(*case, 3, rng, decays_all=False)

    stack.run(50, RATES[rates])

    stack.check()


@pytest.mark.parametrize("case", TWO_OF_EACH, indirect=True)
@pytest.mark.parametrize("rates", ["equal", "own"])
@pytest.mark.parametrize("steps_before", [(7, 7, 7), (7, 3, 12)])
def test_training_goes_on_from_torchs_state(case, rates, steps_before, rng):
    stack = Stack(*case, 3, rng)
    for network, n_steps in enumerate(steps_before):
        for _ in range(n_steps):
            stack.step_apart(network, 0.02)
        stack.give_state(network)

    stack.run(20, RATES[rates])

    stack.check()
    if stack.rule.keeps_step:
        assert stack.rule.n_steps == [n_steps + 20 for n_steps in steps_before]


def test_networks_of_other_histories_may_have_taken_equal_steps(rng):
    stack = Stack("nadam", {}, 3, rng)
    for network, momentum_decay in enumerate([0.004, 0.2, 0.0]):
        groups = stack.optimizers[network].param_groups
        for group in groups:
            group["momentum_decay"] = momentum_decay
        for _ in range(7):
            stack.step_apart(network, 0.02)
        for group in groups:
            group["momentum_decay"] = 0.004
        stack.give_state(network)

    stack.run(20)

    stack.check()


@pytest.mark.parametrize("name", SETTINGS)
def test_state_may_come_between_steps(name, rng):
    stack = Stack(name, SETTINGS[name][-1], 3, rng)
    stack.run(5)
    for _ in range(4):
        stack.step_apart(1, 0.02)

    stack.give_state(1)
    stack.run(20)

    stack.check()


@pytest.mark.parametrize("case", TWO_OF_EACH, indirect=True)
@pytest.mark.parametrize("rates", ["equal", "own"])
def test_torch_goes_on_from_the_stacks_state(case, rates, rng):
    stack = Stack(*case, 3, rng)
    stack.run(20, RATES[rates])

    for network, (parameters, optimizer) in enumerate(zip(stack.apart, stack.optimizers, strict=True)):
        state = stack.take_state(network)
        for parameter, of_parameter in zip(parameters, state, strict=True):
            torchs = optimizer.state[parameter]
            assert {key for key, value in torchs.items() if value is not None} == set(of_parameter)
            assert all(torchs[key].dtype == value.dtype for key, value in of_parameter.items())
            optimizer.state[parameter] = of_parameter
    stack.run(20, RATES[rates])

    stack.check()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_have_the_dtype_that_torch_gives_them(dtype, rng):
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        stack = Stack("nadam", {}, 1, rng)
        stack.run(3)
        numbers, torchs = stack.rule.scalars(0), stack.optimizers[0].state[stack.apart[0][0]]
    finally:
        torch.set_default_dtype(default)

    for name in ("step", "mu_product"):
        assert numbers[name].dtype == dtype
        assert torch.equal(numbers[name], torchs[name])


@pytest.mark.parametrize("case", TWO_OF_EACH, indirect=True)
@pytest.mark.parametrize("kept", [[0, 2], [1], [2, 0]], ids=str)
def test_networks_that_stay_go_on_as_before(case, kept, rng):
    stack = Stack(*case, 3, rng)
    stack.run(20)

    stack.compact(kept)
    stack.run(30, lambda step: [[0.02, 0.001, 0.1][network] for network in kept])

    stack.check()


@pytest.mark.parametrize("case", TWO_OF_EACH, indirect=True)
def test_networks_that_stay_keep_count_of_their_steps(case, rng):
    stack = Stack(*case, 3, rng)
    for network, n_steps in enumerate((7, 3, 12)):
        for _ in range(n_steps):
            stack.step_apart(network, 0.02)
        stack.give_state(network)
    stack.run(5)

    stack.compact([2, 1])
    stack.run(20)

    stack.check()


def test_a_buffer_that_no_network_left_needs_is_gone(rng):
    stack = Stack("sgd", {"momentum": [0.9, 0.0, 0.0]}, 3, rng)
    stack.run(5)

    stack.compact([1, 2])
    stack.run(5)

    assert stack.rule.buffers == {}
    stack.check()


@pytest.mark.parametrize("case", TWO_OF_EACH, indirect=True)
@pytest.mark.parametrize("rates", ["equal", "own"])
def test_single_precision_agrees_with_torch(case, rates, rng):
    stack = Stack(*case, 3, rng, dtype=torch.float32)

    stack.run(50, RATES[rates])

    stack.check(rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", TWO_OF_EACH, indirect=True)
@pytest.mark.parametrize("rates", [[0.0, 0.0, 0.0], [0.1, 0.0, 0.2]], ids=str)
def test_a_network_of_rate_0_stays(case, rates, rng):
    stack = Stack(*case, 3, rng)
    before = [tensor.clone() for tensor in stack.layout.cut(stack.vector, 1)]

    stack.run(5, lambda step: rates)

    for tensor, start in zip(stack.layout.cut(stack.vector, 1), before, strict=True):
        assert torch.equal(tensor, start)


@pytest.mark.parametrize("case", TWO_OF_EACH, indirect=True)
@pytest.mark.parametrize("trouble", [math.nan, math.inf])
def test_a_network_that_diverges_leaves_the_others(case, trouble, rng):
    stack = Stack(*case, 3, rng)
    stack.run(5)

    for place in stack.layout.cut(stack.vector, 1):
        place.fill_(trouble)
    for parameter in stack.apart[1]:
        parameter.data.fill_(trouble)
    stack.run(10)
    stack.compact([0, 2])

    stack.check()


@pytest.mark.parametrize("case", TWO_OF_EACH, indirect=True)
def test_the_gradient_is_only_read(case, rng):
    stack = Stack(*case, 3, rng)
    stack.run(3)
    before = stack.gradient.clone()

    stack.rule.step([0.1, 0.2, 0.3])

    assert torch.equal(stack.gradient, before)
