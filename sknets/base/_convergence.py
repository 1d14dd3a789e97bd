"""What a user hears when training ended before it was done."""

from sklearn.exceptions import ConvergenceWarning

from sknets._warnings import warn_user
from sknets.training import InMemoryNet


def warn_unless_converged(net: InMemoryNet, max_iter: int) -> None:
    """Warn as scikit-learn does when ``max_iter`` ended the training, not the solver, a callback or the user.

    A schedule that brings the learning rate down towards ``max_iter`` has ended as it was meant to.
    """
    if net.has_converged or net.was_stopped or net.was_interrupted:
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
