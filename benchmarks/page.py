"""docs/benchmarks.md, put together from the stored results of all suites."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("sknets", "torch", "skorch", "scikit-learn", "numpy")

HEAD = """\
# Benchmarks

Written by `make bench`; do not edit. Every row of a table with contenders was measured in a process of its own, with
`OMP_NUM_THREADS` (and its fellows for BLAS) set to the number of threads given. The contenders take turns
(A B C A B C ...) after one warm-up each; times are medians over the runs, ratios are medians of the ratios of
neighbouring runs. Seconds depend on the machine and on what else it does, ratios much less so."""


def describe_machine() -> dict[str, str]:
    return {
        "hardware": f"{_cpu_model()}, {os.cpu_count()} cores, no accelerator used",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{package} {version(package)}" for package in PACKAGES),
    }


def render(suites: dict[str, Any], stored: dict[str, dict[str, Any]]) -> str:
    """Return the page: one section for each suite, in the order of ``suites``."""
    sections = [f"## {suite.TITLE}\n\n{_body(suite, stored.get(name))}" for name, suite in suites.items()]
    return "\n\n".join([HEAD, *sections]) + "\n"


def table(header: list[str], rows: Iterable[list[Any]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def within(value: float, bound: float | None, digits: int = 2) -> str:
    """Return the value beside its bound, and whether the bound holds."""
    figure = f"{value:.{digits}f}"
    if bound is None:
        return figure
    # Compared as printed, so that the page never says that 1.10 is more than 1.10.
    return f"{figure} ≤ {bound:g}, met" if float(figure) <= bound else f"**{figure}** > {bound:g}, missed"


def at_least(value: float, bound: float | None, digits: int = 1) -> str:
    """Return the value beside the bound that it must reach, and whether it does."""
    figure = f"{value:.{digits}f}"
    if bound is None:
        return figure
    return f"{figure} ≥ {bound:g}, met" if float(figure) >= bound else f"**{figure}** < {bound:g}, missed"


def _body(suite: Any, stored: dict[str, Any] | None) -> str:
    if stored is None:
        return f"Not measured{'' if suite.cases(is_quick=False) else ': `SKNETS_DATA` was not set'}."
    run = f"`{stored['command']}`, {stored['date']}"
    duration = f"{stored['minutes']:.1f} minutes, on a machine whose load before was {stored['load']:.1f}"
    facts = [run, duration, *stored["machine"].values()]
    return suite.section(stored["cases"]) + "\n\n" + "<br>\n".join(f"*{fact}*" for fact in facts)


def _cpu_model() -> str:
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
