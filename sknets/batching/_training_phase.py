"""What a root thread does when it is told to train: group what waits, train it, and count it."""

from collections.abc import Hashable, Sequence
from time import perf_counter

from sknets.batching._description import count_epochs, describe
from sknets.batching._here import here
from sknets.batching._report import NO_FELLOW, NO_GAIN
from sknets.batching._waiting_fit import Order, WaitingFit
from sknets.batching._warning_state import current_state, put_back
from sknets.training import split_into_stacks, train_stack


def carry_out(order: Order) -> None:
    """Train all fits of an order, one stack after the other."""
    try:
        here.is_training = True
        if all(fit.warning_state is None for fit in order.fits):
            _train_all(order)
            return
        # The tasks rest now, each with filters of its own; these are those of the thread outside.
        put_back(order.session.warning_state)
        _train_all(order)
    finally:
        here.is_training = False


def _train_all(order: Order) -> None:
    for stack in _divide(order.fits):
        _train(stack)


def _divide(fits: Sequence[WaitingFit]) -> list[list[WaitingFit]]:
    groups: dict[Hashable, list[WaitingFit]] = {}
    for fit in fits:
        is_alone = fit.trainee.reason_alone is not None
        groups.setdefault(("alone", id(fit)) if is_alone else ("group", fit.trainee.key), []).append(fit)
    return [stack for group in groups.values() for stack in _split(group)]


def _split(group: list[WaitingFit]) -> list[list[WaitingFit]]:
    if len(group) == 1:
        group[0].reason_alone = group[0].trainee.reason_alone or NO_FELLOW
        return [group]
    for fit in group:
        fit.reason_alone = NO_GAIN
    by_trainee = {id(fit.trainee): fit for fit in group}
    max_bytes = min(fit.task.call.session.limit_for(fit.device) for fit in group)
    try:
        stacks = split_into_stacks([fit.trainee for fit in group], max_bytes)
    except Exception as error:  # noqa: BLE001  # each of the fits raises it
        _end(group, error)
        return []
    return [[by_trainee[id(trainee)] for trainee in stack] for stack in stacks]


def _train(stack: list[WaitingFit]) -> None:
    began = perf_counter()
    error = None
    for fit in stack:
        fit.is_begun = True
    try:
        if len(stack) == 1:
            _train_as_its_task_would(stack[0])
        else:
            train_stack([fit.trainee for fit in stack])
    except Exception as reason:  # noqa: BLE001  # each of the fits raises it
        error = reason
    _report(stack, perf_counter() - began)
    _end(stack, error)


def _train_as_its_task_would(fit: WaitingFit) -> None:
    """Train one network under its task's context variables and warning filters."""
    outside = current_state()
    if fit.warning_state is not None:
        put_back(fit.warning_state)
    try:
        fit.variables.run(train_stack, [fit.trainee])
    finally:
        if fit.warning_state is not None:
            fit.warning_state = current_state()
            put_back(outside)


def _end(fits: list[WaitingFit], error: Exception | None) -> None:
    for fit in fits:
        fit.error = error
        fit.is_begun = fit.is_over = True


def _report(stack: list[WaitingFit], seconds: float) -> None:
    if len(stack) == 1:
        trainee = stack[0].trainee
        for report in stack[0].reports:
            network, epochs = describe(trainee.plan, trainee.net), count_epochs(trainee.net)
            report._add_alone(network, stack[0].reason_alone or NO_GAIN, seconds, epochs)
        return
    # Sessions of several threads may share a stack; each report counts its own.
    for report in {id(report): report for fit in stack for report in fit.reports}.values():
        own = [fit.trainee for fit in stack if report in fit.reports]
        epochs = max(count_epochs(trainee.net) for trainee in own)
        network = describe(own[0].plan, own[0].net)
        report._add_stack(network, len(own), seconds * len(own) / len(stack), epochs)
