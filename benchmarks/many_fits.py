"""Several fits of one estimator through scikit-learn's own tool, in the context or outside of it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn.model_selection import ShuffleSplit, cross_validate

import sknets
from sknets.batching import BatchingReport

#: Rows that a split trains on, of all.
TRAIN_SHARE = 0.8


def make_network(hidden: Sequence[int], batch_size: int, n_epochs: int) -> sknets.MLPClassifier:
    """Return a classifier that trains for exactly ``n_epochs``."""
    return sknets.MLPClassifier(
        tuple(hidden),
        batch_size=batch_size,
        max_iter=n_epochs,
        tol=0.0,
        n_iter_no_change=np.inf,
        random_state=0,
        device="cpu",
    )


def fit_outside(estimator: Any, n_fits: int, X: np.ndarray, y: np.ndarray, n_jobs: int | None = None) -> None:
    """Fit and score ``n_fits`` copies on random rows."""
    splits = ShuffleSplit(n_fits, train_size=TRAIN_SHARE, random_state=0)
    with one_thread_a_worker(n_jobs):
        cross_validate(estimator, X, y, cv=splits, n_jobs=n_jobs, error_score="raise")


def fit_inside(estimator: Any, n_fits: int, X: np.ndarray, y: np.ndarray, n_jobs: int | None = None) -> BatchingReport:
    """Do the same under ``batched_fits``; return its report."""
    splits = ShuffleSplit(n_fits, train_size=TRAIN_SHARE, random_state=0)
    with one_thread_a_worker(n_jobs), sknets.batched_fits() as report:
        cross_validate(estimator, X, y, cv=splits, n_jobs=n_jobs, error_score="raise")
    return report


def one_thread_a_worker(n_jobs: int | None) -> AbstractContextManager[Any]:
    """Configure joblib as it is by itself for two workers on two cores; here OMP_NUM_THREADS would give each two."""
    return nullcontext() if n_jobs is None else parallel_config(backend="loky", inner_max_num_threads=1)


def describe(report: BatchingReport) -> str:
    """Say in a few words how the networks were trained."""
    if not report.n_fits:
        return "no network"
    sizes = sorted(set(report.stack_sizes), reverse=True)
    parts = [f"{report.stack_sizes.count(size)} x {size}" for size in sizes]
    return ", ".join(parts + ([f"{report.n_alone} alone"] if report.n_alone else []))
