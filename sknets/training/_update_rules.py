"""The optimizers' update rules for networks that are trained side by side over one flat vector.

The vector holds one segment per parameter tensor, weight matrices first, and in each segment the networks' values one
after the other. Every rule takes the steps that the torch optimizer of its name would take on each network alone, in as
few tensor operations as it can: for a small network these are what a step costs.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

#: One value per network -> the value where all are equal, else a tensor with each network's value at its elements.
Spread = Callable[[Sequence[float]], "float | Tensor"]
Factor = float | Tensor

#: Where torch's fused kernels are used; the solvers' table goes by the same.
FUSED_DEVICES = ("cpu", "cuda")


class UpdateRule(ABC):
    """How an optimizer moves all networks of a stack.

    Parameters
    ----------
    vector, gradient : Tensor of shape (n_elements,)
        The parameters, changed in place, and where their gradient stands at every step. The latter is only read.
    n_decaying : int
        Leading elements that a decay apart from the gradient (AdamW's) acts on.
    members : sequence of dict
        For each network keyword arguments of the torch optimizer; torch's defaults stand for missing ones.
    spread : callable
        Turns a list of one float per network into a factor of the vector: the float where all are equal, else a tensor
        of the vector's shape and dtype.

    Attributes
    ----------
    defaults : dict
        The arguments that the rule knows, beyond the learning rate, with torch's defaults.
    arguments : frozenset of str
    must_agree : frozenset of str
        Arguments that must be the same for all networks of a stack.
    first_numbers : dict of str to float
        Torch's state beside buffers and the count of steps, as it is before the first step.
    keeps_step : bool
        Whether torch's state of a parameter has a "step".
    has_fused_kernel : bool
    buffers : dict of str to Tensor of shape (n_elements,)
        Torch's state by its own names. Write to them in place.
    numbers : dict of str to list
        One number per network for each of ``first_numbers``, in the dtype that torch keeps it in.
    """

    defaults: ClassVar[dict[str, Any]]
    arguments: ClassVar[frozenset[str]]
    must_agree: ClassVar[frozenset[str]] = frozenset()
    first_numbers: ClassVar[dict[str, float]] = {}
    keeps_step: ClassVar[bool] = True
    has_fused_kernel: ClassVar[bool] = False

    def __init__(
        self, vector: Tensor, gradient: Tensor, n_decaying: int, members: Sequence[dict[str, Any]], spread: Spread
    ) -> None:
        self.members = [{**self.defaults, **member} for member in members]
        names = [name for member in self.members for name in self.buffer_names(member)]
        self.buffers = {name: torch.zeros_like(vector) for name in dict.fromkeys(names)}
        number = np.float64 if torch.get_default_dtype() == torch.float64 else np.float32
        self.numbers: dict[str, list[Any]] = {
            name: [number(first)] * len(members) for name, first in self.first_numbers.items()
        }
        self._n_taken = 0
        self._starts = [0] * len(members)
        self._rates: tuple[float, ...] = ()
        self._knows_networks = False
        self._attach(vector, gradient, n_decaying, spread)

    @staticmethod
    @abstractmethod
    def buffer_names(member: dict[str, Any]) -> tuple[str, ...]:
        """Return the names of the buffers that torch keeps for a network of these arguments, defaults filled in."""

    @property
    def n_steps(self) -> list[int]:
        """Steps that each network has taken, those before it joined the stack counted in where torch counts them."""
        return [start + self._n_taken for start in self._starts]

    def step(self, rates: Sequence[float]) -> None:
        """Move every network along its gradient, at its own learning rate."""
        rates = tuple(rates)
        if rates != self._rates:
            if not self._knows_networks:
                self._weight_decay = self._spread_argument("weight_decay")
                self._read_networks()
            self._rates, self._knows_networks = rates, True
            self._minus_rate = self.spread([-rate for rate in rates])
            self._read_rates()
        self._n_taken += 1
        self._update()

    def count_steps(self, n_steps: Sequence[int]) -> None:
        """Take note of steps that others have taken over the same memory, so many with each network."""
        self._starts = [start + n for start, n in zip(self._starts, n_steps, strict=True)]

    def compact(
        self,
        kept: Sequence[int],
        select: Callable[[Tensor], Tensor],
        vector: Tensor,
        gradient: Tensor,
        n_decaying: int,
        spread: Spread,
    ) -> None:
        """Go on with some of the networks.

        Parameters
        ----------
        kept : sequence of int
            Indices of the networks that stay, in their new order.
        select : callable
            Gives those networks' elements of a tensor of the old vector's shape, as a tensor of the new one's.
        vector, gradient, n_decaying, spread
            As in the constructor, for the networks that stay.
        """
        self.members = [self.members[network] for network in kept]
        self._starts = [self._starts[network] for network in kept]
        self.numbers = {name: [values[network] for network in kept] for name, values in self.numbers.items()}
        names = {name for member in self.members for name in self.buffer_names(member)}
        self.buffers = {name: select(buffer) for name, buffer in self.buffers.items() if name in names}
        self._attach(vector, gradient, n_decaying, spread)

    def scalars(self, network: int) -> dict[str, Tensor]:
        """Return what torch's state of each of a network's parameters holds beside buffers, as torch holds it."""
        state = {name: torch.tensor(values[network]) for name, values in self.numbers.items()}
        if self.keeps_step:
            step = float(self.n_steps[network])
            state["step"] = self._make_step_count(step) if self._may_fuse else torch.tensor(step)
        return state

    def set_scalars(self, network: int, state: dict[str, Any]) -> None:
        """Take a network's numbers from torch's state of one of its parameters."""
        if self.keeps_step:
            self._starts[network] = int(state["step"]) - self._n_taken
        for name, values in self.numbers.items():
            values[network] = torch.as_tensor(state[name]).cpu().numpy()[()]
        self._forget_networks()

    @abstractmethod
    def _read_networks(self) -> None:
        """Compute what holds until the networks change."""

    def _read_rates(self) -> None:  # noqa: B027  # most rules need no more than the rates
        """Compute what holds until the rates or the networks change."""

    @abstractmethod
    def _update(self) -> None:
        """Take one step, which ``_count_steps`` counts already."""

    def _attach(self, vector: Tensor, gradient: Tensor, n_decaying: int, spread: Spread) -> None:
        self.vector, self.gradient, self.n_decaying, self.spread = vector, gradient, n_decaying, spread
        self._may_fuse = self.has_fused_kernel and vector.device.type in FUSED_DEVICES
        self._forget_networks()

    def _forget_networks(self) -> None:
        """Have the next step read them anew, and their rates, which no stack has."""
        self._rates, self._knows_networks = (), False

    def _values(self, argument: str) -> list[Any]:
        return [member[argument] for member in self.members]

    def _spread_argument(self, argument: str) -> Factor:
        return self.spread(self._values(argument))

    def _spread_decay(self, decays: list[float]) -> tuple[Factor, Factor]:
        """Return the factors of the old and of the new value in a running mean."""
        # Subtracted before rounding to the vector's dtype: 1 - 0.999 has few digits in float32.
        return self.spread(decays), self.spread([1 - decay for decay in decays])

    def _share_steps_and(self, *arguments: str) -> bool:
        """Whether all networks have taken as many steps, and agree in these arguments."""
        return _all_equal(self._starts) and all(_all_equal(self._values(argument)) for argument in arguments)

    def _count_steps(self, network: int) -> int:
        return self._starts[network] + self._n_taken

    def _penalized_gradient(self) -> Tensor:
        """Return the gradient with that of the L2 penalty, which is what torch calls weight decay."""
        if isinstance(self._weight_decay, Tensor):
            return torch.addcmul(self.gradient, self.vector, self._weight_decay)
        return torch.add(self.gradient, self.vector, alpha=self._weight_decay) if self._weight_decay else self.gradient

    def _make_step_count(self, step: float) -> Tensor:
        """Return a count of steps of the kind that fused kernels read."""
        return torch.tensor(step, dtype=torch.float32, device=self.vector.device)


class _BetasRule(UpdateRule):
    """What Adam and its relatives have in common.

    Attributes
    ----------
    shares_scale : bool
        Whether what depends on the step's number is the same for all networks.
    """

    shares_scale: bool

    def _spread_betas(self) -> None:
        betas = self._values("betas")
        self._mean_factors = self._spread_decay([beta1 for beta1, _ in betas])
        self._square_factors = self._spread_decay([beta2 for _, beta2 in betas])
        self._eps = self._spread_argument("eps")

    def _spread_scale(self, scale: Callable[[int], float]) -> Factor:
        """Return a function's value for each network, spread."""
        if self.shares_scale:
            return scale(0)
        return self.spread([scale(network) for network in range(len(self.members))])

    def _scale_rate(self, scale: Callable[[int], float]) -> tuple[Factor, float]:
        """Return two factors whose product is ``-rate * scale(network)``.

        The second spares spreading numbers that are new at every step.
        """
        if self.shares_scale:
            return self._minus_rate, scale(0)
        return self.spread([-rate * scale(network) for network, rate in enumerate(self._rates)]), 1.0

    def _mean_correction(self, network: int) -> float:
        return float(1 - self.members[network]["betas"][0] ** self._count_steps(network))

    def _square_correction(self, network: int) -> float:
        return float(1 - self.members[network]["betas"][1] ** self._count_steps(network))


class _AdamRule(_BetasRule):
    """Adam, however it decays weights."""

    arguments = frozenset({"betas", "eps", "weight_decay"})
    has_fused_kernel = True
    is_decoupled: ClassVar[bool]

    @staticmethod
    def buffer_names(member: dict[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"

    def _read_networks(self) -> None:
        self.shares_scale = self._share_steps_and("betas")
        self._kernel = self._make_kernel() if self._may_fuse and self._share_steps_and("betas", "eps") else None
        if self._kernel is None:
            self._spread_betas()

    def _make_kernel(self) -> "_FusedKernel":
        self._step_count = self._make_step_count(0.0)
        betas = self.members[0]["betas"]
        reaches_all = not self.is_decoupled or self.n_decaying == self.vector.numel()
        return _FusedKernel(
            torch._fused_adamw_ if self.is_decoupled else torch._fused_adam_,
            self.vector,
            [[self.buffers["exp_avg"]], [self.buffers["exp_avg_sq"]], [], [self._step_count]],
            {"beta1": betas[0], "beta2": betas[1], "eps": self.members[0]["eps"], "amsgrad": False, "maximize": False},
            self._weight_decay if reaches_all else None,
        )

    def _read_rates(self) -> None:
        kernel_decays = self._kernel is not None and self._kernel.take_rate(self._minus_rate)
        self._penalizes = not self.is_decoupled and not kernel_decays
        self._shrinks = self.is_decoupled and not kernel_decays and any(self._values("weight_decay"))
        if self._shrinks:
            shrinkage = self._minus_rate * self._weight_decay + 1
            self._shrinkage = shrinkage[: self.n_decaying] if isinstance(shrinkage, Tensor) else shrinkage
            self._shrinking = self.vector[: self.n_decaying]

    def _update(self) -> None:
        if self._shrinks:
            self._shrinking.mul_(self._shrinkage)
        gradient = self._penalized_gradient() if self._penalizes else self.gradient
        if self._kernel is None:
            self._update_unfused(gradient)
        else:
            self._step_count.fill_(self._count_steps(0))
            self._kernel.run(gradient)

    def _update_unfused(self, gradient: Tensor) -> None:
        mean, mean_square = self.buffers["exp_avg"], self.buffers["exp_avg_sq"]
        mean.lerp_(gradient, self._mean_factors[1])
        _average_squares(mean_square, gradient, self._square_factors)
        root = mean_square.sqrt().div_(self._spread_scale(self._root_correction)).add_(self._eps)
        _add_ratio(self.vector, mean, root, self._scale_rate(self._rate_scale))

    def _rate_scale(self, network: int) -> float:
        return 1 / self._mean_correction(network)

    def _root_correction(self, network: int) -> float:
        return math.sqrt(self._square_correction(network))


class Adam(_AdamRule):
    """Adam; weight decay is part of the gradient."""

    defaults = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
    is_decoupled = False


class AdamW(_AdamRule):
    """Adam; weight decay acts on the leading elements directly."""

    defaults = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2}
    is_decoupled = True


class Adamax(_BetasRule):
    """Adam by the largest instead of the mean squared gradient."""

    defaults = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
    arguments = frozenset(defaults)

    @staticmethod
    def buffer_names(member: dict[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_inf"

    def _read_networks(self) -> None:
        self.shares_scale = self._share_steps_and("betas")
        self._spread_betas()

    def _update(self) -> None:
        gradient = self._penalized_gradient()
        mean, norm = self.buffers["exp_avg"], self.buffers["exp_inf"]
        mean.lerp_(gradient, self._mean_factors[1])
        torch.maximum(norm.mul_(self._square_factors[0]), gradient.abs().add_(self._eps), out=norm)
        _add_ratio(self.vector, mean, norm, self._scale_rate(self._rate_scale))

    def _rate_scale(self, network: int) -> float:
        return 1 / self._mean_correction(network)


class NAdam(_BetasRule):
    """Adam with Nesterov's momentum, whose schedule torch's "mu_product" follows."""

    defaults = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "momentum_decay": 4e-3}
    arguments = frozenset(defaults)
    first_numbers = {"mu_product": 1.0}

    @staticmethod
    def buffer_names(member: dict[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"

    def _read_networks(self) -> None:
        agree = self._share_steps_and("betas", "momentum_decay")
        self.shares_scale = agree and _all_equal(self.numbers["mu_product"])
        self._spread_betas()

    def _update(self) -> None:
        gradient = self._penalized_gradient()
        mean, mean_square = self.buffers["exp_avg"], self.buffers["exp_avg_sq"]
        self._advance_products()
        mean.lerp_(gradient, self._mean_factors[1])
        _average_squares(mean_square, gradient, self._square_factors)
        root = mean_square.div(self._spread_scale(self._square_correction)).sqrt_().add_(self._eps)
        _add_ratio(self.vector, gradient, root, self._scale_rate(self._gradient_scale))
        _add_ratio(self.vector, mean, root, self._scale_rate(self._mean_scale))

    def _advance_products(self) -> None:
        products = self.numbers["mu_product"]
        if self.shares_scale:
            products[:] = [self._next_product(0)] * len(products)
        else:
            products[:] = [self._next_product(network) for network in range(len(products))]

    def _next_product(self, network: int) -> Any:
        product = self.numbers["mu_product"][network]
        # In the dtype of torch's tensor: its rounding shows in the weights.
        return product * type(product)(self._momentum(network))

    def _momentum(self, network: int, ahead: int = 0) -> float:
        member = self.members[network]
        decayed: float = 0.96 ** ((self._count_steps(network) + ahead) * member["momentum_decay"])
        return float(member["betas"][0] * (1 - 0.5 * decayed))

    def _gradient_scale(self, network: int) -> float:
        return (1 - self._momentum(network)) / (1 - float(self.numbers["mu_product"][network]))

    def _mean_scale(self, network: int) -> float:
        ahead = self._momentum(network, ahead=1)
        return ahead / (1 - float(self.numbers["mu_product"][network]) * ahead)


class Adadelta(UpdateRule):
    """Steps as long as the mean squared step, along gradients divided by their own."""

    defaults = {"rho": 0.9, "eps": 1e-6, "weight_decay": 0.0}
    arguments = frozenset(defaults)

    @staticmethod
    def buffer_names(member: dict[str, Any]) -> tuple[str, ...]:
        return "square_avg", "acc_delta"

    def _read_networks(self) -> None:
        self._factors = self._spread_decay(self._values("rho"))
        self._eps = self._spread_argument("eps")

    def _update(self) -> None:
        gradient = self._penalized_gradient()
        mean_square, mean_step = self.buffers["square_avg"], self.buffers["acc_delta"]
        _average_squares(mean_square, gradient, self._factors)
        step = mean_step.add(self._eps).div_(mean_square.add(self._eps)).sqrt_().mul_(gradient)
        _average_squares(mean_step, step, self._factors)
        _add_scaled(self.vector, step, self._minus_rate)


class RMSprop(UpdateRule):
    """Gradients divided by the root of their mean square."""

    defaults = {"alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False}
    arguments = frozenset(defaults)
    must_agree = frozenset({"centered"})

    @staticmethod
    def buffer_names(member: dict[str, Any]) -> tuple[str, ...]:
        optional = {"momentum_buffer": member["momentum"] > 0, "grad_avg": member["centered"]}
        return "square_avg", *(name for name, is_kept in optional.items() if is_kept)

    def _read_networks(self) -> None:
        self._factors = self._spread_decay(self._values("alpha"))
        self._eps = self._spread_argument("eps")
        self._momentum = self._spread_argument("momentum")

    def _update(self) -> None:
        gradient = self._penalized_gradient()
        mean_square = self.buffers["square_avg"]
        _average_squares(mean_square, gradient, self._factors)
        if "grad_avg" in self.buffers:
            mean = self.buffers["grad_avg"].lerp_(gradient, self._factors[1])
            mean_square = mean_square.addcmul(mean, mean, value=-1)
        root = mean_square.sqrt().add_(self._eps)
        if "momentum_buffer" in self.buffers:
            # A momentum of 0 leaves the step of a network without.
            step = self.buffers["momentum_buffer"].mul_(self._momentum).addcdiv_(gradient, root)
            _add_scaled(self.vector, step, self._minus_rate)
        else:
            _add_ratio(self.vector, gradient, root, (self._minus_rate, 1.0))


class SGD(UpdateRule):
    """Gradient descent, with momentum of either kind."""

    defaults = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0}
    arguments = frozenset(defaults)
    keeps_step = False
    has_fused_kernel = True

    @staticmethod
    def buffer_names(member: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if member["momentum"] else ()

    def _read_networks(self) -> None:
        agree = _all_equal(self._values("momentum")) and _all_equal(self._values("nesterov"))
        # Without momentum, one plain operation is as good as the kernel.
        self._kernel = self._make_kernel() if self._may_fuse and agree and self.buffers else None
        self._momentum = self._spread_argument("momentum")
        self._follows_gradient = any(self._values("nesterov"))

    def _make_kernel(self) -> "_FusedKernel":
        member = self.members[0]
        arguments = {"momentum": member["momentum"], "nesterov": member["nesterov"], "dampening": 0.0}
        return _FusedKernel(
            torch._fused_sgd_,
            self.vector,
            [[self.buffers["momentum_buffer"]]],
            # The first step is not special: the buffer is 0.
            {**arguments, "maximize": False, "is_first_step": False},
            self._weight_decay,
        )

    def _read_rates(self) -> None:
        self._penalizes = self._kernel is None or not self._kernel.take_rate(self._minus_rate)
        if self._kernel is None and self.buffers:
            # Nesterov's step is gradient + momentum * buffer, the other one the buffer.
            members = list(zip(self._rates, self.members, strict=True))
            self._gradient_rate = self.spread([-rate if member["nesterov"] else 0.0 for rate, member in members])
            self._buffer_rate = self.spread(
                [-rate * (member["momentum"] if member["nesterov"] else 1) for rate, member in members]
            )

    def _update(self) -> None:
        gradient = self._penalized_gradient() if self._penalizes else self.gradient
        if self._kernel is not None:
            self._kernel.run(gradient)
        elif not self.buffers:
            _add_scaled(self.vector, gradient, self._minus_rate)
        else:
            buffer = self.buffers["momentum_buffer"].mul_(self._momentum).add_(gradient)
            if self._follows_gradient:
                _add_scaled(self.vector, gradient, self._gradient_rate)
            _add_scaled(self.vector, buffer, self._buffer_rate)


#: By the names of the solvers' table.
RULES: dict[str, type[UpdateRule]] = {
    "adam": Adam,
    "adamw": AdamW,
    "adamax": Adamax,
    "nadam": NAdam,
    "adadelta": Adadelta,
    "rmsprop": RMSprop,
    "sgd": SGD,
}


class _FusedKernel:
    """One of torch's kernels that take a whole step, for networks that agree in its arguments.

    Where their rates differ, it takes a step of rate 1 from 0, which the rates then scale.

    Parameters
    ----------
    kernel : callable
    vector : Tensor
    states : list of lists of Tensor
        The kernel's arguments after parameters and gradients.
    arguments : dict
        Its keyword arguments, apart from rate and weight decay.
    weight_decay : float, Tensor or None
        The kernel applies it if it can: not where decays or rates differ. None leaves it to the caller.
    """

    def __init__(
        self,
        kernel: Callable[..., Any],
        vector: Tensor,
        states: list[list[Tensor]],
        arguments: dict[str, Any],
        weight_decay: Factor | None,
    ) -> None:
        self.kernel, self.vector, self.states = kernel, vector, states
        self.arguments, self.weight_decay = arguments, weight_decay
        self.unit_step: Any = None
        self.is_scaled = False

    def take_rate(self, minus_rate: Factor) -> bool:
        """Set the rate, given by its negative; return whether the kernel decays weights."""
        self.minus_rate: Any = minus_rate
        self.is_scaled = isinstance(minus_rate, Tensor)
        if self.is_scaled and self.unit_step is None:
            self.unit_step = torch.empty_like(self.vector)
        decays = not (self.is_scaled or self.weight_decay is None or isinstance(self.weight_decay, Tensor))
        self.arguments["lr"] = 1.0 if self.is_scaled else -minus_rate
        self.arguments["weight_decay"] = self.weight_decay if decays else 0.0
        return decays

    def run(self, gradient: Tensor) -> None:
        """Take one step."""
        if self.is_scaled:
            self.kernel([self.unit_step.zero_()], [gradient], *self.states, **self.arguments)
            self.vector.addcmul_(self.unit_step, self.minus_rate, value=-1)
        else:
            self.kernel([self.vector], [gradient], *self.states, **self.arguments)


def _average_squares(average: Tensor, values: Tensor, factors: tuple[Factor, Factor]) -> None:
    old, new = factors
    if isinstance(new, Tensor):
        average.lerp_(values.square(), new)
    else:
        average.mul_(old).addcmul_(values, values, value=new)


def _add_scaled(vector: Tensor, values: Tensor, factor: Factor) -> None:
    if isinstance(factor, Tensor):
        vector.addcmul_(values, factor)
    else:
        vector.add_(values, alpha=factor)


def _add_ratio(vector: Tensor, numerator: Tensor, denominator: Tensor, factors: tuple[Factor, float]) -> None:
    """Add the ratio times both factors."""
    first, second = factors
    if isinstance(first, Tensor):
        vector.addcdiv_(numerator * first, denominator, value=second)
    else:
        vector.addcdiv_(numerator, denominator, value=first * second)


def _all_equal(values: Sequence[Any]) -> bool:
    return all(value == values[0] for value in values)
