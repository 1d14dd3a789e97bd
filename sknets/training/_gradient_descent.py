"""Training by mini-batch gradients: one pass over shuffled batches an epoch."""

import math
from typing import TYPE_CHECKING, Any

import torch

from sknets._warnings import warn_user
from sknets.exceptions import DivergenceError, DivergenceWarning
from sknets.training._batches import EpochBatches
from sknets.training._dense_program import DenseProgram
from sknets.training._epoch_log import (
    begin_epoch,
    drop_epoch,
    end_epoch,
    end_epoch_diverged,
    end_epoch_early,
    log_batch,
)
from sknets.training._plan import Penalty, Rows

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet

#: Losses of batches that are kept before they are summed up. A small tensor that stays behind in each step keeps the
#: large ones of the step from being laid where those of the step before were: memory would grow with every batch.
MAX_KEPT_LOSSES = 32


def descend(net: "InMemoryNet", train: Rows, validation: Rows | None, n_epochs: int) -> None:
    """Train ``net`` for at most ``n_epochs`` epochs and leave it with its best, or its last finite, weights."""
    descent = _Descent(net, train)
    net.last_finite = net.snapshot()
    try:
        _run_epochs(net, descent, train, validation, n_epochs)
    finally:
        descent.leave_program()
    net.restore_best()


def _run_epochs(net: "InMemoryNet", descent: "_Descent", train: Rows, validation: Rows | None, n_epochs: int) -> None:
    for epoch in range(n_epochs):
        begin_epoch(net)
        loss = descent.run_pass()
        weights = net.snapshot()
        if not (math.isfinite(loss) and weights.is_finite()):
            _end_diverged(net, loss, epoch, train, validation)
            break
        net.before_last_finite, net.last_finite = net.last_finite, weights
        if end_epoch(net, loss, validation, net.optimizer_.param_groups[0]["lr"], len(train)):
            break
        if not _may_go_on(net):
            net.has_converged = True
            break


class _Descent:
    """One training's batches, and what every step needs."""

    def __init__(self, net: "InMemoryNet", train: Rows) -> None:
        self.net = net
        tensors = [train.inputs, train.targets, train.weights]
        self.batches = EpochBatches(tensors, net.order, merge_last_single=net.has_batch_normalization)
        self.parameters = list(net.module_.parameters())
        self.program = DenseProgram(net) if DenseProgram.can_run(net) else None
        self.penalty = _PenaltyGradient(net.penalised_weights, net.loss_penalty) if net.loss_penalty else None
        self.rate: float | None = None
        self.is_listened_to = net.hooks("on_batch_begin", "on_batch_end", "on_grad_computed")

    def run_pass(self) -> float:
        """Step through all batches once and return their mean loss, penalty included."""
        log = _PassLog(self.batches.sizes)
        self.net.module_.train()
        if self.net.callbacks_:
            self._follow_frozen_layers()
        self._set_rate(self.net.epochs_of_fit)
        try:
            self._step_through(log)
        except KeyboardInterrupt:
            end_epoch_early(self.net, log.mean_loss() if log.n_batches else None, log.n_rows)
            raise
        self.net.epochs_of_fit += 1
        if self.program is not None and self.net.callbacks_:
            self.program.write_optimizer_state()
        return log.mean_loss()

    def leave_program(self) -> None:
        """Give the module and its optimizer memory of their own; go on, if at all, by autograd."""
        if self.program is not None:
            self.program.close()
            self.program = None

    def _follow_frozen_layers(self) -> None:
        """A callback may have frozen or thawed a layer."""
        if self.program is not None and not DenseProgram.can_run(self.net):
            self.leave_program()
        if self.penalty is not None:
            self.penalty = _PenaltyGradient(self.net.penalised_weights, self.net.loss_penalty)

    def _set_rate(self, progress: float) -> None:
        """Follow the schedule, and leave the optimizer's rate to callbacks where the schedule does not move."""
        rate = self.net.schedule.rate_at(progress)
        if rate != self.rate:
            self.rate = rate
            self.net.set_learning_rate(rate)

    def _step_through(self, log: "_PassLog") -> None:
        net, is_listened_to, schedule = self.net, self.is_listened_to, self.net.schedule
        compute, update = self._choose_step()
        for index, (inputs, targets, sample_weights) in enumerate(self.batches.next_epoch()):
            if schedule.per_batch:
                self._set_rate(net.epochs_of_fit + index / len(log.sizes))
            if is_listened_to:
                net.notify("on_batch_begin", batch=(inputs, targets), training=True)
            outputs, loss, penalty = compute(inputs, targets, sample_weights, log.sizes[index])
            if is_listened_to:
                _notify_gradients(net, (inputs, targets))
            update()
            log.add(loss, penalty)
            if is_listened_to:
                log_batch(net, "train", loss, log.sizes[index])
                net.notify("on_batch_end", batch=(inputs, targets), training=True, loss=loss, y_pred=outputs)

    def _choose_step(self) -> tuple[Any, Any]:
        optimizer: Any = self.net.optimizer_
        if self.program is not None:
            return self._compute_by_program, self.program.update
        return self._compute_by_autograd, optimizer.step

    def _compute_by_program(self, inputs: Any, targets: Any, sample_weights: Any, n_rows: int) -> Any:
        program: Any = self.program
        outputs, loss = program.compute_gradient(inputs, targets, sample_weights)
        return outputs, loss, program.add_penalty(self.penalty.penalty, n_rows) if self.penalty is not None else None

    def _compute_by_autograd(self, inputs: Any, targets: Any, sample_weights: Any, n_rows: int) -> Any:
        for parameter in self.parameters:
            parameter.grad = None
        outputs, loss = self.net.forward_loss(inputs, targets, sample_weights)
        loss.backward()
        return outputs.detach(), loss.detach(), self.penalty.add(n_rows) if self.penalty is not None else None


def _notify_gradients(net: "InMemoryNet", batch: tuple[Any, Any]) -> None:
    """Tell the callbacks that gradients are there, as skorch does."""
    parameters = list(net.module_.named_parameters())
    net.notify("on_grad_computed", named_parameters=parameters, batch=batch, training=True)


class _PassLog:
    """What a pass leaves on the device until its end: the losses and the penalties of the batches."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.n_batches = 0
        self.losses: list[torch.Tensor] = []
        self.penalties: list[torch.Tensor] = []
        self.total: Any = 0.0

    @property
    def n_rows(self) -> int:
        """Rows in the batches so far."""
        return sum(self.sizes[: self.n_batches])

    def add(self, loss: torch.Tensor, penalty: torch.Tensor | None) -> None:
        """Take note of the next batch."""
        self.losses.append(loss)
        if penalty is not None:
            self.penalties.append(penalty)
        self.n_batches += 1
        if len(self.losses) == MAX_KEPT_LOSSES:
            self._sum_up()

    def mean_loss(self) -> float:
        """Return the mean over rows; the only number a pass asks of the device."""
        self._sum_up()
        return float(self.total) / self.n_rows

    def _sum_up(self) -> None:
        if not self.losses:
            return
        losses = torch.stack(self.losses)
        if self.penalties:
            losses = losses + torch.stack(self.penalties)
        sizes = self.sizes[self.n_batches - len(self.losses) : self.n_batches]
        self.total = self.total + torch.dot(losses, torch.tensor(sizes, dtype=losses.dtype, device=losses.device))
        self.losses.clear()
        self.penalties.clear()


class _PenaltyGradient:
    """Adds the penalty's gradient to the weights' own; autograd's bookkeeping for it would cost as much as a layer."""

    def __init__(self, weights: list[Any], penalty: Penalty) -> None:
        self.penalty = penalty
        # Weights change in place, so these stay their memory.
        self.weights = [(weight, weight.detach(), _in_memory_order(weight.detach())) for weight in weights]

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


def _in_memory_order(weight: torch.Tensor) -> torch.Tensor:
    """Return a vector that shares the memory of a weight without gaps, whichever axis comes first there."""
    return weight.as_strided((weight.numel(),), (1,))


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


def _end_diverged(net: "InMemoryNet", loss: float, epoch: int, train: Rows, validation: Rows | None) -> None:
    """Give the last weights with finite predictions back; raise where nothing was learnt before."""
    net.restore_last_finite()
    kept, before = epoch, net.before_last_finite
    if before is not None and not math.isfinite(net.mean_loss(net.outputs(train.inputs), train)):
        # Finite weights may already be too large to predict with; those of the epoch before gave a finite loss.
        net.restore(before)
        kept = epoch - 1
    # The optimizer's moments are not finite either.
    net.initialize_optimizer()
    if epoch == 0:
        drop_epoch(net)
        raise DivergenceError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            f"preprocessed. The loss was {loss} in the first epoch: scale X (StandardScaler), or lower "
            f"learning_rate_init={net.recipe.solver.learning_rate:g}."
        )
    end_epoch_diverged(net, loss, validation)
    warn_user(
        f"Training diverged: the loss was {loss} in epoch {epoch + 1}. "
        + ("The weights with the best validation score" if net.best_snapshot else f"The weights of epoch {kept}")
        + " were kept. "
        f"Scale X (StandardScaler), or lower learning_rate_init={net.recipe.solver.learning_rate:g}.",
        DivergenceWarning,
    )
