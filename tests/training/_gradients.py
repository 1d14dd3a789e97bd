"""Autograd's gradient of a network's loss, and batches whose networks have unequal rows."""

import torch

from sknets.nn import BatchNormalization
from sknets.training._dense_batches import Batch
from sknets.training._dense_program import weights_first


def join_batch(inputs, targets, n_rows, is_weighted, rng):
    """Return a batch of k networks; what is beyond a network's own rows is padding."""
    is_padded = min(n_rows) != max(n_rows)
    weights = torch.from_numpy(rng.uniform(0.3, 2, (*inputs.shape[:2], 1))) if is_weighted else None
    if is_padded:
        weights = torch.ones(*inputs.shape[:2], 1, dtype=torch.float64) if weights is None else weights
        for k, n in enumerate(n_rows):
            inputs[k, n:], targets[k, n:], weights[k, n:] = inputs[k, 0].clone(), targets[k, 0].clone(), 0
    return Batch(inputs, targets, weights, n_rows, is_padded, 0)


def reference_of(net, inputs, targets, weights):
    """The mean loss with its penalty, and autograd's gradient of it; moves the module's running statistics."""
    module, penalty, n = net.module_.train(), net.recipe.penalty, len(inputs)
    for layer in module.modules():
        if isinstance(layer, BatchNormalization):
            layer.row_weights = weights
    losses = net.criterion_.rows(module(inputs), targets)
    loss = (losses if weights is None else losses * weights).sum() / n
    matrices = [parameter for parameter in module.parameters() if parameter.ndim > 1]
    divisor = n * penalty.mean_weight if penalty.divisor is None else penalty.divisor
    loss = loss + sum(0.5 * penalty.l2 * m.square().sum() + penalty.l1 * m.abs().sum() for m in matrices) / divisor
    return float(loss.detach()), torch.autograd.grad(loss, weights_first(module))
