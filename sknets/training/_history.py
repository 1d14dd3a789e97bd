"""The log of a training: one row an epoch, kept in skorch's History and shown as plain rows."""

from collections.abc import Sequence
from typing import Any

from skorch.history import History

# What skorch or its callbacks write for themselves.
_INTERNAL_KEYS = {"batches", "train_batch_count", "valid_batch_count", "train_loss_best", "valid_loss_best"}


def history_rows(history: History) -> list[dict[str, Any]]:
    """Return one plain dictionary an epoch, ready for ``pandas.DataFrame``."""
    return [{key: value for key, value in row.items() if key not in _INTERNAL_KEYS} for row in list.__iter__(history)]


def column(history: History, key: str) -> list[Any]:
    """Return one value an epoch, for the epochs that have it."""
    return [row[key] for row in list.__iter__(history) if key in row]


def open_row(history: History) -> None:
    """Begin an epoch."""
    list.append(history, {"batches": [], "epoch": list.__len__(history) + 1})


def write_rows(history: History, start: int, rows: Sequence[dict[str, Any]]) -> None:
    """Put whole epochs in the place of those from ``start`` on."""
    numbered = [{"batches": [], "epoch": start + k, **row} for k, row in enumerate(rows, 1)]
    list.__setitem__(history, slice(start, None), numbered)


def last_row(history: History) -> dict[str, Any]:
    """Return the last epoch's own dictionary; skorch's indexing would copy the whole list."""
    return list.__getitem__(history, -1)
