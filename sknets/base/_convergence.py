"""What a user hears when training ended before it was done."""

from sklearn.exceptions import ConvergenceWarning

from sknets._warnings import warn_user
from sknets.exceptions import DivergenceWarning
from sknets.training import InMemoryNet, column

#: A loss that has grown by more than this factor since the first epoch has not merely fluctuated.
DIVERGED_FACTOR = 2.0


def warn_unless_converged(net: InMemoryNet, max_iter: int) -> None:
    """Warn as scikit-learn does when ``max_iter`` ended the training, not the solver, a callback or the user.

    A schedule that brings the learning rate down towards ``max_iter`` has ended as it was meant to. What scikit-learn
    does not tell: patience also runs out when the loss rises from the start.
    """
    if net.was_stopped or net.was_interrupted:
        return
    if net.has_converged:
        _warn_if_loss_rose(net)
        return
    if net.solver.method == "full_batch":
        message = (
            f"lbfgs failed to converge after {net.n_iter} iteration(s): {net.solver_message}. Increase "
            f"max_iter={max_iter}, or scale the data (StandardScaler), to improve the convergence."
        )
    elif net.n_iter == max_iter and not net.schedule.has_end:
        message = (
            f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the optimization hasn't converged yet."
        )
    else:
        return
    warn_user(message, ConvergenceWarning)


def _warn_if_loss_rose(net: InMemoryNet) -> None:
    """Warn where gradients led upwards; with early stopping the best epoch's weights were kept, and all is well."""
    if net.solver.method != "gradient" or net.rule.monitor != "loss":
        return
    losses = column(net.history, "train_loss")[-net.epochs_of_fit :]
    if losses[-1] > DIVERGED_FACTOR * losses[0]:
        warn_user(
            f"Training diverged: the loss rose from {losses[0]:.4g} in the first epoch to {losses[-1]:.4g} in the last."
            f" Scale X (StandardScaler), or lower learning_rate_init={net.recipe.solver.learning_rate:g}.",
            DivergenceWarning,
        )
