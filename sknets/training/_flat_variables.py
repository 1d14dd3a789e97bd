"""A module's parameters as one vector that an optimiser of functions may walk in."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from sknets.training._plan import Rows
from sknets.training._row_sources import SparseRows

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet


class FlatVariables:
    """The module's parameters as one float64 vector that L-BFGS-B may walk in.

    Under an absolute penalty each penalised weight w is split into w = p - q with p, q >= 0. With ``standardise`` a
    linear model's weights are those of standardised columns: badly scaled columns make L-BFGS crawl.
    """

    def __init__(self, net: "InMemoryNet", train: Rows) -> None:
        options = net.recipe.solver.arguments
        self.weights = net.penalised_weights
        self.others = [p for p in net.module_.parameters() if p.requires_grad and p.ndim <= 1]
        self.penalty_scale = net.loss_penalty.scale(len(train)) if net.loss_penalty else 0.0
        self.l1 = net.loss_penalty.l1 * self.penalty_scale
        self.l2 = net.loss_penalty.l2 * self.penalty_scale
        self.is_split = self.l1 > 0
        self.n_weights = sum(weight.numel() for weight in self.weights)
        self.bounds = self._make_bounds(bool(options.get("positive")))
        self.scaling = _ColumnScaling(train, self.weights[0]) if options.get("standardise") else None
        if self.scaling is not None and not self.others:
            self.scaling.mean[:] = 0.0

    def _make_bounds(self, is_positive: bool) -> list[tuple[float, float]] | None:
        if not (self.is_split or is_positive):
            return None
        bounds = [(0.0, np.inf)] * self.n_weights
        if self.is_split:
            bounds += [(0.0, 0.0 if is_positive else np.inf)] * self.n_weights
        return bounds + [(-np.inf, np.inf)] * sum(other.numel() for other in self.others)

    def read(self) -> np.ndarray:
        """Return the vector that stands for the module's parameters."""
        weights, others = _flatten(self.weights), _flatten(self.others)
        if self.scaling is not None:
            weights, others = self.scaling.to_standardised(weights, others)
        return np.concatenate([*self._split(weights), others])

    def write(self, vector: np.ndarray) -> None:
        """Give the module the parameters that ``vector`` stands for."""
        weights, others = self._join(vector)
        if self.scaling is not None:
            weights, others = self.scaling.to_original(weights, others)
        _unflatten(weights, self.weights)
        _unflatten(others, self.others)

    def read_gradient(self) -> np.ndarray:
        """Return the loss's gradient with respect to the vector, from the parameters' gradients."""
        weights, others = (_flatten([p.grad for p in group]) for group in (self.weights, self.others))
        if self.scaling is not None:
            weights = self.scaling.gradient(weights, others)
        return np.concatenate([weights, -weights, others] if self.is_split else [weights, others])

    def penalty(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the penalty and its gradient with respect to the vector."""
        gradient = np.zeros_like(vector)
        if not self.penalty_scale:
            return 0.0, gradient
        factor = 1.0 if self.scaling is None else self.scaling.factor
        weights = self._join(vector)[0] * factor
        pull = self.l2 * weights * factor
        n = self.n_weights
        if not self.is_split:
            gradient[:n] = pull
            return 0.5 * self.l2 * float(weights @ weights), gradient
        gradient[:n] = pull + self.l1 * factor
        gradient[n : 2 * n] = -pull + self.l1 * factor
        size = float(((vector[:n] + vector[n : 2 * n]) * factor).sum())
        return 0.5 * self.l2 * float(weights @ weights) + self.l1 * size, gradient

    def _split(self, weights: np.ndarray) -> list[np.ndarray]:
        return [weights.clip(min=0), (-weights).clip(min=0)] if self.is_split else [weights]

    def _join(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = self.n_weights
        if self.is_split:
            return vector[:n] - vector[n : 2 * n], vector[2 * n :]
        return vector[:n], vector[n:]


class _ColumnScaling:
    """A linear layer on standardised columns, written in the layer's own weights; the data stay as they are."""

    def __init__(self, train: Rows, weight: nn.Parameter) -> None:
        n_outputs = weight.shape[0]
        self.mean, spread = _column_statistics(train)
        self.shape = tuple(weight.shape)
        self.factor = np.tile(1.0 / np.where(spread > 0, spread, 1.0), n_outputs)
        # Such a column is as good as the intercept; its weight stays where it is.
        self.is_free = np.tile(spread > 0, n_outputs)

    def to_standardised(self, weights: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shift = weights.reshape(self.shape) @ self.mean
        return weights / self.factor, others + shift if len(others) else others

    def to_original(self, weights: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        original = weights * self.factor
        shift = original.reshape(self.shape) @ self.mean
        return original, others - shift if len(others) else others

    def gradient(self, weights: np.ndarray, others: np.ndarray) -> np.ndarray:
        centred = weights.reshape(self.shape)
        if len(others):
            centred = centred - np.outer(others, self.mean)
        return centred.ravel() * self.factor * self.is_free


def _column_statistics(train: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return each column's weighted mean and standard deviation; 0 where a column is constant but for rounding."""
    n_rows = len(train)
    share = np.full(n_rows, 1.0 / n_rows) if train.weights is None else train.weights.cpu().double().numpy() / n_rows
    if isinstance(train.inputs, SparseRows):
        matrix = train.inputs.matrix
        mean = matrix.T @ share
        variance = matrix.multiply(matrix).T @ share - mean**2
    else:
        inputs = train.inputs.cpu().double().numpy()
        mean = share @ inputs
        variance = share @ (inputs - mean) ** 2
    # scikit-learn's bound on what rounding can make of a constant column, in the data's own precision.
    rounding = n_rows * torch.finfo(train.inputs.dtype).eps * (np.abs(variance) + mean**2)
    return mean, np.sqrt(np.where(variance > rounding, variance, 0.0))


def _flatten(tensors: list[Any]) -> np.ndarray:
    if not tensors:
        return np.zeros(0)
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).cpu().numpy().astype(np.float64)


def _unflatten(vector: np.ndarray, parameters: list[Any]) -> None:
    start = 0
    with torch.no_grad():
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.copy_(torch.from_numpy(vector[start:end]).view(parameter.shape))
            start = end
