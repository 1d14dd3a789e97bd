"""Networks that may be trained side by side: which ones, how many at once, and what becomes of each."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import torch

from sknets._threads import single_threaded, single_threaded_blas
from sknets._warnings import warn_user
from sknets.training._compiled_pass import can_compile
from sknets.training._dense_program import DenseProgram
from sknets.training._gradient_descent import end_diverged
from sknets.training._net import INTERRUPTED, MAX_PASS_ELEMENTS, InMemoryNet
from sknets.training._plan import TrainingPlan
from sknets.training._stacked_descent import descend_together
from sknets.training._train import prepare, train_prepared
from sknets.training._update_rules import RULES

# Floating-point operations of one network's step from which arithmetic outweighs what a step costs beside it, so that
# a stack gains nothing (measured; docs/benchmarks.md).
MAX_STACKED_STEP_FLOPS = 20e6

# The same of networks with convolutions, whose steps have more overhead to share: operations in single precision, half
# as many in double. Measured on one thread, stacks gain 1.6 at 75e6 and nothing at 150e6; in double nothing at 40e6.
MAX_STACKED_CONV_STEP_FLOPS = 80e6

# Of all networks in a stack together; larger ones leave the cache.
MAX_STACK_STEP_FLOPS = 400e6

#: Networks in a stack beyond which the time per network does not fall any more.
MAX_STACK_SIZE = 128


class Trainee:
    """A network and its plan, waiting to be trained.

    Attributes
    ----------
    reason_alone : str or None
        Why it cannot share a stack.
    key : Hashable
        Trainees of equal keys may share a stack.
    n_bytes : int
        Memory that it takes in a stack; 0 where it cannot share one.
    is_compiled : bool
        Whether its steps are machine code.
    """

    def __init__(self, plan: TrainingPlan, net: InMemoryNet) -> None:
        self.plan = plan
        self.net = net
        prepare(plan, net)
        self.reason_alone = _find_reason_alone(plan, net)
        self.key = () if self.reason_alone else _make_key(plan, net)
        self.n_bytes = 0 if self.reason_alone else _count_bytes(plan, net)
        self.is_compiled = self.reason_alone is None and can_compile(net, plan.train.inputs)
        self.error: BaseException | None = None
        self.diverged_at: tuple[float, int] | None = None
        self.was_interrupted = False

    @property
    def is_too_large(self) -> bool:
        """Whether its steps are so long that a stack of its like gains nothing."""
        return _is_too_large(self.plan, self.net)

    @property
    def flops(self) -> float:
        """Floating-point operations of one of its steps."""
        return _count_flops(self.plan, self.net)

    @property
    def n_steps(self) -> int:
        """Steps that it takes at most."""
        return self.plan.max_epochs * -(-len(self.plan.train) // self.net.order.batch_size)

    def finish(self) -> InMemoryNet:
        """Raise or warn as the training's end demands, in the thread that asked for it, and return the net."""
        if self.error is not None:
            raise self.error
        net, plan = self.net, self.plan
        try:
            if self.diverged_at is not None:
                loss, epoch = self.diverged_at
                end_diverged(net, loss, epoch, plan.train, plan.validation)
                net.restore_best()
        finally:
            net.last_finite = net.before_last_finite = None
        if self.was_interrupted:
            warn_user(INTERRUPTED)
        return net


def split_into_stacks(trainees: Sequence[Trainee], max_bytes: int) -> list[list[Trainee]]:
    """Divide trainees into stacks that are worth it; those in a list of their own are trained alone.

    Which sizes are worth it follows from the shapes: a step's overhead is shared by the networks of a stack, its
    arithmetic is not.
    """
    groups: dict[Hashable, list[Trainee]] = defaultdict(list)
    alone: list[list[Trainee]] = []
    for trainee in trainees:
        if trainee.reason_alone is not None or trainee.is_too_large:
            alone.append([trainee])
        else:
            groups[trainee.key].append(trainee)
    return [stack for group in groups.values() for stack in _divide(group, max_bytes)] + alone


def train_stack(trainees: Sequence[Trainee]) -> None:
    """Train all; what happens to a single one shows in its ``finish``."""
    if len(trainees) == 1:
        _train_alone(trainees[0])
        return
    for trainee in trainees:
        trainee.net.begin_stacked(trainee.plan.watches)
    is_small = trainees[0].net.device.startswith("cpu")
    with torch.no_grad(), single_threaded_blas(), single_threaded(is_small):
        descend_together(trainees, MAX_PASS_ELEMENTS)


def _train_alone(trainee: Trainee) -> None:
    try:
        train_prepared(trainee.plan, trainee.net)
    except Exception as error:  # noqa: BLE001  # raised by `finish`, in the thread that it belongs to
        trainee.error = error


def _find_reason_alone(plan: TrainingPlan, net: InMemoryNet) -> str | None:
    recipe = plan.recipe
    if net.solver.method != "gradient":
        return f"solver={recipe.solver.solver!r} takes no steps along batches"
    if plan.is_one_pass:
        return "partial_fit takes a single pass"
    if net.callbacks_ or plan.listeners:
        return "callbacks watch it"
    if not isinstance(recipe.solver.solver, str):
        return "its solver is a class of the user's"
    if recipe.precision.autocast is not None:
        return "bfloat16"
    if not all(isinstance(inputs, torch.Tensor) for inputs in _all_inputs(plan)):
        return "its rows are sparse or on disk"
    if reason := DenseProgram.why_not_stacked(net):
        return reason
    return None if DenseProgram.can_run(net) else _why_no_gain(plan, net)


def _why_no_gain(plan: TrainingPlan, net: InMemoryNet) -> str | None:
    """Return why convolutions are left to autograd; dense networks as large may still share cores."""
    if not net.device.startswith("cpu"):
        return "stacks of convolutions were measured on the CPU only"
    if _is_too_large(plan, net):
        return "its steps are too large for a stack to gain anything"
    return None


def _make_key(plan: TrainingPlan, net: InMemoryNet) -> Hashable:
    recipe = plan.recipe
    drops = {name: _which_drop(recipe.module.arguments, name) for name in ("dropout", "channel_dropout")}
    arguments = {**recipe.module.arguments, **drops}
    solver_arguments = net.solver.translate(recipe.solver.arguments) | (
        recipe.solver.arguments.get("solver_params") or {}
    )
    must_agree = RULES[str(recipe.solver.solver)].must_agree
    n_batches = len(net.order.edges(net.has_batch_normalization)) - 1
    return (
        recipe.module.module_class,
        tuple(sorted(arguments.items(), key=lambda item: item[0])),
        recipe.loss.name,
        recipe.solver.solver,
        tuple((name, repr(solver_arguments.get(name))) for name in sorted(must_agree)),
        frozenset(solver_arguments),
        (recipe.device, recipe.precision.dtype, plan.train.targets.dtype),
        tuple(inputs.dtype for inputs in _all_inputs(plan)),
        # Networks of a single batch may differ in its size, by what padding is worth.
        (n_batches, net.order.batch_size if n_batches > 1 else len(plan.train).bit_length()),
        recipe.shuffle,
        plan.validation is None,
        recipe.score,
    )


def _which_drop(arguments: dict[str, Any], name: str) -> tuple[bool, ...]:
    return tuple(rate > 0 for rate in arguments.get(name) or ())


def _divide(group: list[Trainee], max_bytes: int) -> list[list[Trainee]]:
    """Cut a group into stacks of about equal size that keep all limits."""
    flops = max(trainee.flops for trainee in group)
    n_bytes = max(trainee.n_bytes for trainee in group)
    limit = int(max(1, min(MAX_STACK_SIZE, MAX_STACK_STEP_FLOPS // flops, max_bytes // max(n_bytes, 1))))
    n_stacks = -(-len(group) // limit)
    size = -(-len(group) // n_stacks)
    return [group[start : start + size] for start in range(0, len(group), size)]


def _is_too_large(plan: TrainingPlan, net: InMemoryNet) -> bool:
    """Whether a step's arithmetic outweighs all that it could share."""
    flops = _count_flops(plan, net)
    if not _has_convolutions(net):
        return flops > MAX_STACKED_STEP_FLOPS
    return flops * net.recipe.precision.dtype.itemsize / 4 > MAX_STACKED_CONV_STEP_FLOPS


def _has_convolutions(net: InMemoryNet) -> bool:
    return any(parameter.ndim > 2 for parameter in net.module_.parameters())


def _count_flops(plan: TrainingPlan, net: InMemoryNet) -> float:
    return net.step_flops(plan.train.inputs)


def _count_bytes(plan: TrainingPlan, net: InMemoryNet) -> int:
    # The rows themselves, joined, and gathered; weights, their gradients, two moments and two copies.
    n_parameters = sum(parameter.numel() for parameter in net.module_.parameters())
    n_bytes = sum(inputs.numel() * inputs.element_size() for inputs in _all_inputs(plan))
    return 3 * n_bytes + (6 * n_parameters + _count_kept_maps(plan, net)) * net.recipe.precision.dtype.itemsize


def _count_kept_maps(plan: TrainingPlan, net: InMemoryNet) -> int:
    """Return the numbers in what convolutions and the layers behind them keep for the backward pass, at most."""
    n_convolutions = sum(parameter.ndim > 2 for parameter in net.module_.parameters())
    return 4 * n_convolutions * net.work_for(plan.train.inputs).n_values * net.order.batch_size if n_convolutions else 0


def _all_inputs(plan: TrainingPlan) -> list[Any]:
    return [plan.train.inputs, *plan.looked_at]
