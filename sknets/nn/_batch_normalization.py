"""Batch normalization in which a row of weight two counts as two rows."""

import torch
from torch import nn
from torch.nn import functional


class BatchNormalization(nn.modules.batchnorm._BatchNorm):
    """Shift and scale each unit or channel to mean 0 and variance 1 over the batch, then by learnt numbers.

    It differs from ``torch.nn.BatchNorm1d`` and its relatives in three ways. ``row_weights``, while they are set, weigh
    the batch's rows, so that sample weights act as repeated rows do. The running variance is the batch's own, not
    enlarged by n / (n - 1), which repeated rows would change. And the running statistics of the first batches are
    their plain mean: a fit of a few batches would otherwise predict with what it started from.

    References
    ----------
    S. Ioffe, C. Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift,
    ICML 2015, arXiv:1502.03167.
    """

    momentum: float
    running_mean: torch.Tensor
    running_var: torch.Tensor
    num_batches_tracked: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.row_weights: torch.Tensor | None = None
        # Counted here, too: to ask the buffer would make the host wait for the device.
        self._n_batches: int | None = None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return functional.batch_norm(
                inputs, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        share = self._count_batch()
        if self.row_weights is not None:
            return self._normalize_weighted(inputs, self.row_weights, share)
        n_values = inputs.numel() // inputs.shape[1]
        if n_values == 1:
            raise ValueError(
                "Batch normalization needs at least two rows (or pixels) in a batch to train on; got one. Use a larger "
                "batch_size, or normalization='layer'."
            )
        # With a momentum of 1 they become the batch's own; autograd keeps them, so they must not change afterwards.
        mean, variance = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        outputs = functional.batch_norm(inputs, mean, variance, self.weight, self.bias, True, 1.0, self.eps)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (1 - 1 / n_values), share)
        return outputs

    def _count_batch(self) -> float:
        """Return the share of this batch in the running statistics."""
        if self._n_batches is None:
            self._n_batches = int(self.num_batches_tracked)
        self._n_batches += 1
        self.num_batches_tracked.add_(1)
        return max(self.momentum, 1 / self._n_batches)

    def _normalize_weighted(self, inputs: torch.Tensor, weights: torch.Tensor, share: float) -> torch.Tensor:
        values = inputs.to(weights.dtype)
        shape = (-1, *[1] * (inputs.ndim - 1))
        over = [0, *range(2, inputs.ndim)]
        weights = (weights / weights.sum()).view(shape) * (inputs.shape[0] * inputs.shape[1] / inputs.numel())
        mean = (values * weights).sum(over, keepdim=True)
        variance = ((values - mean).square() * weights).sum(over, keepdim=True)
        with torch.no_grad():
            self.running_mean.lerp_(mean.flatten(), share)
            self.running_var.lerp_(variance.flatten(), share)
        width = (1, -1, *[1] * (inputs.ndim - 2))
        normalized = (values - mean) * torch.rsqrt(variance + self.eps)
        return normalized * self.weight.view(width) + self.bias.view(width)

    def _check_input_dim(self, input: torch.Tensor) -> None:
        """Take any number of dimensions."""
