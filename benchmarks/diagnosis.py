"""Diagnosis: whether its first piece of advice helps on other folds, and how long it takes."""

from statistics import mean
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.datasets import load_digits
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sknets
from benchmarks.page import at_least, table, within
from benchmarks.searches import CLASSIFICATIONS, REGRESSIONS, folder, load, make_estimator
from sknets.inspection import diagnose

TITLE = "Diagnosis"

MAX_ROWS = 4_000
N_FOLDS = 5

#: scikit-learn's default.
MAX_EPOCHS = 200

#: Seeds of the folds that a diagnosis is made on, and of others, on which its advice is followed.
SPLIT, OTHER_SPLITS = 0, (1, 2, 3)

# Tables, of six, on which the first piece of advice must help; seconds that the digits may take.
MIN_IMPROVED = 5
MAX_SECONDS = 60


def cases(is_quick: bool) -> list[dict[str, Any]]:
    if is_quick:
        digits = {"data": "digits", "n_rows": 300, "max_epochs": 5, "threads": 1}
        return [digits, *([] if folder() is None else [{**digits, "data": "abalone"}])]
    tables = [] if folder() is None else [*CLASSIFICATIONS, *REGRESSIONS]
    return [
        {"data": "digits", "n_rows": 1797, "max_epochs": MAX_EPOCHS, "threads": 2},
        *({"data": name, "n_rows": MAX_ROWS, "max_epochs": MAX_EPOCHS, "threads": 2} for name in tables),
    ]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    if case["data"] == "digits":
        return measure_digits(case)
    X, y, columns = load(case["data"], case["n_rows"])
    estimator, _ = make_estimator(columns, case["data"] in CLASSIFICATIONS, case["max_epochs"], seed=0)
    began = perf_counter()
    verdict = diagnose(estimator, X, y, cv=_folds(estimator, SPLIT))
    seconds = perf_counter() - began
    best = verdict.advice[0] if verdict.advice else None
    after = None if best is None else score(best.estimator, X, y)
    return {
        **_describe(verdict),
        "rows": len(X),
        "seconds": seconds,
        "advice": None if best is None else best.words,
        "promised": None if best is None else best.gain,
        "is_clear": best is not None and best.is_clear,
        "before": score(estimator, X, y),
        "after": after,
    }


def measure_digits(case: dict[str, Any]) -> dict[str, Any]:
    X, y = load_digits(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), sknets.MLPClassifier(max_iter=case["max_epochs"], random_state=0))
    began = perf_counter()
    verdict = diagnose(pipeline, X[: case["n_rows"]], y[: case["n_rows"]])
    return {**_describe(verdict), "seconds": perf_counter() - began, "rows": verdict.n_rows}


def score(estimator: Any, X: Any, y: Any) -> list[float]:
    """Return the mean score of each of the other splits into folds."""
    with sknets.batched_fits():
        return [float(np.mean(cross_val_score(estimator, X, y, cv=_folds(estimator, seed)))) for seed in OTHER_SPLITS]


def _folds(estimator: Any, seed: int) -> Any:
    kind = StratifiedKFold if is_classifier(estimator) else KFold
    return kind(N_FOLDS, shuffle=True, random_state=seed)


def _describe(verdict: Any) -> dict[str, Any]:
    return {"label": verdict.label, "is_mixed": verdict.is_mixed, "networks": verdict.n_networks}


INTRODUCTION = f"""\
`diagnose` on sampled rows of six tables: imputation, scaling and one-hot columns by a `ColumnTransformer`, then a
perceptron with sknets' defaults (at most {MAX_EPOCHS} epochs), in single precision; five folds. The first piece of
its advice is then followed, and both networks are cross-validated on {len(OTHER_SPLITS)} other divisions into five
folds, which had no part in the choice. Scores are accuracies or R²; "promised" is the gain that the diagnosis measured
on its own folds, in parentheses where it said that it is not larger than its noise."""


def section(results: list[dict[str, Any]]) -> str:
    digits = [case for case in results if case["data"] == "digits"]
    tables = [case for case in results if case["data"] != "digits"]
    parts = [_tell_digits(case) for case in digits]
    if tables:
        header = ["data", "rows", "verdict", "first advice", "promised", "before", "after", "gain", "seconds"]
        parts += [INTRODUCTION, table(header, [_row(case) for case in tables]), _tell_improved(tables)]
    else:
        parts.append("Tables were not measured: `SKNETS_DATA` was not set.")
    return "\n\n".join(parts)


def _tell_digits(case: dict[str, Any]) -> str:
    bound = MAX_SECONDS if case["rows"] == 1797 else None
    return (
        f"`diagnose` of a scaled `MLPClassifier(max_iter={case['max_epochs']})` on {case['rows']} rows of "
        f"scikit-learn's digits with five folds: {case['networks']} networks, {case['threads']} thread(s). Seconds: "
        f"{within(case['seconds'], bound, digits=1)}. Verdict: {_label(case)}."
    )


def _row(case: dict[str, Any]) -> list[Any]:
    facts = [case["data"], f"{case['rows']:,}", _label(case)]
    before, seconds = f"{mean(case['before']):.4f}", f"{case['seconds']:.0f}"
    if case["advice"] is None:
        return [*facts, "none", "", before, "", "", seconds]
    gain = mean(case["after"]) - mean(case["before"])
    promised = f"{case['promised']:+.4f}" if case["is_clear"] else f"({case['promised']:+.4f})"
    figures = [promised, before, f"{mean(case['after']):.4f}", f"{gain:+.4f}", seconds]
    return [*facts, case["advice"], *figures]


def _label(case: dict[str, Any]) -> str:
    return case["label"] + (" (mixed)" if case["is_mixed"] else "")


def _tell_improved(tables: list[dict[str, Any]]) -> str:
    n_improved = sum(case["after"] is not None and mean(case["after"]) > mean(case["before"]) for case in tables)
    bound = MIN_IMPROVED if len(tables) == len([*CLASSIFICATIONS, *REGRESSIONS]) else None
    return f"Tables on which the advice helped, of {len(tables)}: {at_least(n_improved, bound, digits=0)}."
