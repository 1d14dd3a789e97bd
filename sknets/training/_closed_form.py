"""Least squares, with or without a squared penalty, in one step."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, lsqr

from sknets.training._epoch_log import begin_epoch, end_epoch
from sknets.training._plan import Rows
from sknets.training._row_sources import SparseRows

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet


def solve_exactly(net: "InMemoryNet", train: Rows, validation: Rows | None, n_epochs: int) -> None:
    """Give the net's single layer the least-squares weights; of several solutions the one of least norm.

    The factorisation is LAPACK's, on the CPU whatever the device.
    """
    begin_epoch(net)
    layer = net.last_linear_layer
    penalty = net.loss_penalty
    ridge = 0.5 * penalty.l2 * penalty.scale(len(train)) * len(train) if penalty else 0.0
    targets = train.targets.cpu().numpy()
    row_weights = np.ones(len(train)) if train.weights is None else train.weights.cpu().numpy()
    solve = _solve_sparse if isinstance(train.inputs, SparseRows) else _solve_dense
    inputs = train.inputs.matrix if isinstance(train.inputs, SparseRows) else train.inputs.cpu().numpy()
    has_bias = layer.bias is not None
    coefficients, intercept = solve(inputs, targets, row_weights.astype(targets.dtype), ridge, has_bias)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(coefficients.T)))
        if has_bias:
            layer.bias.copy_(torch.from_numpy(intercept))
    loss = net.mean_loss(net.outputs(train.inputs), train)
    if ridge:
        loss += ridge / len(train) * float(layer.weight.detach().square().sum())
    net.has_converged = True
    end_epoch(net, loss, validation)


def _solve_dense(
    inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, ridge: float, has_bias: bool
) -> tuple[np.ndarray, np.ndarray]:
    input_mean, target_mean = _means(inputs, targets, weights, has_bias)
    root = np.sqrt(weights)[:, None]
    A, b = (inputs - input_mean) * root, (targets - target_mean) * root
    if ridge:
        coefficients = _solve_ridge(A, b, ridge).astype(targets.dtype, copy=False)
        return coefficients, (target_mean - input_mean @ coefficients).ravel()
    # Centring makes dependent columns dependent only up to rounding, which LAPACK's own cutoff would take for rank.
    cutoff = max(A.shape) * np.finfo(A.dtype).eps
    coefficients = linalg.lstsq(A, b, cond=cutoff, check_finite=False)[0].astype(targets.dtype, copy=False)
    return coefficients, (target_mean - input_mean @ coefficients).ravel()


def _solve_ridge(A: np.ndarray, b: np.ndarray, ridge: float) -> np.ndarray:
    """Solve by Cholesky, in the smaller of the two spaces; by singular values where rounding makes that impossible."""
    n_rows, n_features = A.shape
    try:
        if n_features <= n_rows:
            return linalg.solve(A.T @ A + ridge * np.eye(n_features, dtype=A.dtype), A.T @ b, assume_a="pos")
        return A.T @ linalg.solve(A @ A.T + ridge * np.eye(n_rows, dtype=A.dtype), b, assume_a="pos")
    except (linalg.LinAlgError, linalg.LinAlgWarning):
        U, sizes, V = linalg.svd(A, full_matrices=False)
        return V.T @ ((sizes / (sizes**2 + ridge))[:, None] * (U.T @ b))


def _solve_sparse(
    matrix: sparse.csr_matrix, targets: np.ndarray, weights: np.ndarray, ridge: float, has_bias: bool
) -> tuple[np.ndarray, np.ndarray]:
    input_mean, target_mean = _means(matrix, targets, weights, has_bias)
    root = np.sqrt(weights)
    centred = LinearOperator(
        matrix.shape,
        dtype=np.float64,
        matvec=lambda v: root * (matrix @ np.ravel(v) - input_mean @ np.ravel(v)),
        rmatvec=lambda v: matrix.T @ (root * np.ravel(v)) - input_mean * (root @ np.ravel(v)),
    )
    b = (targets - target_mean) * root[:, None]
    columns = [
        lsqr(centred, b[:, output], damp=np.sqrt(ridge), atol=1e-12, btol=1e-12)[0] for output in range(b.shape[1])
    ]
    coefficients = np.column_stack(columns).astype(targets.dtype, copy=False)
    return coefficients, (target_mean - input_mean @ coefficients).ravel()


def _means(
    inputs: np.ndarray | sparse.csr_matrix, targets: np.ndarray, weights: np.ndarray, has_bias: bool
) -> tuple[np.ndarray, np.ndarray]:
    if not has_bias:
        return np.zeros(inputs.shape[1], dtype=targets.dtype), np.zeros(targets.shape[1], dtype=targets.dtype)
    # Divided in the end, so that the mean of a column of ones is 1 and not 1 - 1e-16, which would be taken for a slope.
    total = weights.sum()
    return np.asarray(weights @ inputs).ravel() / total, weights @ targets / total
