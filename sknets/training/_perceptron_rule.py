"""Rosenblatt's rule: row after row, and only a misclassified row moves the boundary.

Rows that are equal, in features and target, are one row with the sum of their weights, and rows come in an order that
is drawn from their contents, not from their places. So a weight of 2 is the same as a repeated row.

References
----------
F. Rosenblatt, The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain,
Psychological Review 65, 1958.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import sparse

from sknets.exceptions import DivergenceError
from sknets.training._batches import BatchOrder
from sknets.training._epoch_log import begin_epoch, drop_epoch, end_epoch
from sknets.training._plan import Penalty, Rows
from sknets.training._row_sources import SparseRows

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet

# Scores of a block of rows are computed together, and corrected by each update within the block.
BLOCK_ROWS = 256

# In a table of four rows, five passes without gain say nothing; patience covers at least this many rows.
MIN_PATIENCE_ROWS = 1000


class DistinctRows:
    """The rows of a training set without repetition, on the CPU in double precision.

    Attributes
    ----------
    inputs : ndarray or CSR matrix of shape (n, n_features)
    signs : ndarray of shape (n, n_outputs)
        +1 where a column's class is the row's own, else -1.
    weights : ndarray of shape (n,)
    """

    def __init__(self, train: Rows, n_outputs: int, mean_weight: float, keep_order: bool) -> None:
        inputs = train.inputs.matrix if isinstance(train.inputs, SparseRows) else train.inputs.double().cpu().numpy()
        signs = _signs(train.targets, n_outputs)
        weights = np.full(len(signs), mean_weight)
        if train.weights is not None:
            weights *= train.weights.double().cpu().numpy()
        # Equal rows have equal hashes; that two others agree in 64 bits is not to be expected.
        _, first, group = np.unique(_hash_rows(inputs, signs), return_index=True, return_inverse=True)
        sums = np.bincount(group, weights=weights)
        order = np.argsort(first) if keep_order else slice(None)
        chosen = first[order]
        self.inputs, self.signs, self.weights = inputs[chosen], signs[chosen], sums[order]

    def __len__(self) -> int:
        return len(self.weights)

    def block(self, rows: np.ndarray, has_bias: bool) -> np.ndarray:
        """Return dense inputs of some rows, with a column of ones for the bias."""
        dense = self.inputs[rows]
        dense = dense.toarray().astype(np.float64) if sparse.issparse(dense) else dense
        return np.hstack([dense, np.ones((len(dense), 1))]) if has_bias else dense


def apply_perceptron_rule(net: "InMemoryNet", train: Rows, validation: Rows | None, n_epochs: int) -> None:
    """Pass over the rows until a pass has no mistake, or training gains too little, or ``n_epochs`` are over."""
    layer = net.last_linear_layer
    has_bias = layer.bias is not None
    weights = np.hstack([_numpy(layer.weight), _numpy(layer.bias)[:, None]] if has_bias else [_numpy(layer.weight)])
    rows = DistinctRows(train, len(weights), net.recipe.penalty.mean_weight, keep_order=not net.recipe.shuffle)
    if (net.order.n_rows, net.order.batch_size) != (len(rows), 1):
        net.order = BatchOrder(len(rows), 1, net.recipe.shuffle, net.random)
    net.rule.patience = max(net.rule.patience, MIN_PATIENCE_ROWS // len(rows))
    for _ in range(n_epochs):
        begin_epoch(net)
        loss, n_mistakes = _pass_over(net, rows, weights, has_bias)
        if not np.isfinite(weights).all():
            drop_epoch(net)
            raise DivergenceError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                f"preprocessed: scale X (StandardScaler), or lower eta0={net.recipe.solver.learning_rate:g}."
            )
        _write(layer, weights, has_bias)
        should_stop = end_epoch(net, loss, validation, net.recipe.solver.learning_rate, len(train))
        if not n_mistakes or net.rule.is_exhausted:
            net.has_converged = True
            break
        if should_stop:
            break
    net.restore_best()


def _pass_over(net: "InMemoryNet", rows: DistinctRows, weights: np.ndarray, has_bias: bool) -> tuple[float, int]:
    """Update ``weights``, of shape (n_outputs, n_features + 1), in place; return the mean loss and the mistakes."""
    rate, penalty, loss, n_mistakes = net.recipe.solver.learning_rate, net.recipe.penalty, 0.0, 0
    drawn = net.order.next_epoch()
    places = np.arange(len(rows)) if drawn is None else drawn.numpy()
    update = _update_with_penalty if penalty else _update_plainly
    for start in range(0, len(rows), BLOCK_ROWS):
        chosen = places[start : start + BLOCK_ROWS]
        steps = rate * rows.weights[chosen]
        block_loss, block_mistakes = update(
            weights, rows.block(chosen, has_bias), rows.signs[chosen], steps, penalty, rate, has_bias
        )
        loss += block_loss
        n_mistakes += block_mistakes
    return float(loss / rows.weights.sum()), n_mistakes


def _signs(targets: torch.Tensor, n_outputs: int) -> np.ndarray:
    """Return +1 where a column's class is the row's own and -1 elsewhere, of shape (n, n_outputs)."""
    if targets.ndim == 1:
        return 2.0 * np.eye(n_outputs)[targets.cpu().numpy()] - 1.0
    return 2.0 * targets.double().cpu().numpy() - 1.0


def _hash_rows(inputs: Any, signs: np.ndarray) -> np.ndarray:
    """Return a 64-bit number per row that depends on its contents alone, the same for sparse and dense rows."""
    n_features, n_outputs = inputs.shape[1], signs.shape[1]
    factors = np.random.default_rng(0).integers(1, 2**63, n_features + n_outputs, dtype=np.uint64) | np.uint64(1)
    with np.errstate(over="ignore"):
        if sparse.issparse(inputs):
            terms = _bits(inputs.data.astype(np.float64)) * factors[inputs.indices]
            hashes = np.zeros(inputs.shape[0], dtype=np.uint64)
            np.add.at(hashes, np.repeat(np.arange(inputs.shape[0]), np.diff(inputs.indptr)), terms)
        else:
            hashes = _bits(inputs) @ factors[:n_features]
        return hashes + _bits(signs) @ factors[n_features:]


def _bits(values: np.ndarray) -> np.ndarray:
    """Return 64 well-mixed bits per number, zero for zero (splitmix64's finaliser; its constants)."""
    # Adding zero turns -0.0 into 0.0, whose bits are all zero.
    bits = np.ascontiguousarray(values + 0.0).view(np.uint64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _update_plainly(
    weights: np.ndarray,
    rows: np.ndarray,
    signs: np.ndarray,
    steps: np.ndarray,
    penalty: Penalty,
    rate: float,
    has_bias: bool,
) -> tuple[float, int]:
    scores = rows @ weights.T  # (n, n_outputs)
    # What adding a multiple of one row to the weights adds to every row's score.
    overlaps = rows @ rows.T
    loss, n_mistakes, next_row = 0.0, 0, 0
    while True:
        wrong = scores[next_row:] * signs[next_row:] <= 0
        later = np.flatnonzero(wrong.any(axis=1))
        if not len(later):
            return loss, n_mistakes
        index = next_row + later[0]
        is_wrong = wrong[later[0]]
        loss -= float((scores[index] * signs[index])[is_wrong].sum()) * steps[index] / rate
        change = steps[index] * signs[index] * is_wrong  # (n_outputs,)
        weights += np.outer(change, rows[index])
        scores += np.outer(overlaps[index], change)
        n_mistakes += 1
        next_row = index + 1


def _update_with_penalty(
    weights: np.ndarray,
    rows: np.ndarray,
    signs: np.ndarray,
    steps: np.ndarray,
    penalty: Penalty,
    rate: float,
    has_bias: bool,
) -> tuple[float, int]:
    """Shrink the weights after every row, right or wrong, as a penalty's gradient does."""
    loss, n_mistakes = 0.0, 0
    n_features = weights.shape[1] - int(has_bias)
    for row, sign, step in zip(rows, signs, steps, strict=True):
        margins = (weights @ row) * sign
        is_wrong = margins <= 0
        loss -= float(margins[is_wrong].sum()) * step / rate
        n_mistakes += int(is_wrong.any())
        weights += np.outer(step * sign * is_wrong, row)
        inner = weights[:, :n_features]
        inner *= max(0.0, 1.0 - rate * penalty.l2)
        np.copyto(inner, np.sign(inner) * (np.abs(inner) - rate * penalty.l1).clip(min=0))
    return loss, n_mistakes


def _write(layer: torch.nn.Linear, weights: np.ndarray, has_bias: bool) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights[:, : layer.weight.shape[1]]))
        if has_bias:
            layer.bias.copy_(torch.from_numpy(weights[:, -1]))


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy().copy()
