"""What was trained together under a context, what alone and why, and how long it all took."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from sknets.batching._report_card import make_card

if TYPE_CHECKING:
    import pandas as pd

#: Why a network was trained alone that no engine refused to put into a stack.
BY_ITSELF = "fitted by itself, not by a tool that runs several fits"
IN_A_THREAD = "fitted in a thread that batched_fits was not opened in"
NO_FELLOW = "no other network that waited was like it"
NO_GAIN = "too large for its stack to gain anything, or to find room"
NO_STACK = "no network that could share a stack"
ONE_PASS = "partial_fit, which trains one pass at a time"

# One for all reports, so that a report can be pickled.
_lock = threading.Lock()

_PARTS = ("preparation", "training", "scoring")


@dataclass(frozen=True)
class ReportRow:
    """A stack, or all networks of one kind that were trained alone for one reason.

    Attributes
    ----------
    network : str
    size : int
        Number of networks.
    reason : str
        Why they were trained alone; empty for a stack.
    seconds : float
    epochs : int
        The most that one of them took.
    """

    network: str
    size: int
    reason: str
    seconds: float
    epochs: int


class BatchingReport:
    """What happened under ``with batched_fits() as report``; it may be read at any time, also within the block.

    Attributes
    ----------
    n_fits : int
        Networks that were trained.
    n_stacks : int
        Stacks of two networks and more.
    stack_sizes : list of int
        How many networks of this report each stack had, in the order of training.
    n_alone : int
        Networks that were trained one by one.
    reasons : dict of str to int
        Why, and how many for that reason.
    n_tasks_elsewhere : int
        Tasks of tools with ``n_jobs`` that ran in worker processes, as they do without the context, since no network
        that could share a stack was in them. What they trained is not counted.
    seconds : dict of str to float
        ``"preparation"``: what the tools' tasks did before their last fit and between fits. ``"training"``: all
        trainings. ``"scoring"``: what the tasks did after their last fit. ``"total"``: the clock's time in the block.
        The parts of tasks that run at the same time add up, so that they may exceed the total.
    """

    def __init__(self) -> None:
        self.n_tasks_elsewhere = 0
        self._rows: list[ReportRow] = []
        self._seconds = dict.fromkeys(_PARTS, 0.0)
        self._began = perf_counter()
        self._ended: float | None = None

    @property
    def n_fits(self) -> int:
        """Networks that were trained."""
        return sum(row.size for row in self._copy_rows())

    @property
    def n_stacks(self) -> int:
        """Stacks of two networks and more."""
        return len(self.stack_sizes)

    @property
    def stack_sizes(self) -> list[int]:
        """How many networks of this report each stack had."""
        return [row.size for row in self._copy_rows() if not row.reason]

    @property
    def n_alone(self) -> int:
        """Networks that were trained one by one."""
        return sum(self.reasons.values())

    @property
    def reasons(self) -> dict[str, int]:
        """Why networks were trained alone, and how many for each reason, most frequent first."""
        counts: Counter[str] = Counter()
        for row in self._copy_rows():
            if row.reason:
                counts[row.reason] += row.size
        return dict(counts.most_common())

    @property
    def seconds(self) -> dict[str, float]:
        """Time in preparation, training, scoring, and in all."""
        with _lock:
            parts = dict(self._seconds)
        end = perf_counter() if self._ended is None else self._ended
        return {**parts, "total": end - self._began}

    def to_frame(self) -> "pd.DataFrame":
        """Return a DataFrame with one row a stack, and one for all alike networks that were trained alone for a reason.

        Returns
        -------
        frame : pandas.DataFrame
            Columns ``network``, ``size``, ``reason`` (empty for a stack), ``seconds``, ``epochs`` (the most of all).
        """
        import pandas as pd

        return pd.DataFrame([vars(row) for row in self._copy_rows()], columns=list(ReportRow.__dataclass_fields__))

    def __str__(self) -> str:
        lines = [self._headline()]
        sizes = self.stack_sizes
        if sizes:
            lines.append(f"  {sum(sizes)} in {_count(len(sizes), 'stack')} of {_span(sizes)}")
        lines += [f"  {item}" for item in self._exceptions()]
        lines.append("  " + ", ".join(f"{name} {value:.2f} s" for name, value in self.seconds.items()))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._headline()}>"

    def _repr_html_(self) -> str:
        return make_card(self._headline(), self.stack_sizes, self._exceptions(), self.seconds)

    def _exceptions(self) -> list[str]:
        """Say what was not trained in a stack."""
        items = [f"{n} alone: {reason}" for reason, n in self.reasons.items()]
        if self.n_tasks_elsewhere:
            items.append(f"{_count(self.n_tasks_elsewhere, 'task')} in worker processes: {NO_STACK}")
        return items

    def _headline(self) -> str:
        if not self.n_fits:
            return "No network was trained"
        stacks = f"{_count(self.n_stacks, 'stack')}, " if self.n_stacks else ""
        return f"{_count(self.n_fits, 'network')} trained: {stacks}{self.n_alone} alone"

    def _copy_rows(self) -> Sequence[ReportRow]:
        with _lock:
            return tuple(self._rows)

    def _add_stack(self, network: str, size: int, seconds: float, epochs: int) -> None:
        with _lock:
            self._rows.append(ReportRow(network, size, "", seconds, epochs))
            self._seconds["training"] += seconds

    def _add_alone(self, network: str, reason: str, seconds: float, epochs: int) -> None:
        with _lock:
            self._seconds["training"] += seconds
            for k, row in enumerate(self._rows):
                if (row.network, row.reason) == (network, reason):
                    total, most = row.seconds + seconds, max(row.epochs, epochs)
                    self._rows[k] = replace(row, size=row.size + 1, seconds=total, epochs=most)
                    return
            self._rows.append(ReportRow(network, 1, reason, seconds, epochs))

    def _add_elsewhere(self, n_tasks: int) -> None:
        with _lock:
            self.n_tasks_elsewhere += n_tasks

    def _add_seconds(self, part: str, seconds: float) -> None:
        with _lock:
            self._seconds[part] += seconds

    def _close(self) -> None:
        self._ended = perf_counter()


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _span(sizes: Sequence[int]) -> str:
    smallest, largest = min(sizes), max(sizes)
    return f"{smallest}" if smallest == largest else f"{smallest} to {largest}"
