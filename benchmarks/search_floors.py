"""What bounds a search of a table: the part without a network, and what an epoch costs beside others."""

import warnings
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import sknets
from benchmarks.page import table
from benchmarks.searches import CLASSIFICATIONS, MAX_ROWS, N_FOLDS, N_TRIALS, REGRESSIONS, folder, load, make_estimator

TITLE = "What bounds searches of tables"
N_RUNS = 3
N_EPOCHS = 20

#: Networks that are trained together: one, those of a trial's folds, and those of as many trials as share layers.
STACK_SIZES = (1, 5, 15)
BATCH_SIZES = (200, 32)
HIDDEN = (64,)


def cases(is_quick: bool) -> list[dict[str, Any]]:
    if folder() is None:
        return []
    if is_quick:
        return [{"data": "abalone", "n_rows": 400, "n_trials": 2, "threads": 1}]
    names = (*CLASSIFICATIONS, *REGRESSIONS)
    return [{"data": name, "n_rows": MAX_ROWS, "n_trials": N_TRIALS, "threads": 1} for name in names]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y, columns = load(case["data"], case["n_rows"])
    is_classification = case["data"] in CLASSIFICATIONS
    estimator, _ = make_estimator(columns, is_classification, N_EPOCHS, seed=0)
    pipeline = estimator if is_classification else estimator.regressor
    rows = clone(pipeline[:-1]).fit_transform(X)
    targets = y if is_classification else (y - y.mean()) / y.std()
    return {
        "without": _time_without_network(pipeline, X, y, case["n_trials"], is_classification),
        "epochs": {
            f"{batch_size}": [_time_epoch(pipeline[-1], rows, targets, batch_size, size) for size in STACK_SIZES]
            for batch_size in BATCH_SIZES
        },
    }


def _time_without_network(pipeline: Any, X: Any, y: Any, n_trials: int, is_classification: bool) -> list[float]:
    """Time scikit-learn's part of a search: the same columns, folds and scores, and a constant for a network."""
    constant = DummyClassifier() if is_classification else DummyRegressor()
    name = type(constant).__name__.lower()
    values = ["prior" if is_classification else "mean"] * n_trials
    search = GridSearchCV(
        make_pipeline(*pipeline[:-1], constant), {f"{name}__strategy": values}, cv=N_FOLDS, refit=False
    )
    seconds = []
    for _ in range(N_RUNS):
        began = perf_counter()
        search.fit(X, y)
        seconds.append(perf_counter() - began)
    return seconds


def _time_epoch(network: Any, X: np.ndarray, y: np.ndarray, batch_size: int, n_networks: int) -> float:
    """Return the seconds of an epoch of one of several networks: of many epochs, less those of one."""
    own = clone(network).set_params(
        hidden_layer_sizes=HIDDEN, dropout=0.2, batch_size=batch_size, tol=0.0, n_iter_no_change=N_EPOCHS + 1
    )

    def fit(n_epochs: int) -> float:
        models = [clone(own).set_params(max_iter=n_epochs, random_state=seed) for seed in range(n_networks)]
        began = perf_counter()
        with sknets.batched_fits():
            Parallel()(delayed(model.fit)(X, y) for model in models)
        return perf_counter() - began

    fit(1)
    differences = [fit(N_EPOCHS) - fit(1) for _ in range(N_RUNS)]
    return median(differences) / (N_EPOCHS - 1) / n_networks


def section(results: list[dict[str, Any]]) -> str:
    sizes = [f"{size} at once" for size in STACK_SIZES]
    header = ["data", "without a network, s", *(f"batch {b}, {size}" for b in BATCH_SIZES for size in sizes)]
    rows = [
        [
            case["data"],
            f"{median(case['without']):.1f}",
            *(f"{1e3 * seconds:.2f}" for own in case["epochs"].values() for seconds in own),
        ]
        for case in results
    ]
    first = results[0]
    return (
        f"Why [searches of tables](#searches-of-tables) gain what they gain, on one core and {first['n_rows']} rows. "
        f'"Without a network": the seconds that scikit-learn takes for {first["n_trials"]} candidates x {N_FOLDS} '
        f"folds of the same pipeline with a constant in the network's place (median of {N_RUNS}); no search can be "
        f"faster. Then the milliseconds that one network of {HIDDEN[0]} units takes for an epoch, trained alone, with "
        "those of a trial's other folds, and with those of further trials, by batch size: machine code has little "
        "overhead that a stack could share, so that on one core Optuna's search saves the epochs that it prunes, and "
        "pays for the scores of all others: those of the held-out rows after every epoch. Trials that are proposed "
        "together see fewer finished ones, so that fewer are pruned.\n\n" + table(header, rows)
    )
