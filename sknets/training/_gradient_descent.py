"""Training by mini-batch gradients: one pass over shuffled batches an epoch."""

import math
import warnings
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch

from sknets.exceptions import DivergenceError, DivergenceWarning
from sknets.training._batches import iterate_batches
from sknets.training._plan import Penalty, Rows

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
    edges = net.order.edges(merge_last_single=net.has_batch_normalization)
    sizes = [end - start for start, end in pairwise(edges)]
    batches = iterate_batches([train.inputs, train.targets, train.weights], edges, net.order.next_epoch())
    log = _PassLog(sizes)
    try:
        _step_through(net, batches, log)
    except KeyboardInterrupt:
        net.end_epoch_early(log.mean_loss() if log.losses else None, sum(sizes[: len(log.losses)]))
        raise
    return log.mean_loss()


class _PassLog:
    """What a pass leaves on the device until its end: the losses and the penalties of the batches."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.losses: list[torch.Tensor] = []
        self.penalties: list[torch.Tensor] = []

    def mean_loss(self) -> float:
        """Return the mean over rows; the only number an epoch asks of the device."""
        sizes = self.sizes[: len(self.losses)]
        losses = torch.stack(self.losses)
        if self.penalties:
            losses = losses + torch.stack(self.penalties[: len(sizes)])
        counts = torch.tensor(sizes, dtype=losses.dtype, device=losses.device)
        return float(torch.dot(losses, counts)) / sum(sizes)


def _step_through(net: "InMemoryNet", batches: Iterable[Any], log: _PassLog) -> None:
    module, step = net.module_, net.optimizer_.step
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    penalty = _PenaltyGradient(net.penalised_weights, net.loss_penalty) if net.loss_penalty else None
    schedule, n_batches = net.schedule, len(log.sizes)
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
        outputs, loss = net.forward_loss(inputs, targets, sample_weights)
        loss.backward()
        if penalty is not None:
            log.penalties.append(penalty.add(log.sizes[index]))
        if is_listened_to:
            net.notify(
                "on_grad_computed",
                named_parameters=list(module.named_parameters()),
                batch=(inputs, targets),
                training=True,
            )
        step()
        log.losses.append(loss.detach())
        if is_listened_to:
            net.log_batch("train", log.losses[-1], log.sizes[index])
            net.notify("on_batch_end", batch=(inputs, targets), training=True, loss=loss, y_pred=outputs.detach())
    net.epochs_of_fit += 1


class _PenaltyGradient:
    """Adds the penalty's gradient to the weights' own, past autograd, whose bookkeeping would cost as much as a layer."""

    def __init__(self, weights: list[Any], penalty: Penalty) -> None:
        self.penalty = penalty
        # Weights change in place, so these stay their memory.
        self.weights = [(weight, weight.detach(), weight.detach().view(-1)) for weight in weights]

    def add(self, n_rows: int) -> torch.Tensor:
        """Change the gradients for a batch of ``n_rows`` rows and return the penalty."""
        scale = self.penalty.scale(n_rows)
        l1, l2 = self.penalty.l1 * scale, self.penalty.l2 * scale
        value: Any = None
        for weight, data, flat in self.weights:
            if l2:
                weight.grad.add_(data, alpha=l2)
                square = torch.dot(flat, flat)
                value = square.mul_(0.5 * l2) if value is None else value.add_(square, alpha=0.5 * l2)
            if l1:
                weight.grad.add_(data.sign(), alpha=l1)
                size = flat.abs().sum()
                value = size.mul_(l1) if value is None else value.add_(size, alpha=l1)
        return value


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
