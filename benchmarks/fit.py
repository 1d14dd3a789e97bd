"""Whole fits of a perceptron with one hidden layer: sknets, a plain torch loop, skorch and scikit-learn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import sklearn.neural_network
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional

import sknets
from benchmarks.blobs import make_blobs
from benchmarks.page import table, within
from benchmarks.timing import THREADS, alternate, paired_ratio

TITLE = "Fitting a perceptron"
LEARNING_RATE = 1e-3
N_RUNS = 7

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Shape:
    """A data set, a network with one hidden layer and a schedule.

    ``bounds`` says how many times another contender's time sknets may take at most, by number of threads.
    """

    name: str
    n_rows: int
    n_features: int
    n_hidden: int
    n_classes: int
    batch_size: int
    n_epochs: int
    bounds: dict[int, dict[str, float]] = field(default_factory=dict)

    @property
    def n_steps(self) -> int:
        return self.n_epochs * -(-self.n_rows // self.batch_size)

    def __str__(self) -> str:
        network = f"{self.n_features}-{self.n_hidden}-{self.n_classes}"
        return f"{self.name} {self.n_rows} x {network}, batch {self.batch_size}"


SHAPES_IN_ORDER = [
    Shape(
        *("digits", 1_797, 64, 100, 10),
        batch_size=200,
        n_epochs=40,
        bounds={1: {"torch": 0.55, "scikit-learn": 0.55}, 2: {"torch": 1.15}},
    ),
    Shape(
        *("blobs", 10_000, 20, 100, 2),
        batch_size=32,
        n_epochs=3,
        bounds={1: {"torch": 0.35, "scikit-learn": 0.4}, 2: {"torch": 1.1}},
    ),
    Shape(
        *("blobs", 10_000, 20, 100, 2),
        batch_size=128,
        n_epochs=8,
        bounds={threads: {"torch": 1.1, "skorch": 0.4} for threads in THREADS},
    ),
    Shape(
        *("blobs", 10_000, 20, 100, 2),
        batch_size=200,
        n_epochs=10,
        bounds={1: {"torch": 0.45, "scikit-learn": 0.45}},
    ),
    Shape(
        *("blobs", 10_000, 20, 100, 2),
        batch_size=1024,
        n_epochs=20,
        bounds={threads: {"torch": 1.1, "scikit-learn": 1.0} for threads in THREADS},
    ),
    Shape(
        *("blobs", 20_000, 784, 256, 10),
        batch_size=128,
        n_epochs=2,
        bounds={1: {"torch": 0.95, "skorch": 0.4, "scikit-learn": 0.6}, 2: {"torch": 1.1, "skorch": 0.4}},
    ),
]
SHAPES = {str(shape): shape for shape in SHAPES_IN_ORDER}


def cases(is_quick: bool) -> list[dict[str, Any]]:
    if is_quick:
        return [{"shape": name, "dtype": "float32", "threads": 1, "n_runs": 2} for name in list(SHAPES)[:2]]
    return [
        {"shape": name, "dtype": dtype, "threads": threads, "n_runs": N_RUNS}
        for name in SHAPES
        for dtype in ("float32", "float64")
        for threads in THREADS
    ]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    shape = SHAPES[case["shape"]]
    X, y = make_rows(shape, case["dtype"])
    contenders = {name: lambda fit=fit: fit(X, y, shape) for name, fit in CONTENDERS.items()}
    seconds, predictors = alternate(contenders, case["n_runs"])
    accuracies = {name: float((predict(X) == y).mean()) for name, predict in predictors.items()}
    # Same data, same steps: a contender that learns less than the others does not do the same work.
    assert min(accuracies.values()) > 0.8 * max(accuracies.values()), accuracies
    return {"seconds": seconds, "training_accuracy": accuracies}


def make_rows(shape: Shape, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    if shape.name == "digits":
        X, y = load_digits(return_X_y=True)
        return (X / 16).astype(dtype), y
    return make_blobs(shape.n_rows, shape.n_features, shape.n_classes, dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Contenders: each fits from scratch and returns a function that predicts
# ---------------------------------------------------------------------------------------------------------------------


def fit_sknets(X: np.ndarray, y: np.ndarray, shape: Shape) -> Predict:
    return sknets.MLPClassifier(**_sklearn_parameters(shape), device="cpu").fit(X, y).predict


def fit_sklearn(X: np.ndarray, y: np.ndarray, shape: Shape) -> Predict:
    return sklearn.neural_network.MLPClassifier(**_sklearn_parameters(shape)).fit(X, y).predict


def fit_torch(X: np.ndarray, y: np.ndarray, shape: Shape) -> Predict:
    """Train as an expert would write it for one data set in memory."""
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    module = _make_module(shape, inputs.dtype)
    optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, fused=True)
    for _ in range(shape.n_epochs):
        for rows in torch.randperm(len(inputs)).split(shape.batch_size):
            loss = functional.cross_entropy(module(inputs.index_select(0, rows)), targets.index_select(0, rows))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return lambda X: module(torch.from_numpy(X)).argmax(1).numpy()


def fit_skorch(X: np.ndarray, y: np.ndarray, shape: Shape) -> Predict:
    net = NeuralNetClassifier(
        _make_module(shape, torch.from_numpy(X).dtype),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        batch_size=shape.batch_size,
        max_epochs=shape.n_epochs,
        iterator_train__shuffle=True,
        train_split=None,  # by default it would hold a fifth of the rows out and score them
        verbose=0,
    )
    return net.fit(X, y).predict


CONTENDERS = {"sknets": fit_sknets, "torch": fit_torch, "skorch": fit_skorch, "scikit-learn": fit_sklearn}


def _sklearn_parameters(shape: Shape) -> dict[str, Any]:
    return {
        "hidden_layer_sizes": (shape.n_hidden,),
        "batch_size": shape.batch_size,
        "learning_rate_init": LEARNING_RATE,
        "max_iter": shape.n_epochs,
        "tol": 0.0,
        "n_iter_no_change": np.inf,
        "random_state": 0,
    }


def _make_module(shape: Shape, dtype: torch.dtype) -> nn.Module:
    return nn.Sequential(
        nn.Linear(shape.n_features, shape.n_hidden, dtype=dtype),
        nn.ReLU(),
        nn.Linear(shape.n_hidden, shape.n_classes, dtype=dtype),
    )


# ---------------------------------------------------------------------------------------------------------------------
# The page
# ---------------------------------------------------------------------------------------------------------------------

INTRODUCTION = """\
The same epochs, batch size, Adam step and hidden ReLU layer for all four; no early stopping, no validation rows.
The torch loop is what an expert writes for data in memory: shuffled rows picked by `index_select`, `cross_entropy`,
fused Adam, no penalty. skorch runs at its defaults but for `train_split=None`. sknets and scikit-learn run at their
defaults, L2 penalty and loss curve included. A ratio below 1 means that sknets is faster; bounds are what the project
has set itself."""


def section(results: list[dict[str, Any]]) -> str:
    times = [[*_labels(case), *(_time(case, name) for name in CONTENDERS)] for case in results]
    others = [name for name in CONTENDERS if name != "sknets"]
    ratios = [[*_labels(case), *(_ratio(case, other) for other in others)] for case in results]
    keys = ["data, network, batch", "numbers", "threads"]
    return "\n\n".join(
        [
            INTRODUCTION,
            f"Milliseconds a fit (microseconds a step), median of {results[0]['n_runs']} runs:",
            table([*keys, *CONTENDERS], times),
            "Ratio of times, sknets to the others, median of the ratios of paired runs:",
            table([*keys, *(f"to {other}" for other in others)], ratios),
        ]
    )


def _labels(case: dict[str, Any]) -> list[Any]:
    return [case["shape"], case["dtype"], case["threads"]]


def _time(case: dict[str, Any], name: str) -> str:
    seconds = median(case["seconds"][name])
    return f"{1e3 * seconds:.0f} ({1e6 * seconds / SHAPES[case['shape']].n_steps:.0f})"


def _ratio(case: dict[str, Any], other: str) -> str:
    ratio = paired_ratio(case["seconds"], "sknets", other)
    bounds = SHAPES[case["shape"]].bounds.get(case["threads"], {})
    return within(ratio, bounds.get(other))
