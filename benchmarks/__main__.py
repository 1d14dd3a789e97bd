"""The command: measure the named suites, keep their results, and write the page from all that is kept."""

import argparse
import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import (
    accuracy,
    birds,
    context_cost,
    conv_stacks,
    diagnosis,
    fashion_images,
    fit,
    image_steps,
    logistic,
    mnist_images,
    search,
    search_floors,
    searches,
    small_calls,
    stack_sizes,
)
from benchmarks.page import describe_machine, render
from benchmarks.worker import ROOT, measure_elsewhere

SUITES = {
    "fit": fit,
    "search": search,
    "stack-sizes": stack_sizes,
    "context-cost": context_cost,
    "logistic": logistic,
    "import": small_calls,
    "accuracy": accuracy,
    "image-steps": image_steps,
    "conv-stacks": conv_stacks,
    "mnist": mnist_images,
    "fashion": fashion_images,
    "birds": birds,
    "searches": searches,
    "search-floors": search_floors,
    "diagnosis": diagnosis,
}
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
MAX_LOAD = 0.5


def main() -> None:
    options = parse_arguments()
    names = options.suites or list(SUITES)
    stored = {} if options.quick else read_results()
    load = os.getloadavg()[0]
    if load > MAX_LOAD and not options.page_only:
        print(f"The machine is busy (load {load:.1f}): two threads that wait for each other may take 50 times as long.")
    for name in [] if options.page_only else names:
        if not SUITES[name].cases(options.quick):
            print(f"{name}: skipped, SKNETS_DATA is not set")
            continue
        stored[name] = run_suite(name, options.quick) | {"load": load}
        if not options.quick:  # at once: what is measured survives when a later suite is interrupted
            write_results(name, stored[name])
    if options.quick:
        with tempfile.TemporaryDirectory() as folder:
            draw_pictures(stored, Path(folder))
        print(render({name: SUITES[name] for name in names}, stored))
        return
    PAGE.write_text(render(SUITES, stored), encoding="utf-8")
    draw_pictures(stored, PAGE.parent)
    print(PAGE.relative_to(ROOT))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and write docs/benchmarks.md.")
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of {', '.join(SUITES)}; all by default")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--quick", action="store_true", help="tiny runs to try the program; printed, not kept")
    what.add_argument("--page-only", action="store_true", help="write the page from the results of earlier runs")
    options = parser.parse_args()
    unknown = set(options.suites) - set(SUITES)  # `choices` would refuse that none is named
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    return options


def run_suite(name: str, is_quick: bool) -> dict[str, Any]:
    suite = SUITES[name]
    start = time.perf_counter()
    n_workers = os.cpu_count() or 1 if getattr(suite, "MAY_RUN_SIDE_BY_SIDE", False) else 1
    with ThreadPoolExecutor(n_workers) as pool:
        results = list(pool.map(partial(measure_case, name), suite.cases(is_quick)))
    return {
        "date": date.today().isoformat(),
        "command": f"python -m benchmarks {name}{' --quick' if is_quick else ''}",
        "minutes": (time.perf_counter() - start) / 60,
        "machine": describe_machine(),
        "cases": results,
    }


def measure_case(name: str, case: dict[str, Any]) -> dict[str, Any]:
    print(f"{name}: {', '.join(f'{key} {value}' for key, value in case.items())}", flush=True)
    return measure_elsewhere(SUITES[name].__name__, case)


def draw_pictures(stored: dict[str, dict[str, Any]], folder: Path) -> None:
    for name, results in stored.items():
        if hasattr(SUITES[name], "draw"):
            SUITES[name].draw(results["cases"], folder)


def read_results() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.glob("*.json")}


def write_results(name: str, suite_results: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(suite_results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
