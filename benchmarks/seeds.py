"""The same model fitted from several seeds: test accuracy as median and range, and whether a bound is met."""

import time
from itertools import groupby
from statistics import median
from typing import Any

from benchmarks.page import table

SEEDS = (0, 1, 2)


def make_cases(models: dict[str, tuple[Any, dict[int, float]]], is_quick: bool) -> list[dict[str, Any]]:
    """Return one case for each model and seed; a model is (what makes it, bounds in percent by number of epochs)."""
    return [
        {
            "model": name,
            "seed": seed,
            "threads": 1,
            "after": [1] if is_quick else list(bounds),
            "bounds": {} if is_quick else {str(n_epochs): bound for n_epochs, bound in bounds.items()},
            "n_rows": 1_000 if is_quick else None,
        }
        for name, (_, bounds) in models.items()
        for seed in (SEEDS[:1] if is_quick else SEEDS)
    ]


def fit_seed(make: Any, train: tuple[Any, Any], test: tuple[Any, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Fit ``make(random_state=seed, max_iter=...)`` and read its test score off after the epochs asked for.

    Returns
    -------
    results : dict
        "seconds" of the fit, and "accuracy" by number of epochs.
    """
    model = make(max_iter=max(case["after"]), random_state=case["seed"])
    start = time.perf_counter()
    # The test rows are only watched: nothing stops or is chosen by them.
    model.fit(*train, X_val=test[0], y_val=test[1])
    seconds = time.perf_counter() - start
    if abs(model.score(*test) - model.history_[-1]["valid_score"]) > 1e-6:
        raise AssertionError("score(X, y) and the last epoch's validation score must be the same.")
    return {"seconds": seconds, "accuracy": {str(n): model.history_[n - 1]["valid_score"] for n in case["after"]}}


def accuracy_table(results: list[dict[str, Any]]) -> str:
    """Return one line for each model and number of epochs; no times, since the fits ran side by side."""
    lines = []
    for name, group in groupby(results, key=lambda case: case["model"]):
        cases = list(group)
        for n_epochs in cases[0]["accuracy"]:
            scores = [case["accuracy"][n_epochs] for case in cases]
            bound = cases[0]["bounds"].get(n_epochs)
            reached = f"{100 * median(scores):.2f}"
            # Compared as printed.
            verdict = "" if bound is None else f"≥ {bound:g}, {'met' if float(reached) >= bound else '**missed**'}"
            spread = f"{100 * min(scores):.2f} to {100 * max(scores):.2f}"
            lines.append([f"`{name}`", n_epochs, reached, spread, verdict])
    header = ["model", "epochs", f"test accuracy, % (median of {len(cases)} seeds)", "range", "bound"]
    return table(header, lines)
