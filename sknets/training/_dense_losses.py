"""The losses of a pass of the dense program, computed from what its steps leave behind."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from sknets.training._losses import Loss
from sknets.training._plan import Penalty

if TYPE_CHECKING:
    from sknets.training._dense_batches import Batch
    from sknets.training._dense_layers import BatchRows, DenseLayer

# Numbers among the outputs that are kept before their losses are computed: 2 MiB in single precision.
MAX_KEPT_OUTPUTS = 2**19

# Steps after which the squares of the weights are summed up.
MAX_KEPT_NORMS = 64


class EpochLosses:
    """Sums of losses and penalties over the steps of a pass, one for each network.

    Parameters
    ----------
    criteria : sequence of Loss
    penalties : sequence of Penalty
    matrices : sequence of torch.Tensor of shape (k, n_weights)
        The penalised weights' memory, in one or more parts.
    n_rows : int
        Rows in a pass, padding included.
    """

    def __init__(
        self, criteria: Sequence[Loss], penalties: Sequence[Penalty], matrices: list[torch.Tensor], n_rows: int
    ) -> None:
        self.criteria = list(criteria)
        self.penalties = list(penalties)
        self.matrices = matrices
        self.n_pass_rows = n_rows
        self.n_networks = len(self.criteria)
        self.first_row = 0
        settings = [loss.settings() for loss in criteria]
        self.is_alike = all(own == settings[0] for own in settings)
        self.outputs: torch.Tensor | None = None
        self.norms: torch.Tensor | None = None
        self._known_factors: dict[tuple[int, tuple[int, ...]], torch.Tensor] = {}
        self.orders = [
            order for name, order in (("l2", 2), ("l1", 1)) if any(getattr(p, name) > 0 for p in self.penalties)
        ]
        self._start_over()

    def keep(self, layer: "DenseLayer", inputs: torch.Tensor, rows: "BatchRows", batch: "Batch") -> torch.Tensor:
        """Run the output layer of one batch and remember what its loss needs."""
        n_rows = batch.inputs.shape[1]
        buffer = self._buffer(layer, batch)
        if self.kept and (batch.start < self.first_row or batch.start + n_rows - self.first_row > buffer.shape[1]):
            self._add_losses()
        if not self.kept:
            self.first_row = batch.start
        place = batch.start - self.first_row
        kept = self._views.get((place, n_rows))
        if kept is None:
            kept = self._views[place, n_rows] = buffer[:, place : place + n_rows]
        if self.n_networks == 1:
            outputs = layer.forward(inputs, rows, outputs=kept)
        else:
            outputs = layer.forward(inputs, rows)
            kept.copy_(outputs)
        self.kept.append((kept, batch))
        if self.orders:
            self._keep_norms(batch.n_rows)
        return outputs

    def sum_up(self) -> list[float]:
        """Return each network's mean loss, penalty included, over the rows since the last call."""
        self._add_losses()
        self._add_norms()
        totals: Any = self.total.tolist()
        n_rows = self.n_rows
        self._start_over()
        return [total / n if n else float("nan") for total, n in zip(totals, n_rows, strict=True)]

    def _start_over(self) -> None:
        self.kept: list[Any] = []
        self.first_row = 0
        self.n_rows = [0] * self.n_networks
        self.total: Any = torch.zeros(self.n_networks, dtype=torch.float64)
        self.n_kept_norms = 0
        self.n_rows_of_norms: list[tuple[int, ...]] = []

    def _buffer(self, layer: "DenseLayer", batch: "Batch") -> torch.Tensor:
        n_outputs = layer.weight.shape[1]
        n_rows = batch.inputs.shape[1]
        if self.outputs is None or n_rows > self.outputs.shape[1]:
            self._add_losses()
            limit = MAX_KEPT_OUTPUTS // (self.n_networks * n_outputs)
            self._views: dict[tuple[int, int], torch.Tensor] = {}
            self.outputs = layer.weight.new_empty(self.n_networks, max(n_rows, min(limit, self.n_pass_rows)), n_outputs)
        return self.outputs

    def _add_losses(self) -> None:
        """Compute the losses of the kept batches, in one go where they stand side by side."""
        if not self.kept:
            return
        batches = [batch for _, batch in self.kept]
        outputs = torch.cat([kept for kept, _ in self.kept], 1)
        targets = torch.cat([batch.targets for batch in batches], 1)
        losses = self._losses_of_rows(outputs, targets)
        weights = _join_weights(batches)
        if weights is not None:
            # What stands in padding is no number of anyone's.
            losses = torch.where(weights > 0, losses * weights, 0.0)
        self.total = self.total + losses.sum(1, dtype=torch.float64).cpu()
        for batch in batches:
            self.n_rows = [total + n for total, n in zip(self.n_rows, batch.n_rows, strict=True)]
        self.kept = []

    def _losses_of_rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if not self.is_alike:
            pairs = zip(self.criteria, outputs, targets, strict=True)
            return torch.stack([loss.rows(*own) for loss, *own in pairs])
        return self.criteria[0].rows(outputs.flatten(0, 1), targets.flatten(0, 1)).view(self.n_networks, -1)

    def _keep_norms(self, n_rows: tuple[int, ...]) -> None:
        if self.norms is None:
            shape = (MAX_KEPT_NORMS, len(self.orders) * len(self.matrices), self.n_networks)
            self.norms = self.matrices[0].new_empty(shape)
            self._places: list[list[torch.Tensor]] = []
        elif self.n_kept_norms == MAX_KEPT_NORMS:
            self._add_norms()
        if self.n_kept_norms == len(self._places):
            self._places.append(list(self.norms[self.n_kept_norms].unbind()))
        places = iter(self._places[self.n_kept_norms])
        for order in self.orders:
            for matrix in self.matrices:
                torch.linalg.vector_norm(matrix, order, 1, out=next(places))
        self.n_kept_norms += 1
        self.n_rows_of_norms.append(n_rows)

    def _add_norms(self) -> None:
        if not self.n_kept_norms:
            return
        norms: Any = self.norms
        kept = norms[: self.n_kept_norms].to("cpu", torch.float64)
        kept = kept.unflatten(1, (len(self.orders), -1))  # (steps, orders, parts, k)
        for index, order in enumerate(self.orders):
            sums = kept[:, index].square().sum(1) if order == 2 else kept[:, index].sum(1)  # (steps, k)
            factors = torch.stack([self._factors(order, n_rows) for n_rows in self.n_rows_of_norms])
            self.total = self.total + sums.mul_(factors).sum(0)
        self.n_kept_norms = 0
        self.n_rows_of_norms = []

    def _factors(self, order: int, n_rows: tuple[int, ...]) -> torch.Tensor:
        """Return what each network's norm adds to the sum of its rows' losses in a step."""
        factors = self._known_factors.get((order, n_rows))
        if factors is None:
            shares = [
                (0.5 * penalty.l2 if order == 2 else penalty.l1) * penalty.scale(n) * n
                for penalty, n in zip(self.penalties, n_rows, strict=True)
            ]
            factors = self._known_factors[order, n_rows] = torch.tensor(shares, dtype=torch.float64)
        return factors


def _join_weights(batches: "list[Batch]") -> torch.Tensor | None:
    if all(batch.weights is None for batch in batches):
        return None
    dtype = next(batch.weights.dtype for batch in batches if batch.weights is not None)
    parts = [
        batch.inputs.new_ones(batch.inputs.shape[:2], dtype=dtype)
        if batch.weights is None
        else batch.weights.squeeze(2)
        for batch in batches
    ]
    return torch.cat(parts, 1)
