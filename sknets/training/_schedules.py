"""Learning-rate schedules by name, without torch. A new one is one class and one line in SCHEDULES."""

import math


class Schedule:
    """The learning rate as a function of progress.

    Parameters
    ----------
    initial_rate : float
    n_epochs : int
        Epochs that the fit may run; schedules over the whole training spread over them.
    power_t : float
        Exponent of inverse scaling.
    patience : float
        Epochs without gain after which the stopping rule would end training.
    """

    #: Whether the rate changes within an epoch.
    per_batch = False

    #: Whether the rate runs down towards the last epoch.
    has_end = False

    def __init__(self, initial_rate: float, n_epochs: int, power_t: float = 0.5, patience: float = 10) -> None:
        self.initial_rate = initial_rate
        self.rate = initial_rate
        self.n_epochs = n_epochs
        self.power_t = power_t
        self.patience = patience

    @property
    def follows_log(self) -> bool:
        """Whether the rate of an epoch depends on what happened in those before."""
        return type(self).after_epoch is not Schedule.after_epoch

    def rate_at(self, progress: float) -> float:
        """Return the rate after ``progress`` epochs, a fraction counting the batches of the running epoch."""
        return self.rate

    def rates_in_epoch(self, n_epochs_done: int, n_batches: int) -> list[float]:
        """Return the rate of each batch of the epoch that begins."""
        if not self.per_batch:
            return [self.rate_at(n_epochs_done)] * n_batches
        return [self.rate_at(n_epochs_done + index / n_batches) for index in range(n_batches)]

    def after_epoch(self, n_rows_seen: int, n_epochs_without_gain: int) -> None:
        """Take note of one finished epoch."""

    def on_exhausted_patience(self) -> bool:
        """Answer the stopping rule: lower the rate and return True, or return False and let training end."""
        return False


class Constant(Schedule):
    """The same rate throughout."""


class InverseScaling(Schedule):
    """``initial_rate / (rows seen + 1) ** power_t``, as in scikit-learn."""

    def after_epoch(self, n_rows_seen: int, n_epochs_without_gain: int) -> None:
        self.rate = self.initial_rate / (n_rows_seen + 1) ** self.power_t


class Adaptive(Schedule):
    """Divided by 5 whenever patience runs out, until it is 1e-6 or less, as in scikit-learn."""

    def on_exhausted_patience(self) -> bool:
        if self.rate <= 1e-6:
            return False
        self.rate /= 5.0
        return True


class Cosine(Schedule):
    """From the initial rate to zero along half a cosine, epoch by epoch.

    I. Loshchilov, F. Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017, arXiv:1608.03983.
    """

    has_end = True

    def rate_at(self, progress: float) -> float:
        done = min(math.floor(progress) / self.n_epochs, 1.0)
        return self.initial_rate * 0.5 * (1 + math.cos(math.pi * done))


class OneCycle(Schedule):
    """From a 25th of the initial rate up to it in the first 30 % of training, then down to a 10 000th of that start.

    L. N. Smith, N. Topin, Super-Convergence, 2017, arXiv:1708.07120; the constants are torch's.
    """

    per_batch = True
    has_end = True
    warm_up, start_divisor, end_divisor = 0.3, 25.0, 1e4

    def rate_at(self, progress: float) -> float:
        done = min(progress / self.n_epochs, 1.0)
        start = self.initial_rate / self.start_divisor
        if done < self.warm_up:
            return _cosine_between(start, self.initial_rate, done / self.warm_up)
        return _cosine_between(self.initial_rate, start / self.end_divisor, (done - self.warm_up) / (1 - self.warm_up))


class Step(Schedule):
    """Divided by 10 after one third and after two thirds of training."""

    has_end = True

    def rate_at(self, progress: float) -> float:
        n_steps = min(math.floor(3 * math.floor(progress) / self.n_epochs), 2)
        return self.initial_rate * 0.1**n_steps


class Plateau(Schedule):
    """Divided by 10 after every half of the patience without gain; training still ends when patience runs out."""

    def after_epoch(self, n_rows_seen: int, n_epochs_without_gain: int) -> None:
        if math.isfinite(self.patience) and n_epochs_without_gain:
            half = max(1, int(self.patience) // 2)
            if n_epochs_without_gain % half == 0:
                self.rate /= 10.0


def _cosine_between(start: float, end: float, done: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * done))


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "invscaling": InverseScaling,
    "adaptive": Adaptive,
    "cosine": Cosine,
    "onecycle": OneCycle,
    "step": Step,
    "plateau": Plateau,
}
