"""Linear regression: least squares in closed form, by L-BFGS or by gradient descent."""

from typing import Any

from sknets._parameter_checks import NON_NEGATIVE, Integral, Interval, Real, StrOptions, store_parameters
from sknets._sklearn_compat import fit_context, with_callbacks
from sknets.base import (
    GRADIENT_CONSTRAINTS,
    BaseNetworkRegressor,
    available_unless,
    check_solver_class,
    gradient_solver_spec,
    schedule_spec,
    stopping_spec,
)
from sknets.linear_model._linear import RELATIVE_LOSS_TOLERANCE, BaseLinear
from sknets.training import GRADIENT_SOLVERS, InMemoryNet, LossSpec, Penalty, ScheduleSpec, SolverSpec, StoppingSpec


class LinearRegression(BaseLinear, BaseNetworkRegressor):
    r"""Linear regression with or without a penalty: OLS, ridge, lasso and elastic net in one estimator.

    Without a penalty it is :class:`sklearn.linear_model.LinearRegression`; ``penalty="l2"`` has the objective of
    :class:`~sklearn.linear_model.Ridge`, ``"l1"`` of :class:`~sklearn.linear_model.Lasso`, ``"elasticnet"`` of
    :class:`~sklearn.linear_model.ElasticNet`, at the same ``alpha`` and ``l1_ratio``.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether there is a constant term; it is not penalised.
    penalty : {"l1", "l2", "elasticnet"} or None, default=None
    alpha : float, default=1.0
        Strength of the penalty; see Notes.
    l1_ratio : float, default=0.5
        Share of the L1 penalty in "elasticnet", in [0, 1].
    solver : str or type of torch.optim.Optimizer, default="auto"
        "exact" is the closed form, for no penalty or "l2"; "lbfgs" takes every penalty and gives exact zeros; "sgd",
        "adam", "adamw", "adamax", "nadam", "adadelta", "rmsprop" or an optimizer class learn from batches.
        "auto" is "exact" where that is possible, else "lbfgs".
    max_iter : int, default=1000
        Most iterations, or epochs.
    tol : float, default=1e-6
        Largest gradient at convergence of "lbfgs"; the smallest gain in loss that counts for gradient solvers.
    positive : bool, default=False
        Whether coefficients are kept from being negative; needs "lbfgs".
    copy_X, n_jobs
        Without effect: X is never written to. For code written for scikit-learn.
    learning_rate_init : float, default=0.01
        Learning rate of the gradient solvers.
    batch_size, random_state, shuffle, learning_rate, power_t, momentum, nesterovs_momentum, early_stopping,
    validation_fraction, n_iter_no_change, beta_1, beta_2, epsilon, solver_params, verbose, warm_start
        Of the gradient solvers; see :class:`sknets.MLPRegressor`.
    device, precision, callbacks
        See :class:`sknets.MLPRegressor`. The closed form runs on the CPU whatever the device.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
    intercept_ : float or ndarray of shape (n_outputs,)
        0.0 without an intercept.
    n_iter_ : int
        Iterations, or epochs; 1 for the closed form.
    loss_ : float
        The mean squared error of the training rows, penalty included, after the last epoch.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only where X has column names that are strings.
    loss_curve_, best_loss_, validation_scores_, best_validation_score_, t_, history_, net_, module_, device_
        See :class:`sknets.MLPRegressor`.

    See Also
    --------
    MLPRegressor : With hidden layers.

    Notes
    -----
    The loss is the mean squared error (summed over outputs), and gradient solvers step along its gradient. The optimum
    is that of

    - no penalty: :math:`\lVert y - Xw \rVert^2`;
    - "l2": :math:`\lVert y - Xw \rVert^2 + \alpha \lVert w \rVert^2`;
    - "l1": :math:`\frac{1}{2n} \lVert y - Xw \rVert^2 + \alpha \lVert w \rVert_1`;
    - "elasticnet": :math:`\frac{1}{2n} \lVert y - Xw \rVert^2 + \alpha \rho \lVert w \rVert_1
      + \frac{\alpha (1 - \rho)}{2} \lVert w \rVert^2` with :math:`\rho` = ``l1_ratio``.

    Examples
    --------
    >>> from sknets import LinearRegression
    >>> from sknets.datasets import load_thermometer
    >>> X, y = load_thermometer(return_X_y=True)
    >>> reg = LinearRegression().fit(X, y)
    >>> round(float(reg.coef_[0]), 3), round(float(reg.intercept_), 2)
    (0.537, -17.3)
    >>> descent = LinearRegression(solver="sgd", momentum=0, max_iter=5000).fit(0.1 * X, y)
    >>> round(descent.loss_, 2)
    2.93
    """

    _parameter_constraints: dict = {
        **GRADIENT_CONSTRAINTS,
        "fit_intercept": ["boolean"],
        "penalty": [StrOptions({"l1", "l2", "elasticnet"}), None],
        "alpha": [NON_NEGATIVE],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "solver": [StrOptions({"auto", "exact", "lbfgs", *GRADIENT_SOLVERS}), type],
        "positive": ["boolean"],
        "copy_X": ["boolean"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        *,
        fit_intercept=True,
        penalty=None,
        alpha=1.0,
        l1_ratio=0.5,
        solver="auto",
        max_iter=1000,
        tol=1e-6,
        learning_rate_init=0.01,
        batch_size="auto",
        random_state=None,
        positive=False,
        copy_X=True,
        n_jobs=None,
        shuffle=True,
        learning_rate="constant",
        power_t=0.5,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        solver_params=None,
        verbose=False,
        warm_start=False,
        device="auto",
        precision="auto",
        callbacks=None,
    ):
        store_parameters(self, locals())

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        """Find the coefficients for X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            Not negative. A weight of 0 is as if the row were not there.
        X_val, y_val : like X and y, default=None
            Validation rows, whose loss and score are logged every iteration.

        Returns
        -------
        self : LinearRegression

        Raises
        ------
        ValueError
            For parameters out of range or that do not go together, or data that scikit-learn would refuse.

        Warns
        -----
        ConvergenceWarning
            When ``max_iter`` iterations were not enough.
        DivergenceWarning
            When the loss of a gradient solver became infinite or NaN, or was far higher in the end.
        """
        self._check_solver()
        return self._fit(X, y, sample_weight, X_val, y_val)

    @available_unless(lambda estimator: estimator._why_no_partial_fit())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch on X and y; only for gradient solvers.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : LinearRegression
        """
        self._check_solver()
        return self._fit(X, y, sample_weight, is_one_pass=True)

    def predict(self, X):
        """Return ``X @ coef_.T + intercept_``.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In X's floating dtype.
        """
        return self._scores(X)

    def _check_solver(self) -> None:
        check_solver_class(self.solver)
        if self.solver == "exact" and (self.positive or self._has_absolute_penalty()):
            wanted = "positive=True" if self.positive else f"penalty={self.penalty!r}"
            raise ValueError(f"solver='exact' has no closed form for {wanted}. Use solver='lbfgs', or 'auto'.")
        if self.positive and self._resolve_solver() != "lbfgs":
            raise ValueError(f"positive=True needs solver='lbfgs' or 'auto'; got solver={self.solver!r}.")

    def _has_absolute_penalty(self) -> bool:
        return self.alpha > 0 and (self.penalty == "l1" or (self.penalty == "elasticnet" and self.l1_ratio > 0))

    def _resolve_solver(self) -> Any:
        if self.solver != "auto":
            return self.solver
        return "lbfgs" if self.positive or self._has_absolute_penalty() else "exact"

    def _loss_spec(self) -> LossSpec:
        return LossSpec("mean_squared_error")

    def _penalty(self, weight_sum: float, mean_weight: float) -> Penalty:
        # Ridge's objective divided by n, and those of Lasso and ElasticNet times 2, have the mean squared error
        # in common.
        l2 = {"l2": self.alpha, "elasticnet": weight_sum * self.alpha * (1 - self.l1_ratio)}.get(self.penalty, 0.0)
        l1 = {"l1": weight_sum * self.alpha, "elasticnet": weight_sum * self.alpha * self.l1_ratio}.get(
            self.penalty, 0.0
        )
        return Penalty(l1=2.0 * l1, l2=2.0 * l2, divisor=weight_sum)

    def _solver_spec(self) -> SolverSpec:
        solver = self._resolve_solver()
        if solver == "exact":
            return SolverSpec("exact")
        if solver == "lbfgs":
            arguments = {
                "tol": self.tol,
                "maxls": 50,
                "ftol": RELATIVE_LOSS_TOLERANCE,
                "standardise": True,
                "positive": self.positive,
            }
            return SolverSpec("lbfgs", arguments=arguments)
        return gradient_solver_spec(self)

    def _schedule_spec(self) -> ScheduleSpec:
        return schedule_spec(self)

    def _stopping_spec(self, watches_score: bool) -> StoppingSpec:
        return stopping_spec(self, watches_score)

    def _own_attributes(self, net: InMemoryNet) -> dict[str, Any]:
        coef, intercept = self._layer_arrays(net)
        if self._is_single_column:
            coef, intercept = coef[0], intercept[0]
        return {"coef_": coef, "intercept_": intercept if self.fit_intercept else 0.0}

    def _is_stepwise(self) -> bool:
        return self._resolve_solver() not in ("exact", "lbfgs")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
