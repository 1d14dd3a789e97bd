"""What training reaches: gradient descent on the thermometer, a perceptron on Fashion-MNIST."""

import time
from statistics import mean, median
from typing import Any

import numpy as np
import sklearn.neural_network

import sknets
from benchmarks.images import are_available, load_rows
from benchmarks.page import table
from benchmarks.timing import THREADS

TITLE = "What training reaches"
THERMOMETER = {"weight": 5.367, "bias": -17.301, "loss": 2.928}
NETWORK = {"hidden_layer_sizes": (256,), "batch_size": 128, "tol": 0.0, "n_iter_no_change": np.inf}


def cases(is_quick: bool) -> list[dict[str, Any]]:
    thermometer = {"what": "thermometer", "threads": 1, "n_epochs": 5_000}
    if not are_available():
        return [thermometer]
    seeds, n_rows, n_epochs = ([0], 2_000, 2) if is_quick else ([0, 1, 2], 60_000, 15)
    images = {"what": "fashion_mnist", "threads": max(THREADS), "seeds": seeds, "n_rows": n_rows, "n_epochs": n_epochs}
    return [thermometer, images]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    return MEASUREMENTS[case["what"]](case)


def measure_thermometer(case: dict[str, Any]) -> dict[str, Any]:
    X, y = sknets.datasets.load_thermometer(return_X_y=True)
    X = 0.1 * X
    descent = sknets.LinearRegression(
        solver="sgd",
        learning_rate_init=1e-2,
        momentum=0.0,
        max_iter=case["n_epochs"],
        tol=0.0,
        n_iter_no_change=np.inf,
        device="cpu",
    )
    start = time.perf_counter()
    descent.fit(X, y)
    seconds = time.perf_counter() - start
    exact = sknets.LinearRegression(device="cpu").fit(X, y)
    reached = {"gradient descent": _describe_line(descent, X, y), "closed form": _describe_line(exact, X, y)}
    return {"seconds": seconds, "epochs": descent.n_iter_, "reached": reached}


def measure_fashion_mnist(case: dict[str, Any]) -> dict[str, Any]:
    X, y = (part[: case["n_rows"]] for part in load_rows("fashion_mnist", "train"))
    X_test, y_test = load_rows("fashion_mnist", "test")
    results: dict[str, Any] = {name: {"seconds": [], "accuracy": []} for name in CLASSIFIERS}
    for seed in case["seeds"]:
        for name, make in CLASSIFIERS.items():
            make(max_iter=1, random_state=seed).fit(X[:1_000], y[:1_000])
            model = make(max_iter=case["n_epochs"], random_state=seed)
            start = time.perf_counter()
            model.fit(X, y)
            results[name]["seconds"].append(time.perf_counter() - start)
            results[name]["accuracy"].append(model.score(X_test, y_test))
    return {"results": results}


CLASSIFIERS = {
    "sknets": lambda **parameters: sknets.MLPClassifier(**NETWORK, device="cpu", **parameters),
    "scikit-learn": lambda **parameters: sklearn.neural_network.MLPClassifier(**NETWORK, **parameters),
}
MEASUREMENTS = {"thermometer": measure_thermometer, "fashion_mnist": measure_fashion_mnist}


def _describe_line(model: Any, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    loss = float(((model.predict(X) - y) ** 2).mean())
    return {"weight": float(model.coef_[0]), "bias": float(model.intercept_), "loss": loss}


def section(results: list[dict[str, Any]]) -> str:
    parts = [SECTIONS[case["what"]](case) for case in results]
    if len(parts) < len(SECTIONS):
        parts.append("Fashion-MNIST was not measured: `SKNETS_DATA` was not set.")
    return "\n\n".join(parts)


def _thermometer_section(case: dict[str, Any]) -> str:
    rows = [["expected", *THERMOMETER.values(), ""]]
    for name, line in case["reached"].items():
        worst = max(abs(line[key] / expected - 1) for key, expected in THERMOMETER.items())
        verdict = f"{worst:.3%}, {'met' if worst <= 0.01 else '**missed**'}"
        rows.append([name, *(f"{line[key]:.3f}" for key in THERMOMETER), verdict])
    return (
        f"The eleven readings of `load_thermometer`, inputs times 0.1: {case['epochs']} full-batch steps of gradient "
        f"descent at rate 0.01 ({case['seconds']:.2f} s, one run), and the closed form. Each figure is to be within "
        f"1 % of the expected one.\n\n{table(['', *THERMOMETER, 'largest deviation'], rows)}"
    )


def _fashion_mnist_section(case: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{median(result['seconds']):.1f}",
            f"{100 * mean(result['accuracy']):.2f}",
            f"{100 * min(result['accuracy']):.2f} to {100 * max(result['accuracy']):.2f}",
        ]
        for name, result in case["results"].items()
    ]
    return (
        f"Fashion-MNIST, {case['n_rows']} training rows of 784 pixels in [0, 1], float32; `MLPClassifier((256,), "
        f"batch_size=128)`, {case['n_epochs']} epochs, {case['threads']} threads, {len(case['seeds'])} seeds. For "
        "context, not a record: one hidden layer knows nothing of neighbouring pixels.\n\n"
        + table(["", "seconds (median)", "test accuracy, % (mean)", "range"], rows)
    )


SECTIONS = {"thermometer": _thermometer_section, "fashion_mnist": _fashion_mnist_section}
