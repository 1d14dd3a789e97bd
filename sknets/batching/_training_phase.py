"""What a root thread does when it is told to train: group what waits, train it, and count it."""

from collections.abc import Hashable, Sequence
from time import perf_counter

from sknets.batching._description import count_epochs, describe
from sknets.batching._here import here
from sknets.batching._report import NO_FELLOW, NO_GAIN
from sknets.batching._waiting_fit import Order, WaitingFit
from sknets.batching._warning_state import current_state, put_back
from sknets.training import split_into_stacks, train_stack, train_stacks


def carry_out(order: Order) -> None:
    """Train all fits of an order."""
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
    for fit in order.fits:
        if not fit.waits_for_fellows:
            _train_as_its_task_would(fit)
    stacks = _divide([fit for fit in order.fits if fit.waits_for_fellows])

    def begin(index: int) -> None:
        for fit in stacks[index]:
            fit.is_begun = True

    def end(index: int, seconds: float) -> None:
        _report(stacks[index], seconds)
        _end(stacks[index])

    train_stacks([[fit.trainee for fit in stack] for stack in stacks], begin, end)


def _divide(fits: Sequence[WaitingFit]) -> list[list[WaitingFit]]:
    groups: dict[Hashable, list[WaitingFit]] = {}
    for fit in fits:
        groups.setdefault(fit.trainee.key, []).append(fit)
    return [stack for group in groups.values() for stack in _split(group)]


def _split(group: list[WaitingFit]) -> list[list[WaitingFit]]:
    for fit in group:
        fit.reason_alone = NO_FELLOW if len(group) == 1 else NO_GAIN
    by_trainee = {id(fit.trainee): fit for fit in group}
    max_bytes = min(fit.task.call.session.limit_for(fit.device) for fit in group)
    try:
        stacks = split_into_stacks([fit.trainee for fit in group], max_bytes)
    except Exception as error:  # noqa: BLE001  # each of the fits raises it
        _end(group, error)
        return []
    return [[by_trainee[id(trainee)] for trainee in stack] for stack in stacks]


def _train_as_its_task_would(fit: WaitingFit) -> None:
    """Train one network under its task's context variables and warning filters."""
    began = perf_counter()
    fit.is_begun = True
    outside = current_state()
    if fit.warning_state is not None:
        put_back(fit.warning_state)
    try:
        fit.variables.run(train_stack, [fit.trainee])
    finally:
        if fit.warning_state is not None:
            fit.warning_state = current_state()
            put_back(outside)
    _report([fit], perf_counter() - began)
    _end([fit])


def _end(fits: list[WaitingFit], error: Exception | None = None) -> None:
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
