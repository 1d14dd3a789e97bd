"""Logistic regression on MNIST and Fashion-MNIST: time and objective at scikit-learn's number of iterations."""

from statistics import median
from typing import Any

import numpy as np
import sklearn.linear_model
from scipy.special import logsumexp

import sknets
from benchmarks.images import are_available, load_rows
from benchmarks.page import table, within
from benchmarks.timing import THREADS, alternate, paired_ratio

TITLE = "Logistic regression on images"
N_RUNS = 3
C = 1.0


def cases(is_quick: bool) -> list[dict[str, Any]]:
    if not are_available():
        return []
    if is_quick:
        return [{"data": "fashion_mnist", "n_rows": 2_000, "max_iter": 20, "threads": 1, "n_runs": 1}]
    return [
        {"data": data, "n_rows": 60_000, "max_iter": 100, "threads": threads, "n_runs": N_RUNS}
        for data in ("mnist", "fashion_mnist")
        for threads in THREADS
    ]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    X, y = (part[: case["n_rows"]] for part in load_rows(case["data"], "train"))
    parameters = {"C": C, "max_iter": case["max_iter"]}
    contenders = {
        "sknets": lambda: sknets.LogisticRegression(**parameters, device="cpu").fit(X, y),
        "scikit-learn": lambda: sklearn.linear_model.LogisticRegression(**parameters).fit(X, y),
    }
    seconds, fitted = alternate(contenders, case["n_runs"])
    return {
        "seconds": seconds,
        "objective": {name: compute_objective(model, X, y) for name, model in fitted.items()},
        "iterations": {name: int(model.n_iter_[0]) for name, model in fitted.items()},
    }


def compute_objective(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Return the mean cross-entropy plus ``||w||^2 / (2 C n)``, in float64 and by the same code for everyone."""
    coef, intercept = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    columns = np.searchsorted(model.classes_, y)
    total = 0.0
    for start in range(0, len(X), 10_000):
        scores = X[start : start + 10_000].astype(np.float64) @ coef.T + intercept
        right = np.take_along_axis(scores, columns[start : start + 10_000, None], axis=1)[:, 0]
        total += float((logsumexp(scores, axis=1) - right).sum())
    return total / len(X) + float((coef**2).sum()) / (2 * C * len(X))


INTRODUCTION = """\
Rows of 784 pixels in [0, 1], float32; default solver (L-BFGS), `C=1` and the same `max_iter` on both sides. The
objective is recomputed from the coefficients in float64, by one function for both: mean cross-entropy plus
`||w||^2 / (2 C n)`. Ratios are sknets to scikit-learn."""


def section(results: list[dict[str, Any]]) -> str:
    header = ["data", "threads", "", "seconds", "iterations", "objective", "time ratio", "objective ratio"]
    return "\n\n".join(
        [
            INTRODUCTION,
            f"Median of {results[0]['n_runs']} runs, `max_iter={results[0]['max_iter']}`:",
            table(header, [row for case in results for row in _rows(case)]),
        ]
    )


def _rows(case: dict[str, Any]) -> list[list[Any]]:
    objective = case["objective"]
    ratios = [
        within(paired_ratio(case["seconds"], "sknets", "scikit-learn"), 1.0),
        within(objective["sknets"] / objective["scikit-learn"], 1.01, digits=4),
    ]
    return [
        [
            f"{case['data']} {case['n_rows']} x 784" if name == "sknets" else "",
            case["threads"] if name == "sknets" else "",
            name,
            f"{median(case['seconds'][name]):.2f}",
            case["iterations"][name],
            f"{objective[name]:.5f}",
            *(ratios if name == "sknets" else ["", ""]),
        ]
        for name in ("sknets", "scikit-learn")
    ]
