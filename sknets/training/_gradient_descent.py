"""Training by mini-batch gradients: one pass over shuffled batches an epoch."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sknets._warnings import warn_user
from sknets.exceptions import DivergenceError, DivergenceWarning
from sknets.training._batches import MAX_GATHERED_BYTES, EpochBatches, count_bytes
from sknets.training._compiled_pass import CompiledPass, can_compile
from sknets.training._dense_batches import Batch, SingleBatches, StackedBatches
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
from sknets.training._snapshot import Snapshot
from sknets.training._stretch import Stretch, count_epochs_ahead

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet

#: Losses of batches that are kept before they are summed up. A small tensor that stays behind in each step keeps the
#: large ones of the step from being laid where those of the step before were: memory would grow with every batch.
MAX_KEPT_LOSSES = 32


def descend(net: "InMemoryNet", train: Rows, validation: Rows | None, n_epochs: int) -> None:
    """Train ``net`` for at most ``n_epochs`` epochs and leave it with its best, or its last finite, weights."""
    descent = _Descent(net, train)
    net.last_finite = descent.steps.snapshot()
    try:
        _run_epochs(net, descent, train, validation, n_epochs)
    finally:
        descent.leave_program()
    net.restore_best()


def _run_epochs(net: "InMemoryNet", descent: "_Descent", train: Rows, validation: Rows | None, n_epochs: int) -> None:
    while net.n_iter < n_epochs:
        n_ahead = descent.count_epochs_ahead(validation is not None, n_epochs - net.n_iter)
        if n_ahead > 1:
            loss, is_finite = descent.run_ahead(n_ahead)
        else:
            loss, is_finite = descent.run_epoch()
        if not is_finite:
            # First, lest the program's moments be given to the optimizer that begins anew.
            descent.leave_program()
            end_diverged(net, loss, net.n_iter, train, validation)
            break
        if n_ahead == 1 and end_epoch(net, loss, validation, net.optimizer_.param_groups[0]["lr"], len(train)):
            break
        if not may_go_on(net):
            net.has_converged = True
            break


class _Descent:
    """One training's batches, and what every step needs."""

    def __init__(self, net: "InMemoryNet", train: Rows) -> None:
        self.net = net
        self.train = train
        self.is_listened_to = net.hooks("on_batch_begin", "on_batch_end", "on_grad_computed")
        self.steps: Any = (
            _ProgramSteps(net, train, self.is_listened_to) if DenseProgram.can_run(net) else _AutogradSteps(net, train)
        )
        self.rate: float | None = None

    def run_epoch(self) -> tuple[float, bool]:
        """Take an epoch; return its mean loss, penalty included, and whether it and the weights are finite."""
        net = self.net
        begin_epoch(net)
        loss = self._run_pass()
        weights = self.steps.snapshot()
        is_finite = math.isfinite(loss) and weights.is_finite()
        if is_finite:
            net.before_last_finite, net.last_finite = net.last_finite, weights
        return loss, is_finite

    def _run_pass(self) -> float:
        """Step through all batches once and return their mean loss."""
        if self.net.callbacks_:
            self._follow_frozen_layers()
        if not self.steps.takes_whole_pass:
            self.net.module_.train()
        self._set_rate(self.net.epochs_of_fit)
        self.n_rows = 0
        try:
            if self.steps.takes_whole_pass:
                self._take_whole_pass()
            else:
                with self.steps.mode() if not self.is_listened_to else nullcontext():
                    self._step_through()
        except KeyboardInterrupt:
            end_epoch_early(self.net, self.steps.end_pass() if self.n_rows else None, self.n_rows)
            raise
        self.net.epochs_of_fit += 1
        return self.steps.end_pass()

    def count_epochs_ahead(self, has_validation: bool, n_left: int) -> int:
        """Return how many epochs may be taken in one call; 1 where there is no such call."""
        most: int = self.steps.max_epochs
        return min(most, count_epochs_ahead(self.net, has_validation, n_left)) if most > 1 else 1

    def run_ahead(self, n_epochs: int) -> tuple[float, bool]:
        """Take several epochs, and log those that end with finite numbers.

        Returns
        -------
        loss : float
            The last one's mean loss, penalty included.
        is_finite : bool
            Whether it and the weights are finite; if not, the last one's row in the log is open.
        """
        net, compiled = self.net, self.steps.compiled
        began = time.perf_counter()
        stretch = Stretch(net, n_epochs, len(self.steps.sizes))

        def log() -> None:
            (losses,), (n_finite,) = compiled.outcome
            stretch.log(losses[:n_finite], (time.perf_counter() - began) / max(len(losses), 1))
            net.last_finite, net.before_last_finite = self.steps.read_ends()

        compiled.clear()
        try:
            self.steps.take_ahead(stretch.rates)
            log()
        except KeyboardInterrupt:
            # It is raised when the epochs are over, or while they are logged.
            log()
            raise
        (losses,), (n_finite,) = compiled.outcome
        is_finite = n_finite == len(losses)
        if not is_finite:
            begin_epoch(net)
            net.epochs_of_fit += 1
        return losses[-1], is_finite

    def leave_program(self) -> None:
        """Give the module and its optimizer memory of their own; nothing can be run afterwards."""
        steps, self.steps = self.steps, None
        if steps is not None:
            steps.close()

    def _follow_frozen_layers(self) -> None:
        """A callback may have frozen or thawed a layer: go on by autograd."""
        if isinstance(self.steps, _AutogradSteps):
            self.steps.read_penalty()
        elif not DenseProgram.can_run(self.net):
            self.steps.close()
            self.steps = _AutogradSteps(self.net, self.train)

    def _set_rate(self, progress: float) -> None:
        """Follow the schedule, and leave the optimizer's rate to callbacks where the schedule does not move."""
        rate = self.net.schedule.rate_at(progress)
        if rate != self.rate:
            self.rate = rate
            self.net.set_learning_rate(rate)

    def _take_whole_pass(self) -> None:
        net, sizes = self.net, self.steps.sizes

        def note_rows(n_batches: int) -> None:
            self.n_rows = sum(sizes[:n_batches])

        # A callback may have set another rate than the schedule's.
        rates = [net.optimizer_.param_groups[0]["lr"]] * len(sizes)
        if net.schedule.per_batch:
            rates = net.schedule.rates_in_epoch(net.epochs_of_fit, len(sizes))
        self.steps.take_whole_pass(rates, note_rows)
        if net.schedule.per_batch:
            self._set_rate(net.epochs_of_fit + (len(sizes) - 1) / len(sizes))

    def _step_through(self) -> None:
        net, steps, is_listened_to, schedule = self.net, self.steps, self.is_listened_to, self.net.schedule
        sizes = steps.sizes
        for index, batch in enumerate(steps.next_epoch()):
            if schedule.per_batch:
                self._set_rate(net.epochs_of_fit + index / len(sizes))
            if is_listened_to:
                net.notify("on_batch_begin", batch=steps.show(batch), training=True)
            outputs = steps.compute_gradient(batch, sizes[index])
            if is_listened_to:
                _notify_gradients(net, steps.show(batch))
            steps.update()
            self.n_rows += sizes[index]
            if is_listened_to:
                loss = steps.last_loss(outputs, batch)
                log_batch(net, "train", loss, sizes[index])
                net.notify("on_batch_end", batch=steps.show(batch), training=True, loss=loss, y_pred=steps.own(outputs))


class _ProgramSteps:
    """Steps below autograd."""

    #: Spares torch the bookkeeping of what could be differentiated.
    mode = torch.inference_mode

    def __init__(self, net: "InMemoryNet", train: Rows, is_listened_to: bool) -> None:
        self.net = net
        self.batches: StackedBatches | SingleBatches
        compiles = not is_listened_to and can_compile(net, train.inputs)
        # Machine code reads the rows where they lie.
        is_small = isinstance(train.inputs, torch.Tensor) and count_bytes(train.inputs) <= MAX_GATHERED_BYTES
        if compiles or is_small:
            self.batches = StackedBatches([train], [net.order], net.has_batch_normalization)
        else:
            tensors = [train.inputs, train.targets, train.weights]
            self.batches = SingleBatches(EpochBatches(tensors, net.order, net.has_batch_normalization))
        self.program = DenseProgram([net], self.batches.n_rows)
        self.compiled: CompiledPass | None = None
        if compiles and isinstance(self.batches, StackedBatches):
            self.ends = self.program.vector.clone(), self.program.vector.clone()
            self.compiled = CompiledPass(self.program, self.batches, *self.ends)
        self.sizes = [n_rows for (n_rows,) in self.batches.sizes]
        self.groups = net.optimizer_.param_groups
        self.next_epoch = self.batches.next_epoch

    @property
    def takes_whole_pass(self) -> bool:
        """Whether a pass is one call instead of one for each step."""
        return self.compiled is not None

    @property
    def max_epochs(self) -> int:
        """How many epochs may be one call."""
        return 1 if self.compiled is None else self.compiled.max_epochs

    def read_ends(self) -> tuple[Snapshot, Snapshot]:
        """Copy what machine code keeps: the weights of the last epoch with finite numbers, and of the one before."""
        last, before = (self.program.snapshot_of(vector) for vector in self.ends)
        return last, before

    def take_whole_pass(self, rates: list[float], note_rows: Callable[[int], None]) -> None:
        """Step through all batches, each at its own rate."""
        compiled: Any = self.compiled
        compiled.run([rates], note_rows)
        self._satisfy_torch()

    def take_ahead(self, rates: list[list[float]]) -> None:
        """Step through the batches of several epochs, each at its own rate."""
        compiled: Any = self.compiled
        compiled.run_ahead([len(rates)], np.array([rates]))
        self._satisfy_torch()

    def compute_gradient(self, batch: Batch, n_rows: int) -> torch.Tensor:
        return self.program.compute_gradient(batch)

    def update(self) -> None:
        """Step at the rate that the net's own optimizer is set to."""
        self.program.update((self.groups[0]["lr"],))
        self._satisfy_torch()

    def _satisfy_torch(self) -> None:
        # What torch's schedulers look for before they lower the rate of the net's own optimizer.
        optimizer: Any = self.net.optimizer_
        optimizer._opt_called = True

    def end_pass(self) -> float:
        if self.net.callbacks_:
            self.program.write_optimizer_state(0)
        return (self.program if self.compiled is None else self.compiled).end_pass()[0]

    def snapshot(self) -> Snapshot:
        return self.program.snapshot()

    def close(self) -> None:
        self.program.write_back(0)

    def show(self, batch: Batch) -> tuple[Any, Any]:
        """Return inputs and targets as callbacks know them."""
        return batch.inputs[0], batch.targets[0]

    def own(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs[0].clone()

    def last_loss(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the batch's mean loss, without penalty."""
        weights = None if batch.weights is None else batch.weights.view(-1)
        loss: torch.Tensor = self.net.criterion_.forward(outputs[0], batch.targets[0], weights)
        return loss


class _AutogradSteps:
    """Steps along gradients that torch derives: for every module."""

    mode = nullcontext
    takes_whole_pass = False
    max_epochs = 1

    def __init__(self, net: "InMemoryNet", train: Rows) -> None:
        self.net = net
        tensors = [train.inputs, train.targets, train.weights]
        self.batches = EpochBatches(tensors, net.order, merge_last_single=net.has_batch_normalization)
        self.sizes = self.batches.sizes
        self.parameters = list(net.module_.parameters())
        self.log = _PassLog(self.sizes)
        self.next_epoch = self.batches.next_epoch
        self.read_penalty()

    def read_penalty(self) -> None:
        """Find the weights that are penalised."""
        penalty = self.net.loss_penalty
        self.penalty = _PenaltyGradient(self.net.penalised_weights, penalty) if penalty else None

    def compute_gradient(self, batch: Any, n_rows: int) -> torch.Tensor:
        for parameter in self.parameters:
            parameter.grad = None
        outputs, loss = self.net.forward_loss(*batch)
        loss.backward()
        self.loss = loss.detach()
        self.log.add(self.loss, self.penalty.add(n_rows) if self.penalty is not None else None)
        return outputs.detach()

    def update(self) -> None:
        optimizer: Any = self.net.optimizer_
        optimizer.step()

    def end_pass(self) -> float:
        loss = self.log.mean_loss()
        self.log = _PassLog(self.sizes)
        return loss

    def snapshot(self) -> Snapshot:
        return self.net.snapshot()

    def close(self) -> None:
        """Nothing was taken."""

    def show(self, batch: Any) -> tuple[Any, Any]:
        """Return inputs and targets."""
        return batch[0], batch[1]

    def own(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs

    def last_loss(self, outputs: torch.Tensor, batch: Any) -> torch.Tensor:
        """Return the batch's mean loss, without penalty."""
        return self.loss


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


def may_go_on(net: "InMemoryNet") -> bool:
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


def end_diverged(net: "InMemoryNet", loss: float, epoch: int, train: Rows, validation: Rows | None) -> None:
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
