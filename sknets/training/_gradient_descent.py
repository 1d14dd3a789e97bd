"""Training by mini-batch gradients: one pass over shuffled batches an epoch."""

import math
import warnings
from typing import TYPE_CHECKING, Any

import torch

from sknets.exceptions import DivergenceError, DivergenceWarning
from sknets.training._batches import iterate_batches
from sknets.training._plan import Rows

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet


def descend(net: "InMemoryNet", train: Rows, validation: Rows | None, n_epochs: int) -> None:
    """Train ``net`` for at most ``n_epochs`` epochs and leave it with its best, or its last finite, weights."""
    last_finite = net.snapshot()
    for epoch in range(n_epochs):
        net.begin_epoch()
        loss = _run_pass(net, train)
        if not (math.isfinite(loss) and net.has_finite_weights()):
            _end_diverged(net, loss, epoch, last_finite, validation)
            break
        last_finite = net.snapshot()
        if net.end_epoch(loss, validation, len(train), net.optimizer_.param_groups[0]["lr"]):
            break
        if not _may_go_on(net):
            net.has_converged = True
            break
    net.restore_best()


def _run_pass(net: "InMemoryNet", train: Rows) -> float:
    """Step through all batches once and return their mean loss, penalty included."""
    single_row_is_refused = net.has_batch_normalization
    edges = net.order.edges(merge_last_single=single_row_is_refused)
    batches = iterate_batches([train.inputs, train.targets, train.weights], edges, net.order.next_epoch())
    sizes = [end - start for start, end in zip(edges, edges[1:], strict=False)]
    losses: list[torch.Tensor] = []
    try:
        _step_through(net, batches, sizes, losses)
    except KeyboardInterrupt:
        net.end_epoch_early(_mean_loss(losses, sizes) if losses else None, sum(sizes[: len(losses)]))
        raise
    return _mean_loss(losses, sizes)


def _step_through(net: "InMemoryNet", batches: Any, sizes: list[int], losses: list[torch.Tensor]) -> None:
    module, criterion, step = net.module_, net.criterion_, net.optimizer_.step
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    penalty, weights = net.loss_penalty, net.penalised_weights
    schedule, n_batches = net.schedule, len(sizes)
    is_listened_to = net.hooks("on_batch_begin", "on_batch_end", "on_grad_computed")
    module.train()
    net.set_learning_rate(schedule.rate_at(net.epochs_of_fit))
    for index, (inputs, targets, sample_weights) in enumerate(batches):
        if schedule.per_batch:
            net.set_learning_rate(schedule.rate_at(net.epochs_of_fit + index / n_batches))
        if is_listened_to:
            net.notify("on_batch_begin", batch=(inputs, targets), training=True)
        for parameter in parameters:
            parameter.grad = None
        with net.autocast():
            outputs = module(inputs)
            loss = criterion(outputs, targets, sample_weights)
        loss.backward()
        loss = loss.detach()
        if penalty:
            loss = loss + _add_penalty_gradient(weights, penalty.l1, penalty.l2, penalty.scale(sizes[index]))
        if is_listened_to:
            net.notify(
                "on_grad_computed",
                named_parameters=list(module.named_parameters()),
                batch=(inputs, targets),
                training=True,
            )
        step()
        losses.append(loss)
        if is_listened_to:
            net.log_batch("train", loss, sizes[index])
            net.notify("on_batch_end", batch=(inputs, targets), training=True, loss=loss, y_pred=outputs.detach())
    net.epochs_of_fit += 1


def _add_penalty_gradient(weights: list[Any], l1: float, l2: float, scale: float) -> torch.Tensor:
    """Add the penalty's gradient to the weights' own, past autograd, and return the penalty."""
    value: Any = 0.0
    for weight in weights:
        flat = weight.detach().reshape(-1)
        if weight.grad is None:
            continue
        if l2:
            weight.grad.add_(weight.detach(), alpha=l2 * scale)
            value = value + torch.dot(flat, flat) * (0.5 * l2 * scale)
        if l1:
            weight.grad.add_(weight.detach().sign(), alpha=l1 * scale)
            value = value + flat.abs().sum() * (l1 * scale)
    return value


def _mean_loss(losses: list[torch.Tensor], sizes: list[int]) -> float:
    """Return the mean over rows; the only number an epoch asks of the device."""
    stacked = torch.stack(losses)
    counts = torch.tensor(sizes[: len(losses)], dtype=stacked.dtype, device=stacked.device)
    return float(torch.dot(stacked, counts)) / sum(sizes[: len(losses)])


def _may_go_on(net: "InMemoryNet") -> bool:
    """Ask the stopping rule, and the schedule when patience has run out."""
    net.schedule.after_epoch(net.rows_seen, net.rule.n_without_gain)
    if not net.rule.is_exhausted:
        return True
    goes_on = net.schedule.on_exhausted_patience()
    if net.recipe.verbose:
        print(f"{net.rule} " + (f"Setting learning rate to {net.schedule.rate:f}" if goes_on else "Stopping."))
    if goes_on:
        net.rule.start_over()
    return goes_on


def _end_diverged(
    net: "InMemoryNet", loss: float, epoch: int, last_finite: list[torch.Tensor], validation: Rows | None
) -> None:
    """Give the last finite weights back; raise where nothing was learnt before the loss went astray."""
    net.restore(last_finite)
    # The optimizer's moments are not finite either.
    net.renew_optimizer()
    if epoch == 0:
        net.drop_epoch()
        raise DivergenceError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            f"preprocessed. The loss was {loss} in the first epoch: scale X (StandardScaler), or lower "
            f"learning_rate_init={net.recipe.solver.learning_rate:g}."
        )
    net.log_divergence(loss, validation)
    warnings.warn(
        f"Training diverged: the loss was {loss} in epoch {epoch + 1}. The weights of epoch {epoch} were kept. "
        f"Scale X (StandardScaler), or lower learning_rate_init={net.recipe.solver.learning_rate:g}.",
        DivergenceWarning,
        stacklevel=2,
    )
