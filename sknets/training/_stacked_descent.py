"""Training by mini-batch gradients of several networks side by side; each lives and ends as it would alone."""

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sknets._interrupts import uninterrupted
from sknets.training._compiled_pass import CompiledPass, can_compile
from sknets.training._dense_batches import StackedBatches
from sknets.training._dense_program import DenseProgram
from sknets.training._epoch_log import begin_epoch, close_interrupted_epoch, end_epoch, end_epoch_early
from sknets.training._gradient_descent import may_go_on
from sknets.training._history import last_row
from sknets.training._stretch import Stretch, count_epochs_ahead, is_observed
from sknets.training._watch import ask_to_end, end_watches

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet
    from sknets.training._stack import Trainee


class Interrupts:
    """Ctrl-C, which only the main thread receives, for all threads that train side by side."""

    def __init__(self) -> None:
        self.count = 0

    def tell(self) -> None:
        """Let the trainings that run now end with what they have learnt."""
        self.count += 1


def descend_together(
    trainees: "Sequence[Trainee]", max_pass_elements: int, interrupts: Interrupts | None = None
) -> None:
    """Train all to their ends: the last epoch, the stopping rule's, divergence, or the user's interrupt."""
    interrupts = interrupts or Interrupts()
    descent = _StackedDescent(trainees, max_pass_elements, interrupts)
    try:
        while descent.live:
            descent.run_epochs()
    except KeyboardInterrupt:
        if not descent.hears_of_interrupt():
            interrupts.tell()
        descent.end_interrupted()


class _StackedDescent:
    """The networks that are still being trained."""

    def __init__(self, trainees: "Sequence[Trainee]", max_pass_elements: int, interrupts: Interrupts) -> None:
        self.live = list(trainees)
        self.max_pass_elements = max_pass_elements
        self.interrupts, self.n_interrupts_before = interrupts, interrupts.count
        self.n_rows_stepped: list[int] = []
        # Of an epoch whose steps are done, until every network's row is closed.
        self.losses: list[float] | None = None
        # Of epochs that are taken at once, until they are in every network's log.
        self.stretches: list[Stretch] = []
        self.began = 0.0
        nets = self.nets
        has_batch_normalization = nets[0].has_batch_normalization
        self.batches = StackedBatches(
            [trainee.plan.train for trainee in trainees],
            [net.order for net in nets],
            has_batch_normalization,
            nets[0].recipe.precision.dtype,
        )
        self.program = DenseProgram(nets, self.batches.n_rows)
        # Vectors of weights, and running statistics, at the ends of the last two epochs.
        self.last, self.before = self.program.copy_state(), self.program.copy_state()
        self.is_compiled = can_compile(trainees[0].net, trainees[0].plan.train.inputs)
        self.compiled = self._compile()
        self.looked_at = self._join_looked_at()

    @property
    def nets(self) -> "list[InMemoryNet]":
        return [trainee.net for trainee in self.live]

    def run_epochs(self) -> None:
        """Take every network's next epoch, or several where nobody looks on; let those leave that are done."""
        compiled = self.compiled
        if compiled is not None and max(n_epochs := self._count_epochs_ahead(compiled.max_epochs)) > 1:
            goes_on = self._run_ahead(compiled, n_epochs)
        else:
            goes_on = self._run_epoch()
        if not all(goes_on):
            self._let_leave([k for k, stays in enumerate(goes_on) if not stays])

    def _count_epochs_ahead(self, most: int) -> list[int]:
        if most == 1 or any(is_observed(one.net, one.plan.validation is not None) for one in self.live):
            return [1]
        return [
            min(most, count_epochs_ahead(one.net, False, one.plan.max_epochs - one.net.n_iter)) for one in self.live
        ]

    def _run_ahead(self, compiled: CompiledPass, n_epochs: list[int]) -> list[bool]:
        nets = self.nets
        stretches = [Stretch(net, n, compiled.n_batches) for net, n in zip(nets, n_epochs, strict=True)]
        rates = np.zeros((len(nets), max(n_epochs), compiled.n_batches))
        for own, stretch in zip(rates, stretches, strict=True):
            own[: len(stretch.rates)] = stretch.rates
        # In this order: after Ctrl-C, the outcome is that of the stretches, if there are any.
        compiled.clear()
        self.began, self.stretches = time.perf_counter(), stretches
        compiled.run_ahead(n_epochs, rates)
        self._log_stretches(compiled)
        if self.hears_of_interrupt():
            raise KeyboardInterrupt
        self.stretches = []
        losses, n_finite = compiled.outcome
        are_finite = [n == len(own) for own, n in zip(losses, n_finite, strict=True)]
        for k, own_losses in enumerate(losses):
            if not are_finite[k]:
                begin_epoch(nets[k])
                nets[k].epochs_of_fit += 1
                self._note_divergence(k, own_losses[-1])
        return [is_finite and self._goes_on(trainee) for is_finite, trainee in zip(are_finite, self.live, strict=True)]

    def _log_stretches(self, compiled: CompiledPass) -> None:
        losses, n_finite = compiled.outcome
        seconds = (time.perf_counter() - self.began) / max(1, sum(map(len, losses)))
        for stretch, own, n in zip(self.stretches, losses, n_finite, strict=True):
            stretch.log(own[:n], seconds)

    def _run_epoch(self) -> list[bool]:
        nets = self.nets
        for net in nets:
            begin_epoch(net)
        with torch.inference_mode():
            self._step_through(nets)
        losses = self.losses = self._end_pass()
        # Machine code has kept them, but for networks that have just left the finite numbers.
        state = self.program.copy_state() if self.compiled is None else self.last
        are_finite = self.program.are_finite()
        outputs = self._evaluate()
        goes_on = []
        for k, trainee in enumerate(self.live):
            trainee.net.epochs_of_fit += 1
            if not (are_finite[k] and math.isfinite(losses[k])):
                self._note_divergence(k, losses[k])
                goes_on.append(False)
                continue
            goes_on.append(self._end_epoch(k, losses[k], [own[k] for own in outputs], state))
        goes_on = [goes and not ask_to_end(net) for goes, net in zip(goes_on, nets, strict=True)]
        if self.compiled is None:
            self.before, self.last = self.last, state
        self.n_rows_stepped, self.losses = [], None
        return goes_on

    def hears_of_interrupt(self) -> bool:
        """Whether one was told of since the training began."""
        return self.interrupts.count != self.n_interrupts_before

    def end_interrupted(self) -> None:
        """Close every open epoch and keep what was learnt."""
        if self.compiled is not None and self.stretches:
            self._log_stretches(self.compiled)
        losses: Sequence[float | None] = [None] * len(self.live)
        if any(self.n_rows_stepped):
            losses = self.losses or self._end_pass()
        for k, trainee in enumerate(self.live):
            trainee.net.was_interrupted = trainee.was_interrupted = True
            # The row of a divergence is closed, or dropped, when the training is finished.
            if trainee.diverged_at is None:
                self._close_row(k, losses[k])
            self.program.write_back(k)
            if not trainee.net.snapshot().is_finite():
                trainee.net.restore(self.program.read_snapshot(self.last, k))
            self._end(trainee)
        self.live = []

    def _close_row(self, k: int, loss: float | None) -> None:
        trainee = self.live[k]
        net = trainee.net
        row: dict[str, Any] = last_row(net.history) if net.history else {}
        if self.n_rows_stepped and "seconds" not in row and "train_loss" not in row:
            end_epoch_early(net, loss, self.n_rows_stepped[k])
        close_interrupted_epoch(net, len(trainee.plan.train))

    def _end_pass(self) -> list[float]:
        return self.program.end_pass() if self.compiled is None else self.compiled.end_pass()

    def _step_through(self, nets: "list[InMemoryNet]") -> None:
        if self.compiled is None:
            self._step_by_operations(nets)
        else:
            self._step_by_machine_code(nets, self.compiled)

    def _step_by_machine_code(self, nets: "list[InMemoryNet]", compiled: CompiledPass) -> None:
        self.n_rows_stepped = [0] * len(nets)

        def note_rows(n_batches: int) -> None:
            self.n_rows_stepped = compiled.count_rows(n_batches)
            if self.hears_of_interrupt():
                raise KeyboardInterrupt

        n_batches = compiled.n_batches
        if any(net.schedule.per_batch for net in nets):
            rates = np.array([net.schedule.rates_in_epoch(net.epochs_of_fit, n_batches) for net in nets])
        else:
            own = [float(net.schedule.rate_at(net.epochs_of_fit)) for net in nets]
            rates = np.array(own)[:, None].repeat(n_batches, 1)
        compiled.run(rates, note_rows)
        for net, rate in zip(nets, rates[:, -1].tolist(), strict=True):
            if net.optimizer_.param_groups[-1]["lr"] != rate:
                net.set_learning_rate(rate)

    def _step_by_operations(self, nets: "list[InMemoryNet]") -> None:
        program, n_batches = self.program, len(self.batches.sizes)
        schedules = [net.schedule for net in nets]
        starts = [net.epochs_of_fit for net in nets]
        moves_in_epoch = any(schedule.per_batch for schedule in schedules)
        rates = [schedule.rate_at(start) for schedule, start in zip(schedules, starts, strict=True)]
        self.n_rows_stepped = [0] * len(nets)
        sizes_so_far: list[tuple[int, ...]] = []
        try:
            for index, batch in enumerate(self.batches.next_epoch()):
                if moves_in_epoch:
                    done = index / n_batches
                    rates = [schedule.rate_at(start + done) for schedule, start in zip(schedules, starts, strict=True)]
                if self.hears_of_interrupt():
                    raise KeyboardInterrupt
                program.compute_gradient(batch)
                program.update(rates)
                sizes_so_far.append(batch.n_rows)
        finally:
            if sizes_so_far:
                self.n_rows_stepped = [sum(own) for own in zip(*sizes_so_far, strict=True)]
        for net, rate in zip(nets, rates, strict=True):
            if net.optimizer_.param_groups[-1]["lr"] != rate:
                net.set_learning_rate(rate)

    def _end_epoch(self, k: int, loss: float, outputs: list[torch.Tensor], state: Any) -> bool:
        """Log a network's epoch and return whether it goes on."""
        trainee = self.live[k]
        net, plan = trainee.net, trainee.plan
        rate = net.optimizer_.param_groups[0]["lr"]
        end_epoch(
            net,
            loss,
            plan.validation,
            rate,
            len(plan.train),
            outputs=[own[: len(rows)] for own, rows in zip(outputs, plan.looked_at, strict=True)],
            take_snapshot=lambda: self.program.read_snapshot(state, k),
        )
        last_row(net.history)["seconds"] = self._share_of_seconds(net)
        return self._goes_on(trainee)

    def _goes_on(self, trainee: "Trainee") -> bool:
        if not may_go_on(trainee.net):
            trainee.net.has_converged = True
            return False
        return trainee.net.n_iter < trainee.plan.max_epochs

    def _share_of_seconds(self, net: "InMemoryNet") -> float:
        """Return a network's share of the time that all took for the epoch."""
        return (time.perf_counter() - net.epoch_start) / len(self.live)

    def _note_divergence(self, k: int, loss: float) -> None:
        trainee = self.live[k]
        trainee.net.last_finite = self.program.read_snapshot(self.last, k)
        if trainee.net.n_iter:
            trainee.net.before_last_finite = self.program.read_snapshot(self.before, k)
        trainee.diverged_at = (loss, trainee.net.n_iter)
        # Now: its row is closed when the training is finished, which may be much later.
        last_row(trainee.net.history)["seconds"] = self._share_of_seconds(trainee.net)

    def _let_leave(self, places: list[int]) -> None:
        for k in places:
            self.program.write_back(k)
            self._end(self.live[k])
        kept = [k for k in range(len(self.live)) if k not in set(places)]
        if kept:
            # Half of it done, nobody would know which network's weights are which.
            uninterrupted(partial(self._compact, kept))
        else:
            self.live = []

    def _compact(self, kept: list[int]) -> None:
        self.live = [self.live[k] for k in kept]
        self.last = self.program.select_state(self.last, kept)
        self.before = self.program.select_state(self.before, kept)
        self.batches = self.batches.compact(kept)
        self.program.compact(kept)
        self.compiled = self._compile()
        self.looked_at = self._join_looked_at()

    def _compile(self) -> CompiledPass | None:
        if not self.is_compiled:
            return None
        return CompiledPass(self.program, self.batches, self.last.vector, self.before.vector)

    def _end(self, trainee: "Trainee") -> None:
        net = trainee.net
        if trainee.diverged_at is None:
            net.restore_best()
        net.module_.eval()
        end_watches(net)

    def _join_looked_at(self) -> list[torch.Tensor]:
        """Return the rows that are not trained on, each network's padded to the longest."""
        per_network = [trainee.plan.looked_at for trainee in self.live]
        pad = torch.nn.utils.rnn.pad_sequence
        return [pad(list(same), batch_first=True) for same in zip(*per_network, strict=True)]

    def _evaluate(self) -> list[torch.Tensor]:
        return [self._pass_through(rows) for rows in self.looked_at]

    def _pass_through(self, inputs: torch.Tensor) -> torch.Tensor:
        width = max(inputs.shape[2], self.nets[0].work_for(inputs[0]).n_values)
        step = max(1, self.max_pass_elements // (width * len(self.live)))
        return torch.cat([self.program.evaluate(rows) for rows in inputs.split(step, 1)], 1)
