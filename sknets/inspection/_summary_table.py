"""The table of a network's layers: its numbers, and how it prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import torch

from sknets.inspection._layer_description import describe_layer
from sknets.inspection._layer_trace import LayerRun, Shape

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = ("Name", "Layer", "Output shape", "Parameters", "Trainable", "Note")

# Columns of numbers, which stand on the right.
NUMBERS = (3, 4)

# Below it the size would print as zero.
SMALLEST_SIZE_MIB = 0.01


@dataclass(frozen=True)
class SummaryRow:
    """One line of the table.

    Attributes
    ----------
    name : str
        The layer's place in the module: ``module_.get_submodule(name)`` gives it.
    layer : str
        Its type and most telling settings.
    output_shape : tuple of int and None, or None
        None within it stands for the axis of rows; None for a layer that was not called, or gives no tensor.
    n_parameters, n_trainable : int
        Without those that an earlier line counts.
    note : str
        What is unusual: "frozen", "not called", "2 calls", "again" for a layer that gave another shape before, and
        "shares parameters" with an earlier line.
    """

    name: str
    layer: str
    output_shape: Shape | None
    n_parameters: int
    n_trainable: int
    note: str = ""


@dataclass(frozen=True, repr=False)
class Summary:
    """Layers, output shapes and numbers of parameters of a network; ``print`` shows them as a table.

    :func:`summary` makes one.

    Attributes
    ----------
    title : str
        Type of the estimator or module.
    input_shape : tuple of int and None
        What the network takes; None stands for the axis of rows.
    rows : list of SummaryRow
        ``name``, ``layer``, ``output_shape``, ``n_parameters``, ``n_trainable`` and ``note`` of each layer.
    n_parameters, n_trainable : int
        All parameters, and those that training changes.
    size_mib : float
        Memory of the parameters, in MiB (2**20 bytes).
    device : torch.device
    dtype : torch.dtype
        Of the numbers that the network computes with.

    See Also
    --------
    sknets.summary : Makes one of an estimator.

    Examples
    --------
    >>> from torch import nn
    >>> from sknets import summary
    >>> table = summary(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), input_shape=3)
    >>> table.n_parameters
    26
    >>> table.to_frame()[["layer", "output_shape", "n_parameters"]]
              layer output_shape  n_parameters
    0  Linear(3, 4)       (n, 4)            16
    1          ReLU       (n, 4)             0
    2  Linear(4, 2)       (n, 2)            10
    """

    title: str
    input_shape: Shape
    rows: list[SummaryRow]
    size_mib: float
    device: torch.device
    dtype: torch.dtype

    @property
    def n_parameters(self) -> int:
        """All parameters."""
        return sum(row.n_parameters for row in self.rows)

    @property
    def n_trainable(self) -> int:
        """Parameters that training changes."""
        return sum(row.n_trainable for row in self.rows)

    def to_frame(self) -> "pd.DataFrame":
        """Return the table as a DataFrame with one row a layer.

        Returns
        -------
        frame : pandas.DataFrame
            Columns ``name``, ``layer``, ``output_shape`` (as it prints), ``n_parameters``, ``n_trainable``, ``note``.
        """
        import pandas as pd

        columns = list(SummaryRow.__dataclass_fields__)
        rows = [{**vars(row), "output_shape": _format_shape(row.output_shape)} for row in self.rows]
        return pd.DataFrame(rows, columns=columns)

    def __str__(self) -> str:
        lines = self._lines()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        headings, *body, totals = (_align(line, widths) for line in lines)
        rule = _align(["-" * width for width in widths], widths)
        return "\n".join([self._caption(), "", headings, rule, *body, rule, totals, "", self._size()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        headings, *body, totals = self._lines()
        return "\n".join(
            [
                "<table>",
                f"<caption>{escape(self._caption())}</caption>",
                f"<thead>{_html_row(headings, 'th')}</thead>",
                "<tbody>",
                *(_html_row(line, "td") for line in body),
                "</tbody>",
                f"<tfoot>{_html_row(totals, 'th')}</tfoot>",
                "</table>",
                f"<p>{escape(self._size())}</p>",
            ]
        )

    def _lines(self) -> list[tuple[str, ...]]:
        """Return headings, one line a layer, and totals; a column for notes only where there are some."""
        body = [
            (r.name, r.layer, _format_shape(r.output_shape), f"{r.n_parameters:,}", f"{r.n_trainable:,}", r.note)
            for r in self.rows
        ]
        totals = ("Total", "", "", f"{self.n_parameters:,}", f"{self.n_trainable:,}", "")
        n_columns = len(HEADINGS) if any(r.note for r in self.rows) else len(HEADINGS) - 1
        return [line[:n_columns] for line in [HEADINGS, *body, totals]]

    def _caption(self) -> str:
        return f"{self.title}, input {_format_shape(self.input_shape)}"

    def _size(self) -> str:
        is_small = self.size_mib < SMALLEST_SIZE_MIB
        size = f"less than {SMALLEST_SIZE_MIB}" if is_small else f"{self.size_mib:,.2f}"
        return f"Size of the parameters: {size} MiB ({str(self.dtype).removeprefix('torch.')}, on {self.device})"


def make_rows(runs: Sequence[LayerRun]) -> list[SummaryRow]:
    """Describe layers and count each parameter where it comes first."""
    counted: set[int] = set()
    listed: set[int] = set()
    rows = []
    for run in runs:
        new = [p for p in run.parameters if id(p) not in counted]
        rows.append(
            SummaryRow(
                name=run.name,
                layer=describe_layer(run.layer),
                output_shape=run.output_shape,
                n_parameters=sum(p.numel() for p in new),
                n_trainable=sum(p.numel() for p in new if p.requires_grad),
                note=_note(run, is_again=id(run.layer) in listed, shares=len(new) < len(run.parameters)),
            )
        )
        counted.update(map(id, new))
        listed.add(id(run.layer))
    return rows


def _note(run: LayerRun, is_again: bool, shares: bool) -> str:
    is_frozen = bool(run.parameters) and not any(p.requires_grad for p in run.parameters)
    # A list of parameters has nothing to call.
    can_be_called = type(run.layer).forward is not torch.nn.Module.forward
    notes = [
        "frozen" if is_frozen else "",
        "again" if is_again else "",
        "shares parameters" if shares and not is_again else "",
        f"{run.n_calls} calls" if run.n_calls > 1 else "",
        "not called" if run.n_calls == 0 and can_be_called else "",
    ]
    return ", ".join(note for note in notes if note)


def _format_shape(shape: Shape | None) -> str:
    if shape is None:
        return "-"
    sizes = ["n" if size is None else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def _align(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = (
        cell.rjust(width) if k in NUMBERS else cell.ljust(width)
        for k, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(aligned).rstrip()


def _html_row(cells: Sequence[str], tag: str) -> str:
    sides = ["right" if k in NUMBERS else "left" for k in range(len(cells))]
    parts = (
        f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>' for side, cell in zip(sides, cells, strict=True)
    )
    return f"<tr>{''.join(parts)}</tr>"
