"""Losses by name. A new one is one class and one line in LOSSES; regressors offer it when it says so.

Each takes a network's raw outputs. ``rows`` gives one loss per row; called as a module, a loss gives the weighted mean
over rows, by the fused kernel where there are no weights.
"""

import copy
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


class Loss(nn.Module):
    """What all losses share: the weighted mean over rows."""

    #: Turns raw outputs into predictions: class probabilities or expected values.
    link = "identity"

    #: Whether regressors offer it under its name in LOSSES.
    is_for_regressors = False

    #: Arguments of the constructor, kept under the same names.
    setting_names: tuple[str, ...] = ()

    def rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return one loss per row, of shape (n,)."""
        raise NotImplementedError

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the derivative of each row's loss with respect to its outputs, in memory of its own.

        ``outputs`` may have a leading axis for networks; then so have targets, and the loss's own settings may be
        tensors of shape (k, 1, 1).
        """
        raise NotImplementedError

    def mean(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of rows of equal weight."""
        return self.rows(outputs, targets).mean()

    def settings(self) -> dict[str, float]:
        """Return the arguments that the loss was made with."""
        return {name: float(getattr(self, name)) for name in self.setting_names}

    def forward(
        self, outputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        if weights is None:
            return self.mean(outputs, targets)
        # Divided by the number of rows, not by the batch's weight: with weights of mean 1 a batch's loss is then an
        # unbiased estimate of the whole set's, and in a single batch equal to it.
        return (self.rows(outputs, targets) * weights).sum() / len(weights)


class CrossEntropy(Loss):
    """Softmax cross-entropy of several classes; targets are class indices."""

    link = "softmax"

    setting_names = ("label_smoothing",)

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        # Written out: torch's own takes one exponential after another where there are few classes.
        highest = outputs.detach().amax(1, keepdim=True)
        shifted = outputs - highest
        losses = shifted.exp().sum(1).log() - shifted.gather(1, targets.unsqueeze(1)).squeeze(1)
        if self.label_smoothing:
            right = shifted.gather(1, targets.unsqueeze(1)).squeeze(1)
            losses = losses + (right - shifted.mean(1)) * self.label_smoothing
        return losses

    def mean(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(outputs, targets, label_smoothing=self.label_smoothing)

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        slopes = (outputs - outputs.amax(-1, keepdim=True)).exp_()
        slopes.div_(slopes.sum(-1, keepdim=True))
        places = targets.unsqueeze(-1)
        if isinstance(self.label_smoothing, torch.Tensor):
            certainty = (self.label_smoothing - 1).expand(places.shape)
            return slopes.scatter_add_(-1, places, certainty).sub_(self.label_smoothing / outputs.shape[-1])
        slopes.scatter_(-1, places, self.label_smoothing - 1, reduce="add")
        return slopes.sub_(self.label_smoothing / outputs.shape[-1]) if self.label_smoothing else slopes


class BinaryCrossEntropy(Loss):
    """Sigmoid cross-entropy summed over the columns: two classes in one column, or several labels."""

    link = "logistic"

    setting_names = ("label_smoothing",)

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.binary_cross_entropy_with_logits(outputs, self._smooth(targets), reduction="none").sum(1)

    def mean(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return _times_columns(functional.binary_cross_entropy_with_logits(outputs, self._smooth(targets)), outputs)

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(outputs).sub_(self._smooth(targets))

    def _smooth(self, targets: torch.Tensor) -> torch.Tensor:
        is_smooth = isinstance(self.label_smoothing, torch.Tensor) or self.label_smoothing
        return targets * (1 - self.label_smoothing) + 0.5 * self.label_smoothing if is_smooth else targets


class MeanSquaredError(Loss):
    """Squared error, summed over outputs."""

    def rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs - targets).square().sum(1)

    def mean(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return _times_columns(functional.mse_loss(outputs, targets), outputs)

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs - targets).mul_(2)


class HalfSquaredError(MeanSquaredError):
    """Half the squared error, summed over outputs, as in scikit-learn's perceptrons."""

    is_for_regressors = True

    def rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return 0.5 * super().rows(outputs, targets)

    def mean(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.mse_loss(outputs, targets) * (0.5 * outputs.shape[1])

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return outputs - targets


class HalfPoissonDeviance(Loss):
    """Half the Poisson deviance; outputs are logarithms of the expected counts."""

    is_for_regressors = True

    link = "exp"

    def rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        constant = torch.special.xlogy(targets, targets) - targets
        return (outputs.exp() - targets * outputs + constant).sum(1)

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return outputs.exp().sub_(targets)


class AbsoluteError(Loss):
    """Absolute error, summed over outputs; its optimum is the conditional median."""

    is_for_regressors = True

    def rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs - targets).abs().sum(1)

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs - targets).sign_()


class Huber(Loss):
    """Half the squared error within distance 1, linear beyond, summed over outputs.

    P. J. Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35, 1964.
    """

    is_for_regressors = True

    def rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.huber_loss(outputs, targets, reduction="none").sum(1)

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs - targets).clamp_(-1, 1)


class Quantile(Loss):
    """Pinball loss, summed over outputs; its optimum is the conditional quantile.

    R. Koenker, G. Bassett, Regression Quantiles, Econometrica 46, 1978.
    """

    is_for_regressors = True

    setting_names = ("quantile",)

    def __init__(self, quantile: float = 0.5) -> None:
        super().__init__()
        self.quantile = quantile

    def rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        shortfall = targets - outputs
        return torch.maximum(self.quantile * shortfall, (self.quantile - 1) * shortfall).sum(1)

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        # At a shortfall of zero autograd takes the mean of both sides.
        return (outputs - targets).sign_().mul_(0.5).add_(0.5).sub_(self.quantile)


class PerceptronLoss(Loss):
    """How far misclassified rows lie on the wrong side, summed over columns.

    Targets are class indices, one column against the others, or zeros and ones.
    """

    link = "sign"

    def rows(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if targets.ndim == 1:
            targets = functional.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
        return functional.relu((1 - 2 * targets) * outputs).sum(1)

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if targets.ndim < outputs.ndim:
            targets = functional.one_hot(targets, outputs.shape[-1]).to(outputs.dtype)
        signs = 1 - 2 * targets
        return signs * (signs * outputs > 0)


def stack_losses(losses: Sequence[Loss], like: torch.Tensor) -> Loss:
    """Return one loss for outputs of several networks, whose ``slopes`` follow each network's own settings.

    ``like`` is a tensor of their device and type of numbers.
    """
    if len(losses) == 1:
        return losses[0]
    stacked = copy.copy(losses[0])
    settings = [loss.settings() for loss in losses]
    for name in settings[0]:
        values = [own[name] for own in settings]
        if len(set(values)) > 1:
            setattr(stacked, name, like.new_tensor(values).view(-1, 1, 1))
    return stacked


def _times_columns(mean: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """Turn a mean over all elements into a mean over rows of sums over columns."""
    n_columns = outputs.shape[1]
    return mean if n_columns == 1 else mean * n_columns


LOSSES: dict[str, type[Loss]] = {
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "mean_squared_error": MeanSquaredError,
    "squared_error": HalfSquaredError,
    "poisson": HalfPoissonDeviance,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "perceptron": PerceptronLoss,
}

#: Names that the regressors offer.
REGRESSION_LOSSES = tuple(name for name, loss in LOSSES.items() if loss.is_for_regressors)
