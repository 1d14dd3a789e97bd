"""The same model fitted from several seeds: test accuracy as median and range, and whether a bound is met."""

import time
from statistics import median
from typing import Any

from benchmarks.page import table


def fit_seeds(make: Any, train: tuple[Any, Any], test: tuple[Any, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Fit ``make(random_state=seed, max_iter=...)`` for each seed and score it after the epochs asked for.

    Returns
    -------
    results : dict
        "seconds", a list of seconds of each fit, and "accuracy", a list for each number of epochs in
        ``case["after"]``, read off the same fit where it is watched.
    """
    seconds, accuracy = [], {str(n_epochs): [] for n_epochs in case["after"]}
    for seed in case["seeds"]:
        model = make(max_iter=max(case["after"]), random_state=seed)
        start = time.perf_counter()
        # The test rows are only watched: nothing stops or is chosen by them.
        model.fit(*train, X_val=test[0], y_val=test[1])
        seconds.append(time.perf_counter() - start)
        for n_epochs in case["after"]:
            accuracy[str(n_epochs)].append(model.history_[n_epochs - 1]["valid_score"])
        if abs(model.score(*test) - model.history_[-1]["valid_score"]) > 1e-6:
            raise AssertionError("score(X, y) and the last epoch's validation score must be the same.")
    return {"seconds": seconds, "accuracy": accuracy}


def accuracy_table(results: list[dict[str, Any]]) -> str:
    """Return one line for each case and number of epochs."""
    lines = []
    for case in results:
        for n_epochs, scores in case["accuracy"].items():
            bound = case["bounds"].get(n_epochs)
            reached = 100 * median(scores)
            verdict = "" if bound is None else f"≥ {bound:g}, {'met' if round(reached, 2) >= bound else '**missed**'}"
            spread = f"{100 * min(scores):.2f} to {100 * max(scores):.2f}"
            share = int(n_epochs) / max(case["after"])
            lines.append(
                [
                    f"`{case['model']}`",
                    n_epochs,
                    f"{reached:.2f}",
                    spread,
                    verdict,
                    f"{share * median(case['seconds']):.0f}",
                ]
            )
    header = ["model", "epochs", "test accuracy, % (median)", "range", "bound", "seconds"]
    return table(header, lines)


def make_cases(models: dict[str, tuple[Any, dict[int, float | None]]], is_quick: bool) -> list[dict[str, Any]]:
    """Return one case for each model: (what makes it, bounds in percent by number of epochs)."""
    return [
        {
            "model": name,
            "threads": 1,
            "seeds": [0] if is_quick else [0, 1, 2],
            "after": [1] if is_quick else list(bounds),
            "bounds": {} if is_quick else {str(n): bound for n, bound in bounds.items()},
            "n_rows": 1_000 if is_quick else None,
        }
        for name, (_, bounds) in models.items()
    ]
