"""Rosenblatt's rule: row after row, and only a misclassified row moves the boundary.

References
----------
F. Rosenblatt, The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain,
Psychological Review 65, 1958.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch

from sknets.training._batches import iterate_batches
from sknets.training._plan import Penalty, Rows

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet

# Scores of a block of rows are computed together, and corrected by each update within the block.
BLOCK_ROWS = 256


def apply_perceptron_rule(net: "InMemoryNet", train: Rows, validation: Rows | None, n_epochs: int) -> None:
    """Pass over the rows until a pass has no mistake, or training gains too little, or ``n_epochs`` are over."""
    layer = net.module_.output
    has_bias = layer.bias is not None
    weights = np.hstack([_numpy(layer.weight), _numpy(layer.bias)[:, None]] if has_bias else [_numpy(layer.weight)])
    for _ in range(n_epochs):
        net.begin_epoch()
        loss, n_mistakes = _pass_over(net, train, weights, has_bias)
        _write(layer, weights, has_bias)
        should_stop = net.end_epoch(loss, validation, len(train), net.recipe.solver.learning_rate)
        if not n_mistakes or net.rule.is_exhausted:
            net.has_converged = True
            break
        if should_stop:
            break
    net.restore_best()


def _pass_over(net: "InMemoryNet", train: Rows, weights: np.ndarray, has_bias: bool) -> tuple[float, int]:
    """Update ``weights``, of shape (n_outputs, n_features + 1), in place; return the mean loss and the mistakes."""
    rate, penalty, loss, n_mistakes = net.recipe.solver.learning_rate, net.recipe.penalty, 0.0, 0
    edges = [*range(0, len(train), BLOCK_ROWS), len(train)]
    tensors = [train.inputs, train.targets, train.weights]
    for inputs, targets, sample_weights in iterate_batches(tensors, edges, net.order.next_epoch()):
        rows = inputs.double().cpu().numpy()
        rows = np.hstack([rows, np.ones((len(rows), 1))]) if has_bias else rows
        signs = 2.0 * targets.double().cpu().numpy() - 1.0  # (n, n_outputs)
        steps = rate * (np.ones(len(rows)) if sample_weights is None else sample_weights.double().cpu().numpy())
        update = _update_plainly if not penalty else _update_with_penalty
        block_loss, block_mistakes = update(weights, rows, signs, steps, penalty, rate, has_bias)
        loss += block_loss
        n_mistakes += block_mistakes
    return loss / len(train), n_mistakes


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
