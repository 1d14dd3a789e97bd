"""Several convolutional networks one by one, as one grouped convolution, and under torch.func.vmap."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn import functional

from benchmarks.page import table
from benchmarks.timing import alternate, paired_ratio

TITLE = "Several convolutional networks at once"
N_RUNS = 5
SIZES = (2, 8)
HIDDEN = 128
N_CLASSES = 10
LEARNING_RATE = 3e-3
#: A stack below this is not worth its code.
MIN_GAIN = 1.1

Step = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Shape:
    """Square grey images, and filters of two convolutions."""

    side: int
    channels: tuple[int, int]
    n_steps: int

    @property
    def n_flat(self) -> int:
        return self.channels[1] * (self.side // 4) ** 2

    def step_flops(self, batch_size: int) -> float:
        """Floating-point operations of a step: forward, and backward for weights and for inputs."""
        first, second = self.channels
        convolutions = 9 * (self.side**2 * first + (self.side // 2) ** 2 * first * second)
        return 6.0 * (convolutions + HIDDEN * (self.n_flat + N_CLASSES)) * batch_size

    def __str__(self) -> str:
        return f"{self.side} x {self.side}, channels {self.channels}"


SHAPES_IN_ORDER = [
    Shape(8, (8, 16), n_steps=20),
    Shape(28, (8, 16), n_steps=4),
    Shape(28, (32, 64), n_steps=1),
]
SHAPES = {str(shape): shape for shape in SHAPES_IN_ORDER}


def cases(is_quick: bool) -> list[dict[str, Any]]:
    if is_quick:
        return [{"shape": str(SHAPES_IN_ORDER[0]), "size": 2, "batch_size": 16, "threads": 1, "n_runs": 2}]
    return [
        {"shape": name, "size": size, "batch_size": batch_size, "threads": 1, "n_runs": N_RUNS}
        for name in SHAPES
        for size in SIZES
        for batch_size in (16, 64)
    ]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    shape = SHAPES[case["shape"]]
    images = torch.randint(0, 256, (case["size"], case["batch_size"], 1, shape.side, shape.side)) / 128 - 1
    targets = torch.randint(0, N_CLASSES, (case["size"], case["batch_size"]))
    networks = [make_network(shape) for _ in range(case["size"])]
    steps = {name: make(networks, images, targets, shape) for name, make in CONTENDERS.items()}
    check_that_losses_agree(steps)
    contenders = {name: lambda step=step: [step() for _ in range(shape.n_steps)] for name, step in steps.items()}
    seconds, _ = alternate(contenders, case["n_runs"])
    return {"seconds": seconds}


def check_that_losses_agree(steps: dict[str, Step]) -> None:
    """Take three steps with each contender: the losses show that all compute, and update, the same."""
    losses = {name: [step() for _ in range(3)] for name, step in steps.items()}
    expected = torch.stack(losses["one by one"])
    for name, values in losses.items():
        torch.testing.assert_close(
            torch.stack(values), expected, rtol=1e-2, atol=1e-3, msg=lambda m, n=name: f"{n}: {m}"
        )


def make_network(shape: Shape) -> nn.Sequential:
    """Return the layers of ``CNNClassifier``; its running statistics are left out, which vmap could not update."""
    first, second = shape.channels
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1),
        nn.BatchNorm2d(first, track_running_stats=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1),
        nn.BatchNorm2d(second, track_running_stats=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(shape.n_flat, HIDDEN),
        nn.BatchNorm1d(HIDDEN, track_running_stats=False),
        nn.ReLU(),
        nn.Linear(HIDDEN, N_CLASSES),
    )


# ---------------------------------------------------------------------------------------------------------------------
# Contenders: each takes copies of the networks and returns a function that does one step of all and gives their losses
# ---------------------------------------------------------------------------------------------------------------------


def one_by_one(networks: list[nn.Sequential], images: torch.Tensor, targets: torch.Tensor, shape: Shape) -> Step:
    return _one_by_one(networks, images, targets, shape, torch.contiguous_format)


def one_by_one_channels_last(
    networks: list[nn.Sequential], images: torch.Tensor, targets: torch.Tensor, shape: Shape
) -> Step:
    return _one_by_one(networks, images, targets, shape, torch.channels_last)


def _one_by_one(
    networks: list[nn.Sequential], images: torch.Tensor, targets: torch.Tensor, shape: Shape, order: torch.memory_format
) -> Step:
    copies = [_copy(network, shape).to(memory_format=order) for network in networks]
    optimizers = [_make_optimizer(list(copy.parameters())) for copy in copies]
    batches = [batch.to(memory_format=order) for batch in images]

    def step() -> torch.Tensor:
        losses = []
        for network, optimizer, batch, labels in zip(copies, optimizers, batches, targets, strict=True):
            loss = functional.cross_entropy(network(batch), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses)

    return step


def grouped(networks: list[nn.Sequential], images: torch.Tensor, targets: torch.Tensor, shape: Shape) -> Step:
    return _grouped(networks, images, targets, torch.contiguous_format)


def grouped_channels_last(
    networks: list[nn.Sequential], images: torch.Tensor, targets: torch.Tensor, shape: Shape
) -> Step:
    return _grouped(networks, images, targets, torch.channels_last)


def _grouped(
    networks: list[nn.Sequential], images: torch.Tensor, targets: torch.Tensor, order: torch.memory_format
) -> Step:
    network = GroupedNetwork(networks).to(memory_format=order)
    optimizer = _make_optimizer(list(network.parameters()))
    size, n = targets.shape
    # Maps of all networks lie side by side as channels.
    side_by_side = images.transpose(0, 1).flatten(1, 2).to(memory_format=order)  # (n, k * 1, side, side)

    def step() -> torch.Tensor:
        logits = network(side_by_side)  # (k, n, classes)
        losses = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        means = losses.view(size, n).mean(1)
        optimizer.zero_grad()
        means.sum().backward()
        optimizer.step()
        return means.detach()

    return step


class GroupedNetwork(nn.Module):
    """All networks as one: convolutions with a group for each, and batched matrix products."""

    def __init__(self, networks: list[nn.Sequential]) -> None:
        super().__init__()
        self.size = len(networks)
        layers = list(zip(*networks, strict=True))
        self.maps = nn.Sequential(
            *(self._join_convolutions(layers[0]), self._join_norms(layers[1]), nn.ReLU(), nn.MaxPool2d(2)),
            *(self._join_convolutions(layers[4]), self._join_norms(layers[5]), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.weights = nn.ParameterList(_stack(layers[k], "weight").transpose(1, 2).contiguous() for k in (9, 12))
        self.biases = nn.ParameterList(_stack(layers[k], "bias")[:, None] for k in (9, 12))
        self.norm = self._join_norms(layers[10])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.maps(images)  # (n, k * channels, height, width)
        n = len(maps)
        rows = maps.unflatten(1, (self.size, -1)).flatten(2).transpose(0, 1)  # (k, n, channels * height * width)
        hidden = torch.baddbmm(self.biases[0], rows, self.weights[0])
        together = hidden.transpose(0, 1).reshape(n, -1)  # (n, k * units)
        hidden = self.norm(together).relu().view(n, self.size, -1).transpose(0, 1)
        return torch.baddbmm(self.biases[1], hidden, self.weights[1])

    def _join_convolutions(self, layers: tuple[Any, ...]) -> nn.Conv2d:
        one = layers[0]
        joint = nn.Conv2d(
            self.size * one.in_channels, self.size * one.out_channels, one.kernel_size, padding=1, groups=self.size
        )
        return self._load(joint, layers)

    def _join_norms(self, layers: tuple[Any, ...]) -> Any:
        joint = type(layers[0])(self.size * layers[0].num_features, track_running_stats=False)
        return self._load(joint, layers)

    def _load(self, joint: Any, layers: tuple[Any, ...]) -> Any:
        joint.load_state_dict({name: _stack(layers, name).flatten(0, 1) for name in ("weight", "bias")})
        return joint


def vmapped(networks: list[nn.Sequential], images: torch.Tensor, targets: torch.Tensor, shape: Shape) -> Step:
    # torch annotates a list of Module, and a list of a subclass is none to mypy.
    parameters, _ = stack_module_state([_copy(network, shape) for network in networks])  # type: ignore[arg-type]
    optimizer = _make_optimizer(list(parameters.values()))
    skeleton = make_network(shape).to("meta")

    def compute_loss(weights: dict[str, torch.Tensor], batch: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(functional_call(skeleton, weights, (batch,)), labels)

    compute_all = vmap(grad_and_value(compute_loss))

    def step() -> torch.Tensor:
        gradients, losses = compute_all(
            {name: parameter.detach() for name, parameter in parameters.items()}, images, targets
        )
        for name, parameter in parameters.items():
            parameter.grad = gradients[name]
        optimizer.step()
        return losses

    return step


CONTENDERS = {
    "one by one": one_by_one,
    "one by one, channels last": one_by_one_channels_last,
    "grouped": grouped,
    "grouped, channels last": grouped_channels_last,
    "vmap": vmapped,
}
ALONE = [name for name in CONTENDERS if name.startswith("one by one")]
TOGETHER = [name for name in CONTENDERS if name not in ALONE]


def _copy(network: nn.Sequential, shape: Shape) -> nn.Sequential:
    copy = make_network(shape)
    copy.load_state_dict(network.state_dict())
    return copy


def _make_optimizer(parameters: list[torch.Tensor]) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)


def _stack(layers: tuple[Any, ...], name: str) -> torch.Tensor:
    return torch.stack([getattr(layer, name).detach() for layer in layers])


# ---------------------------------------------------------------------------------------------------------------------
# The page
# ---------------------------------------------------------------------------------------------------------------------


def section(results: list[dict[str, Any]]) -> str:
    header = ["images, network", "batch", "Mflop", "networks", *CONTENDERS, "gain of the best stack"]
    return (
        "The layers of `CNNClassifier`, batch normalization included, float32, one thread: microseconds for a step "
        "(forward, backward, fused Adam) of one network, where so many are trained one after the other by a plain "
        "torch loop, as one network whose convolutions have a group for each, or by `torch.func.vmap` over stacked "
        f"parameters. Median of {results[0]['n_runs']} alternating runs. Mflop: millions of floating-point operations "
        "in a step of one network. The gain is the median of the ratios of "
        "paired runs, the faster loop to the fastest stack.\n\n"
        + table(header, [_row(case) for case in results])
        + "\n\n"
        + _conclude(results)
    )


def _row(case: dict[str, Any]) -> list[Any]:
    n_network_steps = SHAPES[case["shape"]].n_steps * case["size"]
    times = [f"{1e6 * median(case['seconds'][name]) / n_network_steps:.0f}" for name in CONTENDERS]
    shape, batch_size = case["shape"], case["batch_size"]
    millions = f"{SHAPES[shape].step_flops(batch_size) / 1e6:.0f}"
    gain = f"{_gain(case):.2f} ({_fastest(case, TOGETHER)})"
    return [shape, batch_size, millions, case["size"], *times, gain]


def _gain(case: dict[str, Any]) -> float:
    return paired_ratio(case["seconds"], _fastest(case, ALONE), _fastest(case, TOGETHER))


def _fastest(case: dict[str, Any], names: list[str]) -> str:
    return min(names, key=lambda name: median(case["seconds"][name]))


def _conclude(results: list[dict[str, Any]]) -> str:
    worth_it = [case for case in results if _gain(case) >= MIN_GAIN]
    if not worth_it:
        return f"No stack gains a factor of {MIN_GAIN}: convolutional networks are trained one by one."
    where = "; ".join(f"{case['size']} of {case['shape']}, batch {case['batch_size']}" for case in worth_it)
    return f"A stack gains a factor of {MIN_GAIN} or more for {len(worth_it)} of {len(results)} rows: {where}."
