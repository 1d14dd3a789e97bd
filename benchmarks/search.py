"""Whole searches on two cores: sknets with and without batched_fits, scikit-learn, skorch, and no network at all."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean, median
from typing import Any

import numpy as np
import sklearn.neural_network
import torch
from joblib import parallel_config
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

import sknets
from benchmarks.page import at_least, table
from benchmarks.timing import alternate, paired_ratio
from sknets.batching import BatchingReport

TITLE = "A whole search"
N_RUNS = 5
N_FOLDS = 5
N_JOBS = 2

#: Largest difference of a candidate's mean test score, and of all candidates' mean, between those who do the same work.
SAME_CANDIDATE, SAME_MEAN = 0.03, 0.03

Grid = dict[str, list[Any]]
Rows = tuple[np.ndarray, np.ndarray]
Outcome = tuple[GridSearchCV, BatchingReport | None]


@dataclass(frozen=True)
class Search:
    """A data set, a network, and a grid of learning rates and L2 penalties.

    ``bounds`` says how many times as long as ``batched_fits`` another contender must take at least.
    """

    load: Callable[..., Rows]
    rates: list[float]
    alphas: list[float]
    hidden: tuple[int, ...]
    batch_size: int | str
    n_epochs: int
    bounds: dict[str, float]
    is_scaled: bool = False
    divisor: float = 1.0
    left_out: list[str] = field(default_factory=list)

    @property
    def n_fits(self) -> int:
        return len(self.rates) * len(self.alphas) * N_FOLDS

    def load_rows(self, dtype: str) -> Rows:
        X, y = self.load(return_X_y=True)
        return (X / self.divisor).astype(dtype), y


SEARCHES = {
    "breast cancer, 80 fits, scaled 30-64-2, batch 32, 30 epochs": Search(
        load_breast_cancer,
        rates=[1e-3, 2e-3, 5e-3, 1e-2],
        alphas=[1e-4, 1e-3, 1e-2, 1e-1],
        hidden=(64,),
        batch_size=32,
        n_epochs=30,
        is_scaled=True,
        bounds={"scikit-learn": 8, "skorch": 40},
    ),
    "digits, 45 fits, 64-64-64-10, batch 64, 20 epochs": Search(
        load_digits,
        rates=[1e-3, 2e-3, 5e-3],
        alphas=[1e-4, 1e-3, 1e-2],
        hidden=(64, 64),
        batch_size=64,
        n_epochs=20,
        divisor=16.0,
        bounds={"scikit-learn": 4, "skorch": 15},
    ),
    "iris, 300 fits, 4-100-3, batch and epochs by default (120 and 200)": Search(
        load_iris,
        rates=[1e-3, 1.5e-3, 2e-3, 3e-3, 4e-3, 6e-3, 8e-3, 1e-2, 1.5e-2, 2e-2],
        alphas=[1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0],
        hidden=(100,),
        batch_size="auto",
        n_epochs=200,
        bounds={"scikit-learn": 8},
        left_out=["skorch", "no context, n_jobs=2"],  # no bound, and they would take most of this suite's time
    ),
}


def cases(is_quick: bool) -> list[dict[str, Any]]:
    if is_quick:
        first = next(iter(SEARCHES))
        return [{"search": first, "dtype": "float32", "threads": N_JOBS, "n_alphas": 1, "n_runs": 1}]
    return [
        {"search": name, "dtype": dtype, "threads": N_JOBS, "n_alphas": None, "n_runs": N_RUNS}
        for name in SEARCHES
        for dtype in ("float32", "float64")
    ]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    """Time everyone once, and all but ``RUN_ONCE`` in the further rounds."""
    search = SEARCHES[case["search"]]
    X, y = search.load_rows(case["dtype"])
    # skorch's modules are float32, and it takes no other rows.
    left_out = {*search.left_out, *([] if case["dtype"] == "float32" else ["skorch"])}
    names = [name for name in CONTENDERS if name not in left_out]
    found: dict[str, Any] = {}
    parts: list[dict[str, Any]] = []

    def run(name: str) -> None:
        found[name], report = CONTENDERS[name](search, case["n_alphas"], X, y)
        if report is not None:
            parts.append({**report.seconds, "stacks": report.stack_sizes, "alone": report.n_alone})

    for name in names:
        CONTENDERS[name](search, 1, X, y)
    contenders = {name: lambda name=name: run(name) for name in names}
    seconds, _ = alternate(contenders, 1, warm_up=False)
    often = {name: call for name, call in contenders.items() if name not in RUN_ONCE}
    more, _ = alternate(often, case["n_runs"] - 1, warm_up=False)
    scores = {name: _mean_scores(result) for name, result in found.items()}
    check_that_work_is_the_same(scores)
    return {
        "seconds": {name: values + more.get(name, []) for name, values in seconds.items()},
        "parts": parts,
        "score": {name: mean(values) for name, values in scores.items()},
        "deviation": float(np.abs(np.subtract(scores["batched_fits"], scores["no context"])).max()),
    }


def check_that_work_is_the_same(scores: dict[str, list[float]]) -> None:
    """Compare candidates where weights and batches are the same, their mean where both are drawn otherwise."""
    expected = scores["batched_fits"]
    for name in {"no context", "no context, n_jobs=2", "scikit-learn"} & set(scores):
        assert np.abs(np.subtract(scores[name], expected)).max() <= SAME_CANDIDATE, (name, scores)
    if "skorch" in scores:
        assert abs(mean(scores["skorch"]) - mean(expected)) <= SAME_MEAN, scores


def _mean_scores(search: GridSearchCV) -> list[float]:
    return [float(score) for score in search.cv_results_["mean_test_score"]]


# ---------------------------------------------------------------------------------------------------------------------
# Contenders: each makes its estimator and runs the search, best_estimator_ included
# ---------------------------------------------------------------------------------------------------------------------


def run_batched(search: Search, n_alphas: int | None, X: np.ndarray, y: np.ndarray) -> Outcome:
    with sknets.batched_fits() as report:
        found, _ = run_sknets(search, n_alphas, X, y)
    return found, report


def run_sknets(
    search: Search, n_alphas: int | None, X: np.ndarray, y: np.ndarray, n_jobs: int | None = None
) -> Outcome:
    network = sknets.MLPClassifier(**_sklearn_parameters(search), device="cpu")
    return _run(network, _sklearn_grid(search, n_alphas), search, X, y, n_jobs)


def run_sknets_in_processes(search: Search, n_alphas: int | None, X: np.ndarray, y: np.ndarray) -> Outcome:
    return run_sknets(search, n_alphas, X, y, n_jobs=N_JOBS)


def run_sklearn(search: Search, n_alphas: int | None, X: np.ndarray, y: np.ndarray) -> Outcome:
    network = sklearn.neural_network.MLPClassifier(**_sklearn_parameters(search))
    return _run(network, _sklearn_grid(search, n_alphas), search, X, y, N_JOBS)


def run_skorch(search: Search, n_alphas: int | None, X: np.ndarray, y: np.ndarray) -> Outcome:
    net = NeuralNetClassifier(
        DenseNetwork,
        module__sizes=(X.shape[1], *search.hidden, len(np.unique(y))),
        optimizer=torch.optim.Adam,
        batch_size=search.batch_size,
        max_epochs=search.n_epochs,
        iterator_train__shuffle=True,
        train_split=None,  # by default it would hold a fifth of the rows out and score them
        verbose=0,
    )
    # The same penalty: scikit-learn divides it by the rows of a batch.
    decays = [alpha / int(search.batch_size) for alpha in search.alphas[:n_alphas]]
    return _run(net, {"lr": search.rates, "optimizer__weight_decay": decays}, search, X, y, N_JOBS)


def run_dummy(search: Search, n_alphas: int | None, X: np.ndarray, y: np.ndarray) -> Outcome:
    n_candidates = len(search.rates) * len(search.alphas[:n_alphas])
    return _run(DummyClassifier(), {"random_state": list(range(n_candidates))}, search, X, y, None)


CONTENDERS: dict[str, Callable[[Search, int | None, np.ndarray, np.ndarray], Outcome]] = {
    "batched_fits": run_batched,
    "no context": run_sknets,
    "no context, n_jobs=2": run_sknets_in_processes,
    "scikit-learn": run_sklearn,
    "skorch": run_skorch,
    "no network at all": run_dummy,
}
#: No bound speaks of them; five runs would take too long.
RUN_ONCE = {"no context", "no context, n_jobs=2"}


class DenseNetwork(nn.Module):
    """Dense layers with ReLU and a softmax at the end, as skorch's README has them."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_inputs, n_outputs in pairwise(sizes):
            layers += [nn.Linear(n_inputs, n_outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1], nn.Softmax(dim=-1))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.layers(X)


def _run(estimator: Any, grid: Grid, search: Search, X: np.ndarray, y: np.ndarray, n_jobs: int | None) -> Outcome:
    if search.is_scaled:
        estimator = Pipeline([("scale", StandardScaler()), ("net", estimator)])
        grid = {f"net__{name}": values for name, values in grid.items()}
    with _workers(n_jobs):
        found = GridSearchCV(estimator, grid, cv=N_FOLDS, n_jobs=n_jobs).fit(X, y)
    assert found.best_estimator_ is not None
    return found, None


def _workers(n_jobs: int | None) -> AbstractContextManager[Any]:
    # One thread a worker, as joblib has it for two workers on two cores; here OMP_NUM_THREADS would give each two.
    return nullcontext() if n_jobs is None else parallel_config(backend="loky", inner_max_num_threads=1)


def _sklearn_parameters(search: Search) -> dict[str, Any]:
    return {
        "hidden_layer_sizes": search.hidden,
        "batch_size": search.batch_size,
        "max_iter": search.n_epochs,
        "tol": 0.0,
        "n_iter_no_change": np.inf,
        "random_state": 0,
    }


def _sklearn_grid(search: Search, n_alphas: int | None) -> Grid:
    return {"learning_rate_init": search.rates, "alpha": search.alphas[:n_alphas]}


# ---------------------------------------------------------------------------------------------------------------------
# The page
# ---------------------------------------------------------------------------------------------------------------------

LABELS = {
    "batched_fits": "sknets, `batched_fits()`",
    "no context": "sknets without it, `n_jobs=None`",
    "no context, n_jobs=2": "sknets without it, `n_jobs=2`",
    "scikit-learn": "scikit-learn, `n_jobs=2`",
    "skorch": "skorch, `n_jobs=2`",
    "no network at all": "no network at all, `n_jobs=None`",
}

INTRODUCTION = """\
`GridSearchCV` from the call to `best_estimator_`, everything included, on two cores: a grid of learning rates and L2
penalties, five folds, and one more fit of the best candidate. All do the same work: the same epochs, batch size and
Adam step, no early stopping; scikit-learn and sknets also the same initial weights and batches. skorch's
`NeuralNetClassifier` has a module as in its README and its own defaults but for `train_split=None`; it trains in
float32. `n_jobs=2` means joblib's worker processes, with one thread each; a smaller search has started them, and warmed
everyone up, before anything is timed. `batched_fits()` works in one process that may use two threads.

"No network at all" is the same search with a `DummyClassifier` in the network's place: what scikit-learn itself takes
to clone, split, scale, score and collect. No network library can be faster than that under its tools."""


def section(results: list[dict[str, Any]]) -> str:
    return "\n\n".join(
        [
            INTRODUCTION,
            f"Seconds, median of {results[0]['n_runs']} alternating runs (of one for sknets without the context), and "
            "how many times as fast `batched_fits()` is (median of the ratios of paired runs):",
            table(
                ["search", "numbers", "", "seconds", "`batched_fits()` is faster by", "mean accuracy"],
                [row for case in results for row in _rows(case)],
            ),
            "Where the seconds of `batched_fits()` go, from its report, and by how much scikit-learn would be beaten "
            "if networks took no time at all. Deviation is the largest difference of a candidate's `mean_test_score` "
            "with and without the context:",
            table(
                [
                    *("search", "numbers", "preparation", "training", "scoring", "the block", "no network at all"),
                    *("limit over scikit-learn", "stacks", "alone", "deviation"),
                ],
                [_parts_row(case) for case in results],
            ),
        ]
    )


def _rows(case: dict[str, Any]) -> list[list[Any]]:
    bounds = SEARCHES[case["search"]].bounds
    rows = []
    for number, name in enumerate(case["seconds"]):
        gain = "" if number == 0 else at_least(_gain(case, name), bounds.get(name))
        score = "" if name == "no network at all" else f"{case['score'][name]:.4f}"
        heading = [case["search"], case["dtype"]] if number == 0 else ["", ""]
        rows.append([*heading, LABELS[name], f"{median(case['seconds'][name]):.2f}", gain, score])
    return rows


def _gain(case: dict[str, Any], name: str) -> float:
    seconds = case["seconds"]
    rounds = {key: seconds[key][: len(seconds[name])] for key in (name, "batched_fits")}
    return paired_ratio(rounds, name, "batched_fits")


def _parts_row(case: dict[str, Any]) -> list[Any]:
    names = ("preparation", "training", "scoring", "total")
    seconds = [f"{median(part[name] for part in case['parts']):.2f}" for name in names]
    floor = median(case["seconds"]["no network at all"])
    limit = paired_ratio(case["seconds"], "scikit-learn", "no network at all")
    last = case["parts"][-1]
    sizes = ", ".join(str(size) for size in last["stacks"])
    return [
        *(case["search"].split(",")[0], case["dtype"], *seconds, f"{floor:.2f}", f"{limit:.0f}"),
        *(sizes, last["alone"], f"{case['deviation']:.1g}"),
    ]
