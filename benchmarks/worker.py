"""One case of a suite in a process of its own, with its number of threads settled before any library starts."""

import json
import os
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def measure_elsewhere(module: str, case: dict[str, Any]) -> dict[str, Any]:
    """Run ``measure(case)`` of a suite's module in a new process and return the case with its results."""
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(case["threads"]))
    command = [sys.executable, "-m", "benchmarks.worker", module, json.dumps(case)]
    process = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(process.stdout)


def main() -> None:
    import torch
    from sklearn.exceptions import ConvergenceWarning

    # Every contender gets the same number of epochs or iterations; whether they suffice is not the question here.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    torch.manual_seed(0)
    case = json.loads(sys.argv[2])
    results = import_module(sys.argv[1]).measure(case)
    if torch.get_num_threads() != case["threads"]:
        raise RuntimeError(f"torch must run on {case['threads']} threads; it has {torch.get_num_threads()}.")
    print(json.dumps({**case, **results}))


if __name__ == "__main__":
    main()
