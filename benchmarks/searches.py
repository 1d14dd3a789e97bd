"""Searches of tables: Optuna's, pruned by epochs, against scikit-learn's random one over the same space."""

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution
from scipy.stats import loguniform, uniform
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import sknets
from benchmarks.page import table, within
from sknets.model_selection import OptunaSearchCV

TITLE = "Searches of tables"

CLASSIFICATIONS = ("adult", "magic04", "letter")
REGRESSIONS = ("california_housing", "abalone", "diamonds")
SEEDS = (0, 1, 2)
MAX_ROWS = 4_000
N_TRIALS = 40
N_FOLDS = 5
MAX_EPOCHS = 40
TRIALS_AT_ONCE = 8

# How far below the random search's score, at most, and which share of its time.
MAX_LOSS = 0.002
MAX_TIME = 0.6
MAX_TIME_BATCHED = 1 / 3

SPACE = {
    "hidden_layer_sizes": CategoricalDistribution(["64", "128", "64-64"]),
    "learning_rate_init": FloatDistribution(3e-4, 3e-2, log=True),
    "alpha": FloatDistribution(1e-6, 1e-1, log=True),
    "dropout": FloatDistribution(0.0, 0.4),
}
LAYERS = {"64": (64,), "128": (128,), "64-64": (64, 64)}


def cases(is_quick: bool) -> list[dict[str, Any]]:
    if folder() is None:
        return []
    if is_quick:
        return [{"data": "abalone", "n_rows": 400, "n_trials": 6, "max_epochs": 5, "seeds": [0], "threads": 1}]
    return [
        {
            "data": name,
            "n_rows": MAX_ROWS,
            "n_trials": N_TRIALS,
            "max_epochs": MAX_EPOCHS,
            "seeds": list(SEEDS),
            "threads": 1,
        }
        for name in (*CLASSIFICATIONS, *REGRESSIONS)
    ]


def folder() -> Path | None:
    home = os.environ.get("SKNETS_DATA")
    tables = Path(home) / "tabular" if home else None
    return tables if tables is not None and tables.is_dir() else None


def measure(case: dict[str, Any]) -> dict[str, Any]:
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y, columns = load(case["data"], case["n_rows"])
    measured: dict[str, list[dict[str, float]]] = {}
    for seed in case["seeds"]:
        estimator, prefix = make_estimator(columns, case["data"] in CLASSIFICATIONS, case["max_epochs"], seed)
        for name, search in searches(estimator, prefix, case["n_trials"], seed).items():
            began = perf_counter()
            score, n_epochs = search(X, y)
            found = {"score": score, "seconds": perf_counter() - began, "epochs": n_epochs}
            measured.setdefault(name, []).append(found)
    return {"measured": measured}


def load(name: str, n_rows: int) -> tuple[pd.DataFrame, np.ndarray, dict[str, list[str]]]:
    """Read a table, with as many of its rows, drawn at random, as are wanted."""
    tables = folder()
    assert tables is not None
    entries = json.loads((tables / "manifest.json").read_text(encoding="utf-8"))
    entry = next(entry for entry in entries if entry["name"] == name)
    columns = {kind: [column for column in entry[kind] if column != "target"] for kind in ("categorical", "numeric")}
    frame = pd.read_csv(tables / entry["file"], dtype=dict.fromkeys(entry["categorical"], "string"))
    frame = frame.sample(min(n_rows, len(frame)), random_state=0)
    X = frame[columns["categorical"] + columns["numeric"]]
    X = X.assign(**{column: X[column].astype(object).where(X[column].notna(), "") for column in columns["categorical"]})
    return X, frame["target"].to_numpy(), columns


def make_estimator(columns: dict[str, list[str]], is_classification: bool, max_epochs: int, seed: int) -> Any:
    """Return a pipeline with a ColumnTransformer in front, and the start of its network's parameters' names."""
    table_to_numbers = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), columns["numeric"]),
            ("names", OneHotEncoder(handle_unknown="ignore", sparse_output=False), columns["categorical"]),
        ]
    )
    settings: dict[str, Any] = {"max_iter": max_epochs, "random_state": seed, "device": "cpu", "precision": "float32"}
    if is_classification:
        return make_pipeline(table_to_numbers, sknets.MLPClassifier(**settings)), "mlpclassifier__"
    pipeline = make_pipeline(table_to_numbers, sknets.MLPRegressor(**settings))
    return TransformedTargetRegressor(pipeline, transformer=StandardScaler()), "regressor__mlpregressor__"


def searches(estimator: Any, prefix: str, n_trials: int, seed: int) -> dict[str, Callable[[Any, Any], Any]]:
    """Return the contenders; each gives the best cross-validated score and the epochs of all trainings."""

    def random(X: Any, y: Any) -> tuple[float, int]:
        space = {prefix + name: for_scikit_learn(name, values) for name, values in SPACE.items()}
        search = RandomizedSearchCV(estimator, space, n_iter=n_trials, cv=N_FOLDS, random_state=seed, refit=False)
        return search.fit(X, y).best_score_, 0

    def optuna(X: Any, y: Any, trials_at_once: int = 1) -> tuple[float, int]:
        space = {prefix + name: for_optuna(name, values) for name, values in SPACE.items()}
        search = OptunaSearchCV(
            estimator,
            space,
            n_trials=n_trials,
            cv=N_FOLDS,
            trials_at_once=trials_at_once,
            random_state=seed,
            refit=False,
        ).fit(X, y)
        return search.best_score_, int(search.cv_results_["n_epochs"].sum()) * N_FOLDS

    def batched(X: Any, y: Any) -> tuple[float, int]:
        with sknets.batched_fits():
            return optuna(X, y, TRIALS_AT_ONCE)

    return {"RandomizedSearchCV": random, "OptunaSearchCV": optuna, "8 at once, batched": batched}


def for_optuna(name: str, values: Any) -> Any:
    return [LAYERS[layers] for layers in values.choices] if name == "hidden_layer_sizes" else values


def for_scikit_learn(name: str, values: Any) -> Any:
    if isinstance(values, CategoricalDistribution):
        return for_optuna(name, values) if name == "hidden_layer_sizes" else list(values.choices)
    return loguniform(values.low, values.high) if values.log else uniform(values.low, values.high - values.low)


INTRODUCTION = f"""\
The same pipeline (imputation, scaling and one-hot columns by a `ColumnTransformer`, then a perceptron of at most
{MAX_EPOCHS} epochs, in single precision) and the same space: three kinds of hidden layers, learning rate, L2 penalty
and dropout; {MAX_ROWS} rows, drawn at random, and one core. scikit-learn's search draws its candidates at random and
trains one network after the other; `OptunaSearchCV` has its default sampler and pruner. Scores are cross-validated
accuracies or R², those of the best candidate. No search makes a last fit."""


def section(results: list[dict[str, Any]]) -> str:
    header = ["data", "", "best score", "% lower", "seconds", "time ratio"]
    first = results[0]
    runs = f"{first['n_trials']} trials x {N_FOLDS} folds, medians over {len(first['seeds'])} seeds:"
    return "\n\n".join([INTRODUCTION, runs, table(header, [row for case in results for row in _rows(case)])])


def _rows(case: dict[str, Any]) -> list[list[Any]]:
    rows = []
    base = case["measured"]["RandomizedSearchCV"]
    bounds = {"RandomizedSearchCV": None, "OptunaSearchCV": MAX_TIME, "8 at once, batched": MAX_TIME_BATCHED}
    for name, runs in case["measured"].items():
        loss = median(own["score"] for own in base) / median(own["score"] for own in runs) - 1
        ratio = median(own["seconds"] / other["seconds"] for own, other in zip(runs, base, strict=True))
        is_base = name == "RandomizedSearchCV"
        rows.append(
            [
                case["data"] if is_base else "",
                name,
                f"{median(own['score'] for own in runs):.4f}",
                "" if is_base else f"{within(100 * loss, 100 * MAX_LOSS)}",
                f"{median(own['seconds'] for own in runs):.1f}",
                "" if is_base else within(ratio, round(bounds[name] or 0, 2)),
            ]
        )
    return rows
