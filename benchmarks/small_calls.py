"""What interactive use feels: importing the package, and predicting a single row."""

import subprocess
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import sklearn.neural_network
from sklearn.datasets import load_digits

import sknets
from benchmarks.page import table, within
from benchmarks.timing import THREADS, alternate, paired_difference, paired_ratio

TITLE = "Import and single rows"
TIMED_IMPORT = "import time; start = time.perf_counter(); import sknets; print(time.perf_counter() - start)"


def cases(is_quick: bool) -> list[dict[str, Any]]:
    n_imports, n_calls = (3, 100) if is_quick else (60, 5_000)
    return [
        {"what": "import", "threads": 1, "n_runs": n_imports},
        *(
            {"what": "predict_proba", "dtype": dtype, "threads": threads, "n_runs": n_calls}
            for dtype in ("float32", "float64")
            for threads in THREADS
        ),
    ]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    return MEASUREMENTS[case["what"]](case)


def measure_import(case: dict[str, Any]) -> dict[str, Any]:
    contenders = {"python": lambda: _run("pass"), "import sknets": lambda: _run("import sknets")}
    seconds, _ = alternate(contenders, case["n_runs"])
    statement = [float(_run(TIMED_IMPORT)) for _ in range(case["n_runs"])]
    return {"seconds": {**seconds, "statement": statement}}


def measure_predict_proba(case: dict[str, Any]) -> dict[str, Any]:
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(case["dtype"])
    parameters = {"hidden_layer_sizes": (100,), "max_iter": 5, "random_state": 0}
    models = {
        "sknets": sknets.MLPClassifier(**parameters, device="cpu").fit(X, y),
        "scikit-learn": sklearn.neural_network.MLPClassifier(**parameters).fit(X, y),
    }
    row = X[:1]
    contenders: dict[str, Callable[[], Any]] = {
        name: lambda model=model: model.predict_proba(row) for name, model in models.items()
    }
    alternate(contenders, case["n_runs"] // 10, collect_garbage=False)
    seconds, _ = alternate(contenders, case["n_runs"], collect_garbage=False)
    # Thousands of single times would fill the stored results.
    return {
        "microseconds": {name: 1e6 * median(values) for name, values in seconds.items()},
        "ratio": paired_ratio(seconds, "sknets", "scikit-learn"),
    }


MEASUREMENTS = {"import": measure_import, "predict_proba": measure_predict_proba}


def _run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True).stdout


def section(results: list[dict[str, Any]]) -> str:
    start, *calls = results
    seconds = start["seconds"]
    beyond = 1e3 * paired_difference(seconds, "import sknets", "python")
    rows = [
        ["`python -c pass`", f"{1e3 * median(seconds['python']):.1f}", ""],
        ["`python -c 'import sknets'`", f"{1e3 * median(seconds['import sknets']):.1f}", ""],
        ["difference of paired runs", f"{beyond:.2f}", within(beyond, 20)],
        ["the import statement alone", f"{1e3 * median(seconds['statement']):.2f}", ""],
    ]
    return "\n\n".join(
        [
            f"Importing the package, milliseconds, median of {start['n_runs']} runs of a new process each:",
            table(["", "ms", "bound"], rows),
            "`predict_proba` of one row, digits 64-100-10, microseconds a call, median of "
            f"{calls[0]['n_runs']} alternating calls:",
            table(["numbers", "threads", "sknets", "scikit-learn", "ratio"], [_call_row(case) for case in calls]),
        ]
    )


def _call_row(case: dict[str, Any]) -> list[Any]:
    times = (f"{case['microseconds'][name]:.0f}" for name in ("sknets", "scikit-learn"))
    return [case["dtype"], case["threads"], *times, within(case["ratio"], 1.7)]
