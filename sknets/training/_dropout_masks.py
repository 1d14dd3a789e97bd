"""What dropout keeps in batches to come, drawn for many networks at once, as their layers would draw it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from sknets.nn import Dropout, draw_pairs_of_words, draw_words, find_threshold


class DropoutMasks:
    """The dropout layers of networks of one structure, and their random numbers.

    Parameters
    ----------
    dropouts : sequence of sequences of Dropout or None
        Of each layer those of all networks; None where a layer drops nothing.
    widths : sequence of int
        Elements in a row of each layer's outputs.
    """

    def __init__(self, dropouts: Sequence[Sequence[Dropout | None]], widths: Sequence[int]) -> None:
        self._layers = [
            (layer, k, int(width), dropout)
            for layer, (same, width) in enumerate(zip(dropouts, widths, strict=True))
            for k, dropout in enumerate(same)
            if dropout is not None
        ]
        self._thresholds = np.array([[find_threshold(1 - drop.p) if drop else 0 for drop in same] for same in dropouts])
        self._scales = np.array([[1 / (1 - drop.p) if drop else 1.0 for drop in same] for same in dropouts])
        self._no_starts = np.full(self._scales.shape, -1)

    @property
    def bytes_per_row(self) -> int:
        """Bytes that a row of every network takes."""
        return 4 * sum(width for _, _, width, _ in self._layers)

    def draw(self, rows: np.ndarray, n_epochs: Sequence[int]) -> tuple[np.ndarray, ...]:
        """Draw for some batches, one after the other, as often as each network takes them.

        Parameters
        ----------
        rows : int array of shape (n_batches, k)
            Rows of each network in each batch.
        n_epochs : sequence of int

        Returns
        -------
        words, starts, thresholds, scales : arrays
            The kernel's ``masks``.
        """
        starts = self._no_starts.copy()
        n_words = 0
        totals = rows.sum(0).tolist()
        for layer, k, width, _ in self._layers:
            starts[layer, k] = n_words
            n_words += totals[k] * n_epochs[k] * width
        words = torch.empty((n_words + 1) // 2, dtype=torch.int64).view(torch.int32)[:n_words]
        for layer, k, width, dropout in self._layers:
            _draw_words(words[starts[layer, k] :], np.tile(rows[:, k] * width, n_epochs[k]), dropout.generator)
        return words.numpy(), starts, self._thresholds, self._scales

    def mark(self) -> list[Any]:
        """Return what ``go_back`` needs to come back to this epoch."""
        return [None if drop.generator is None else drop.generator.get_state() for *_, drop in self._layers]

    def go_back(self, mark: list[Any], rows: np.ndarray, network: int, n_epochs: int) -> None:
        """Be as if a network had drawn for no more than ``n_epochs`` times these batches since the mark."""
        for (_, k, width, dropout), state in zip(self._layers, mark, strict=True):
            if k == network and dropout.generator is not None:
                dropout.generator.set_state(state)
                sizes = np.tile(rows[:, k] * width, n_epochs)
                _draw_words(torch.empty(int(sizes.sum()), dtype=torch.int32), sizes, dropout.generator)


def _draw_words(words: torch.Tensor, sizes: np.ndarray, generator: torch.Generator | None) -> None:
    """Write what a layer draws for batches of these sizes to the front of ``words``."""
    if not (sizes % 2).any() and words.storage_offset() % 2 == 0:
        draw_pairs_of_words(words[: int(sizes.sum())].view(torch.int64), generator)
        return
    # An odd number of words leaves half of the last draw unused.
    start = 0
    for n in sizes.tolist():
        words[start : start + n] = draw_words(n, generator)
        start += n
