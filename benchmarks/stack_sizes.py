"""Time per fit against the number of networks in a stack, and where a stack gains nothing any more."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from benchmarks.blobs import make_blobs
from benchmarks.many_fits import TRAIN_SHARE, fit_inside, fit_outside, make_network
from benchmarks.page import table
from benchmarks.timing import THREADS, alternate, paired_ratio

TITLE = "Time per fit in a stack"
PICTURE = "benchmarks_stack_sizes.png"
N_RUNS = 3
STACK_SIZES = [1, 4, 16, 64, 256]

#: Number of networks, input features and classes of the second table.
N_NETWORKS, N_FEATURES, N_CLASSES = 20, 30, 2
WIDTHS = [16, 32, 64, 128, 256, 512]
BATCH_SIZES = [16, 32, 64, 128, 256]
#: Larger steps are left out: what is alone at a tenth of them stays alone.
MAX_STEP_FLOPS = 150e6
#: A smaller gain is none.
MIN_GAIN = 1.1


@dataclass(frozen=True)
class Shape:
    """Training rows, layers and schedule."""

    n_train: int
    sizes: tuple[int, ...]
    batch_size: int
    n_epochs: int

    def __str__(self) -> str:
        return f"{self.n_train} x {'-'.join(map(str, self.sizes))}, batch {self.batch_size}"


SHAPES_IN_ORDER = [
    Shape(120, (4, 16, 3), batch_size=32, n_epochs=20),
    Shape(455, (30, 64, 2), batch_size=32, n_epochs=10),
    Shape(1_437, (64, 64, 64, 10), batch_size=64, n_epochs=5),
    Shape(2_000, (100, 256, 10), batch_size=128, n_epochs=2),
    Shape(2_000, (300, 512, 10), batch_size=200, n_epochs=1),
]
SHAPES = {str(shape): shape for shape in SHAPES_IN_ORDER}


def cases(is_quick: bool) -> list[dict[str, Any]]:
    if is_quick:
        curves = [(str(shape), [1, 4, 16], 1, 1) for shape in SHAPES_IN_ORDER[:2]]
        grids = [(32, [16, 256], 1, 1)]
    else:
        curves = [(name, STACK_SIZES, threads, N_RUNS) for name in SHAPES for threads in THREADS]
        grids = [(batch_size, WIDTHS, threads, N_RUNS) for threads in THREADS for batch_size in BATCH_SIZES]
    return [
        *(
            {"what": "curve", "shape": name, "stack_sizes": sizes, "threads": threads, "n_runs": n_runs}
            for name, sizes, threads, n_runs in curves
        ),
        *(
            {"what": "grid", "batch_size": batch_size, "widths": widths, "threads": threads, "n_runs": n_runs}
            for batch_size, widths, threads, n_runs in grids
        ),
    ]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    return MEASUREMENTS[case["what"]](case)


def measure_curve(case: dict[str, Any]) -> dict[str, Any]:
    shape = SHAPES[case["shape"]]
    n_features, *hidden, n_classes = shape.sizes
    X, y = make_blobs(math.ceil(shape.n_train / TRAIN_SHARE), n_features, n_classes, "float32")
    network = make_network(hidden, shape.batch_size, shape.n_epochs)
    for size in case["stack_sizes"][:3]:
        fit_inside(network, size, X, y)
    stacks = {}

    def fit(size: int) -> None:
        stacks[str(size)] = fit_inside(network, size, X, y).stack_sizes

    contenders = {str(size): lambda size=size: fit(size) for size in case["stack_sizes"]}
    seconds, _ = alternate(contenders, case["n_runs"], warm_up=False)
    return {"seconds": seconds, "stacks": stacks}


def measure_grid(case: dict[str, Any]) -> dict[str, Any]:
    """Compare 20 fits inside and outside for each width, all with as many steps in an epoch."""
    X, y = make_blobs(math.ceil(8 * case["batch_size"] / TRAIN_SHARE), N_FEATURES, N_CLASSES, "float32")
    cells = {}
    for width in case["widths"]:
        flops = _step_flops(width, case["batch_size"])
        if flops > MAX_STEP_FLOPS:
            continue
        # A few hundredths of a second a fit, so that what surrounds the training weighs little.
        n_epochs = int(min(max(50e6 / flops, 2), 25))
        network = make_network((width, width), case["batch_size"], n_epochs)
        contenders = {
            "outside": lambda network=network: fit_outside(network, N_NETWORKS, X, y),
            "inside": lambda network=network: fit_inside(network, N_NETWORKS, X, y),
        }
        seconds, results = alternate(contenders, case["n_runs"])
        cells[str(width)] = {"seconds": seconds, "stacks": results["inside"].stack_sizes}
    return {"cells": cells}


def _step_flops(width: int, batch_size: int) -> float:
    # Forward, and backward for weights and for inputs: a product and a sum each.
    return 6.0 * (N_FEATURES * width + width**2 + width * N_CLASSES) * batch_size


MEASUREMENTS = {"curve": measure_curve, "grid": measure_grid}


# ---------------------------------------------------------------------------------------------------------------------
# The page
# ---------------------------------------------------------------------------------------------------------------------


def section(results: list[dict[str, Any]]) -> str:
    curves, grids = ([case for case in results if case["what"] == what] for what in MEASUREMENTS)
    return f"{_curve_section(curves)}\n\n{_grid_section(grids)}"


def _curve_section(curves: list[dict[str, Any]]) -> str:
    sizes = curves[0]["stack_sizes"]
    rows = [
        [case["shape"], case["threads"], *(_cell(case, size) for size in sizes), f"{_largest_gain(case):.1f}"]
        for case in curves
    ]
    header = ["training rows, network, batch", "threads", *(f"K = {size}" for size in sizes), "largest gain"]
    return (
        "`cross_validate` of one `MLPClassifier` over K random splits under `batched_fits()`, float32: milliseconds "
        f"per fit, the whole call divided by K, median of {curves[0]['n_runs']} alternating runs; nothing is "
        "subtracted, so splitting and scoring are in it. Where no two networks shared a stack, the figure is in "
        "brackets. The largest gain is over K = 1. The numbers of epochs differ "
        f"({', '.join(str(shape.n_epochs) for shape in SHAPES_IN_ORDER)}), so that lines are not to be compared with "
        f"one another.\n\n![Milliseconds per fit against the number of fits, one line for each shape]({PICTURE})\n\n"
        + table(header, rows)
    )


def _cell(case: dict[str, Any], size: int) -> str:
    figure = f"{_milliseconds(case, size):.2f}"
    return figure if size == 1 or case["stacks"][str(size)] else f"({figure})"


def _milliseconds(case: dict[str, Any], size: int) -> float:
    return 1e3 * median(case["seconds"][str(size)]) / size


def _largest_gain(case: dict[str, Any]) -> float:
    return max(_milliseconds(case, 1) / _milliseconds(case, size) for size in case["stack_sizes"])


def _grid_section(grids: list[dict[str, Any]]) -> str:
    widths = max((case["widths"] for case in grids), key=len)
    rows = [
        [case["threads"], case["batch_size"], *(_gain_cell(case["cells"].get(str(width))) for width in widths)]
        for case in grids
    ]
    ends = [_conclude(threads, grids) for threads in dict.fromkeys(case["threads"] for case in grids)]
    return (
        f"How many times as fast {N_NETWORKS} fits of a network {N_FEATURES}-w-w-{N_CLASSES} are inside the context as "
        f"outside of it, by width w and batch size (eight batches an epoch; median of the ratios of "
        f"{grids[0]['n_runs']} paired runs). In brackets: the cost rule trained them one by one. Empty: more than "
        f"{MAX_STEP_FLOPS / 1e6:.0f} million floating-point operations a step, not measured.\n\n"
        + table(["threads", "batch", *(f"w = {width}" for width in widths)], rows)
        + "\n\n"
        + " ".join(ends)
    )


def _gain_cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    figure = f"{_gain(cell):.2f}"
    return figure if cell["stacks"] else f"({figure})"


def _gain(cell: dict[str, Any]) -> float:
    return paired_ratio(cell["seconds"], "outside", "inside")


def _conclude(threads: int, grids: list[dict[str, Any]]) -> str:
    """Say for each batch size from which width on no gain is left."""
    ended, lasting = [], []
    for case in (case for case in grids if case["threads"] == threads):
        width = _first_without_gain(case)
        if width is None:
            lasting.append(str(case["batch_size"]))
        else:
            ended.append(f"{width} with batches of {case['batch_size']}")
    subject = f"With {threads} thread{'s' if threads > 1 else ''}"
    ends = f"the gain ends (is below {MIN_GAIN} from there on) at a width of {_enumerate(ended)}" if ended else ""
    lasts = f"it lasts over all measured widths with batches of {_enumerate(lasting)}" if lasting else ""
    return f"{subject} {'; '.join(part for part in (ends, lasts) if part)}."


def _first_without_gain(case: dict[str, Any]) -> int | None:
    first = None
    for width in sorted(map(int, case["cells"]), reverse=True):
        if _gain(case["cells"][str(width)]) >= MIN_GAIN:
            break
        first = width
    return first


def _enumerate(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def draw(results: list[dict[str, Any]], folder: Path) -> None:
    """Write the picture that the section shows."""
    curves = [case for case in results if case["what"] == "curve"]
    numbers = list(dict.fromkeys(case["threads"] for case in curves))
    with mpl.rc_context({**mpl.rcParamsDefault, "font.size": 10}):
        figure = Figure(figsize=(4.6 * len(numbers) + 0.6, 4.6), layout="constrained", facecolor="white")
        panels = figure.subplots(1, len(numbers), sharey=True, squeeze=False)[0]
        for ax, threads in zip(panels, numbers, strict=True):
            _draw_panel(ax, [case for case in curves if case["threads"] == threads])
            ax.set_title(f"{threads} thread{'s' if threads > 1 else ''}")
        panels[0].set_ylabel("time per fit (ms)")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        figure.savefig(folder / PICTURE, dpi=150, metadata={"Software": None})


def _draw_panel(ax: Axes, curves: Iterable[dict[str, Any]]) -> None:
    for case, marker in zip(curves, "os^Dv", strict=False):
        sizes = case["stack_sizes"]
        ax.plot(sizes, [_milliseconds(case, size) for size in sizes], marker=marker, label=case["shape"])
    ax.set(xscale="log", yscale="log", xlabel="number of fits K")
    ax.xaxis.set(major_locator=FixedLocator(sizes), minor_locator=NullLocator(), major_formatter=FuncFormatter(_plain))
    ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), minor_locator=NullLocator())
    ax.yaxis.set(major_formatter=FuncFormatter(_plain))
    ax.grid(which="both", color="0.92")
    ax.spines[["top", "right"]].set_visible(False)


def _plain(value: float, position: int) -> str:
    return f"{value:g}"
