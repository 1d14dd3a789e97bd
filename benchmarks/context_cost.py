"""What entering the context costs where it gains nothing: paired runs inside and outside over many shapes."""

import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

import sknets
from benchmarks.blobs import make_blobs
from benchmarks.many_fits import describe, fit_inside, fit_outside, make_network
from benchmarks.page import table, within
from benchmarks.timing import alternate, paired_ratio

TITLE = "The cost of entering the context"
MAX_RATIO = 1.05
N_THREADS = 2
#: Seconds of measuring for each row of the table, and least and most runs.
SECONDS = 2.0
MIN_RUNS, MAX_RUNS = 5, 41

#: Rows, features, classes, hidden layers, batch size, epochs, and numbers of fits.
DENSE = [
    (50, 4, 2, [], 8, 10, [5]),
    (50, 4, 2, [4], 8, 10, [2, 20]),
    (150, 4, 3, [16], 32, 20, [2, 5]),
    (500, 30, 2, [64], 32, 5, [2, 20]),
    (500, 30, 2, [64, 64], 200, 10, [5]),
    (1_000, 20, 2, [100], 64, 5, [5]),
    (1_000, 300, 10, [32], 32, 2, [2, 20]),
    (1_000, 20, 5, [128, 128, 128], 64, 2, [2, 20]),
    (2_000, 50, 10, [128, 128], 100, 2, [2, 20]),
    (2_000, 50, 10, [256], 100, 2, [2, 5, 20]),
    (2_000, 50, 10, [256, 256], 200, 1, [5]),
    (2_000, 100, 10, [1024], 128, 1, [2, 5]),
    (1_000, 50, 10, [1024, 1024], 256, 1, [5]),
    (1_000, 50, 10, [1024, 1024], 256, 10, [5]),
    (5_000, 20, 2, [], 500, 5, [20]),
    (5_000, 20, 2, [32], 500, 5, [2, 20]),
    (5_000, 20, 2, [64, 64], 8, 1, [2, 5]),
    (5_000, 100, 10, [512], 500, 1, [5]),
    (5_000, 100, 10, [512], 500, 10, [5]),
]
#: Of these also with n_jobs=2.
DENSE_IN_PROCESSES = [(500, 30, 2, [64], 32, 5, [20]), (2_000, 50, 10, [256, 256], 200, 2, [5, 20])]
OTHERS = [("CNN", [2, 5]), ("L-BFGS", [5, 20]), ("forest", [5, 20])]


def cases(is_quick: bool) -> list[dict[str, Any]]:
    dense = _list_dense(DENSE, None) + _list_dense(DENSE_IN_PROCESSES, 2)
    others = [
        {"what": what, "n_fits": n_fits, "n_jobs": n_jobs}
        for n_jobs in (None, 2)
        for what, numbers in OTHERS
        for n_fits in numbers
    ]
    common = {"threads": N_THREADS, "seconds_to_take": 0.5 if is_quick else SECONDS}
    chosen = [dense[1], dense[-1], others[2], others[4]] if is_quick else dense + others
    return [{**case, **common} for case in chosen]


def _list_dense(shapes: list[tuple[Any, ...]], n_jobs: int | None) -> list[dict[str, Any]]:
    names = ("n_rows", "n_features", "n_classes", "hidden", "batch_size", "n_epochs")
    return [
        {"what": "dense", **dict(zip(names, values, strict=True)), "n_fits": n_fits, "n_jobs": n_jobs}
        for *values, numbers in shapes
        for n_fits in numbers
    ]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    estimator, X, y = ESTIMATORS[case["what"]](case)
    arguments = (estimator, case["n_fits"], X, y, case["n_jobs"])
    contenders: dict[str, Callable[[], Any]] = {
        "outside": lambda: fit_outside(*arguments),
        "inside": lambda: fit_inside(*arguments),
    }
    alternate(contenders, 0)
    start = time.perf_counter()
    _, results = alternate(contenders, 0)
    n_runs = int(case["seconds_to_take"] / (time.perf_counter() - start))
    seconds, _ = alternate(contenders, min(max(n_runs, MIN_RUNS), MAX_RUNS), warm_up=False)
    return {"seconds": seconds, "trained": describe(results["inside"])}


def make_dense(case: dict[str, Any]) -> tuple[Any, np.ndarray, np.ndarray]:
    X, y = make_blobs(case["n_rows"], case["n_features"], case["n_classes"], "float32")
    return make_network(case["hidden"], case["batch_size"], case["n_epochs"]), X, y


def make_convolutional(case: dict[str, Any]) -> tuple[Any, np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8).astype(np.uint8)[:500]
    network = sknets.CNNClassifier(channels=(8, 16), max_iter=2, random_state=0, device="cpu")
    return network, images, y[:500]


def make_full_batch(case: dict[str, Any]) -> tuple[Any, np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return sknets.LogisticRegression(max_iter=30, device="cpu"), (X / 16).astype(np.float32), y


def make_forest(case: dict[str, Any]) -> tuple[Any, np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return RandomForestClassifier(20, random_state=0), X, y


ESTIMATORS = {"dense": make_dense, "CNN": make_convolutional, "L-BFGS": make_full_batch, "forest": make_forest}
LABELS = {
    "CNN": "`CNNClassifier(channels=(8, 16))`, 500 digits, 2 epochs",
    "L-BFGS": "`LogisticRegression()`, L-BFGS, 1797 digits",
    "forest": "`RandomForestClassifier(20)`, 1797 digits",
}


def section(results: list[dict[str, Any]]) -> str:
    worst_first = sorted(results, key=_ratio, reverse=True)
    n_missed = sum(round(_ratio(case), 2) > MAX_RATIO for case in results)
    header = [
        "estimator",
        "fits",
        "`n_jobs`",
        "stacks (number x size)",
        "outside, ms",
        "inside, ms",
        "ratio",
        "quartiles",
    ]
    return (
        f"`cross_validate` over random splits, float32, {N_THREADS} threads, inside `batched_fits()` and outside of "
        f"it: median of the ratios of {MIN_RUNS} to {MAX_RUNS} paired runs, and the quartiles between which half of "
        f"them lie; worst first. The rule is that entering is never more than 5 % slower. {len(results) - n_missed} of "
        f"{len(results)} rows keep it. With `n_jobs=2` there are two worker processes outside (started before, one "
        "thread each), and two threads inside.\n\n" + table(header, [_row(case) for case in worst_first])
    )


def _row(case: dict[str, Any]) -> list[Any]:
    times = (f"{1e3 * median(case['seconds'][name]):.1f}" for name in ("outside", "inside"))
    low, _, high = quantiles(_ratios(case))
    return [
        *(_label(case), case["n_fits"], case["n_jobs"], case["trained"], *times),
        *(within(_ratio(case), MAX_RATIO), f"{low:.2f} to {high:.2f}"),
    ]


def _label(case: dict[str, Any]) -> str:
    if case["what"] != "dense":
        return LABELS[case["what"]]
    sizes = [case["n_features"], *case["hidden"], case["n_classes"]]
    return f"{case['n_rows']} x {'-'.join(map(str, sizes))}, batch {case['batch_size']}, {case['n_epochs']} epochs"


def _ratio(case: dict[str, Any]) -> float:
    return paired_ratio(case["seconds"], "inside", "outside")


def _ratios(case: dict[str, Any]) -> list[float]:
    return [a / b for a, b in zip(case["seconds"]["inside"], case["seconds"]["outside"], strict=True)]
