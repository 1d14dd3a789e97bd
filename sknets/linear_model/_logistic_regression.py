"""Logistic regression: sigmoid for two classes, softmax for more."""

from typing import Any

import numpy as np

from sknets._parameter_checks import (
    NON_NEGATIVE,
    POSITIVE,
    Hidden,
    Integral,
    Interval,
    Real,
    StrOptions,
    store_parameters,
)
from sknets._sklearn_compat import SparseCoefMixin, fit_context, with_callbacks
from sknets._warnings import warn_user
from sknets.base import (
    COUNT_OR_ZERO,
    GRADIENT_CONSTRAINTS,
    BaseNetworkClassifier,
    Labels,
    available_unless,
    check_solver_class,
    gradient_solver_spec,
    schedule_spec,
    stopping_spec,
)
from sknets.linear_model._linear import RELATIVE_LOSS_TOLERANCE, BaseLinear
from sknets.training import GRADIENT_SOLVERS, InMemoryNet, LossSpec, Penalty, ScheduleSpec, SolverSpec, StoppingSpec

#: scikit-learn's other solvers of the same objective, all run as L-BFGS: the optimum is the same.
LBFGS_NAMES = ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga")


class LogisticRegression(SparseCoefMixin, BaseLinear, BaseNetworkClassifier):
    r"""Logistic regression, by L-BFGS to scikit-learn's optimum or by gradient descent as a network learns.

    A superset of :class:`sklearn.linear_model.LogisticRegression`: the same parameters, objective and optimum.

    Parameters
    ----------
    penalty : {"l1", "l2", "elasticnet"} or None, default="deprecated"
        Deprecated as in scikit-learn: use ``l1_ratio`` and ``C``.
    C : float, default=1.0
        Inverse of the penalty's strength; ``numpy.inf`` for none.
    l1_ratio : float, default=0.0
        Share of the L1 penalty, in [0, 1]. Every solver takes any share; "lbfgs" gives exact zeros.
    dual : bool, default=False
        Only False; for code written for scikit-learn.
    tol : float, default=1e-4
        Largest gradient at convergence; for gradient solvers the smallest gain that counts.
    fit_intercept : bool, default=True
        Whether the decision function has a constant term; it is not penalised.
    intercept_scaling : float, default=1
        Without effect, as in scikit-learn for every solver but "liblinear".
    class_weight : dict, "balanced" or None, default=None
        Weight of each class's rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the batches and the validation split of gradient solvers.
    solver : str or type of torch.optim.Optimizer, default="lbfgs"
        "lbfgs" on all rows at once. "newton-cg", "newton-cholesky", "sag" and "saga" are accepted for code written for
        scikit-learn, and run L-BFGS, which has the same optimum. "adam", "sgd", "adamw", "adamax", "nadam", "adadelta",
        "rmsprop" or an optimizer class learn from batches.
    max_iter : int, default=100
        Most iterations, or epochs.
    verbose : bool or int, default=0
        Whether to print a line per iteration.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last fit's coefficients.
    n_jobs : None
        Deprecated as in scikit-learn; without effect.
    batch_size, shuffle, learning_rate, learning_rate_init, power_t, momentum, nesterovs_momentum, early_stopping,
    validation_fraction, n_iter_no_change, beta_1, beta_2, epsilon, solver_params
        Of the gradient solvers; see :class:`sknets.MLPClassifier`. ``learning_rate_init`` is 0.01 by default.
    device, precision, callbacks
        See :class:`sknets.MLPClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
    intercept_ : ndarray of shape (1,) or (n_classes,)
    n_iter_ : ndarray of shape (1,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only where X has column names that are strings.
    loss_, loss_curve_, best_loss_, validation_scores_, best_validation_score_, t_, history_, net_, module_, device_
        See :class:`sknets.MLPClassifier`.

    See Also
    --------
    MLPClassifier : With hidden layers.
    Perceptron : Learns by the perceptron rule.

    Notes
    -----
    With weights :math:`s_i` of the rows, the objective is

    .. math:: \frac{1}{\sum_i s_i} \left( \sum_i s_i \, \ell_i
        + \frac{1 - \rho}{2C} \lVert w \rVert_2^2 + \frac{\rho}{C} \lVert w \rVert_1 \right)

    where :math:`\ell_i` is the cross-entropy and :math:`\rho` is ``l1_ratio``. Gradient solvers step along its
    mini-batch estimate.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknets import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = LogisticRegression(max_iter=200).fit(X, y)
    >>> clf.coef_.shape
    (3, 4)
    >>> round(clf.score(X, y), 2)
    0.97
    """

    _parameter_constraints: dict = {
        **GRADIENT_CONSTRAINTS,
        "penalty": [StrOptions({"l1", "l2", "elasticnet"}), None, Hidden(StrOptions({"deprecated"}))],
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "dual": ["boolean"],
        "tol": [NON_NEGATIVE],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [POSITIVE],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "solver": [StrOptions({*LBFGS_NAMES, "liblinear", *GRADIENT_SOLVERS}), type],
        "max_iter": [COUNT_OR_ZERO],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        penalty="deprecated",
        *,
        C=1.0,
        l1_ratio=0.0,
        dual=False,
        tol=1e-4,
        fit_intercept=True,
        intercept_scaling=1,
        class_weight=None,
        random_state=None,
        solver="lbfgs",
        max_iter=100,
        verbose=0,
        warm_start=False,
        n_jobs=None,
        batch_size="auto",
        shuffle=True,
        learning_rate="constant",
        learning_rate_init=0.01,
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
        y : array-like of shape (n_samples,)
            Labels of any kind.
        sample_weight : array-like of shape (n_samples,), default=None
            Not negative. A weight of 0 is as if the row were not there.
        X_val, y_val : like X and y, default=None
            Validation rows, whose loss and score are logged every iteration.

        Returns
        -------
        self : LogisticRegression

        Raises
        ------
        ValueError
            For parameters out of range, data that scikit-learn would refuse, or a single class.

        Warns
        -----
        ConvergenceWarning
            When ``max_iter`` iterations were not enough.
        DivergenceWarning
            When the loss of a gradient solver became infinite or NaN, or was far higher in the end.
        """
        self._check_parameters()
        return self._fit(X, y, sample_weight, X_val, y_val)

    @available_unless(lambda estimator: estimator._why_no_partial_fit())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch on X and y; only for gradient solvers.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : LogisticRegression
        """
        self._check_parameters()
        self._check_first_classes(classes)
        return self._fit(X, y, sample_weight, classes=classes, is_one_pass=True)

    def decision_function(self, X):
        """Return each row's score for each class: the logarithm of its odds, up to a constant for several classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            One column for two classes: positive for ``classes_[1]``.
        """
        scores = self._scores(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X):
        """Return the most likely label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        scores = self._scores(X)
        return self._labels.decode(scores)

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        scores = self._scores(X)
        return self._probabilities(scores)

    def predict_log_proba(self, X):
        """Return the logarithm of each probability.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _check_parameters(self) -> None:
        check_solver_class(self.solver)
        if self.solver == "liblinear":
            raise ValueError(
                "solver='liblinear' is not offered: its objective penalises the intercept, too. "
                "Use solver='lbfgs', with any l1_ratio."
            )
        if self.dual:
            raise ValueError(f"Solver {self.solver} supports only dual=False, got dual=True")
        if self.n_jobs is not None:
            warn_user(
                "'n_jobs' has no effect since 1.8 and will be removed in 1.10. "
                f"You provided 'n_jobs={self.n_jobs}', please leave it unspecified.",
                FutureWarning,
            )
        self._warn_about_penalty()

    def _warn_about_penalty(self) -> None:
        """Say what scikit-learn 1.8 and later say about ``penalty`` and ``l1_ratio=None``."""
        if self.penalty == "deprecated":
            if self.l1_ratio is None:
                warn_user(
                    "'l1_ratio=None' was deprecated in version 1.8 and will trigger an error in 1.10. "
                    "Use 0<=l1_ratio<=1 instead.",
                    FutureWarning,
                )
            return
        warn_user(
            "'penalty' was deprecated in version 1.8 and will be removed in 1.10. To avoid this warning, leave "
            "'penalty' set to its default value and use 'l1_ratio' or 'C' instead. Use l1_ratio=0 instead of "
            "penalty='l2', l1_ratio=1 instead of penalty='l1', l1_ratio set to a float between 0 and 1 instead of "
            "penalty='elasticnet', and C=np.inf instead of penalty=None.",
            FutureWarning,
        )
        if self.penalty != "elasticnet" and self.l1_ratio is not None and 0 < self.l1_ratio < 1:
            warn_user(
                f"l1_ratio parameter is only used when penalty is 'elasticnet'. Got (penalty={self.penalty})",
            )
        if (self.penalty == "l2" and self.l1_ratio != 0) or (self.penalty == "l1" and self.l1_ratio != 1):
            warn_user(
                f"Inconsistent values: penalty={self.penalty} with l1_ratio={self.l1_ratio}. penalty is deprecated. "
                "Please use l1_ratio only.",
            )
        if self.penalty == "elasticnet" and self.l1_ratio is None:
            raise ValueError("l1_ratio must be specified when penalty is elasticnet.")
        if self.penalty is None and self.C != 1.0:
            warn_user("Setting penalty=None will ignore the C and l1_ratio parameters")

    def _check_classes(self, labels: Labels) -> None:
        if labels.kind == "single":
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data contains only one class: "
                f"{labels.classes[0]!r}. Give rows of another class, or use DummyClassifier."
            )
        if labels.kind == "multilabel":
            raise ValueError(
                "y should be a 1d array: LogisticRegression learns one label per row; got a multilabel indicator of "
                f"{len(labels.classes)} columns. Use MLPClassifier(hidden_layer_sizes=()), or MultiOutputClassifier."
            )

    def _loss_spec(self) -> LossSpec:
        return self._classification_loss()

    def _penalty(self, weight_sum: float, mean_weight: float) -> Penalty:
        names = {"l1": 1.0, "l2": 0.0}
        l1_ratio = names.get(self.penalty, self.l1_ratio or 0.0)
        strength = 0.0 if self.penalty is None else 1.0 / self.C
        return Penalty(l1=l1_ratio * strength, l2=(1 - l1_ratio) * strength, divisor=weight_sum)

    def _solver_spec(self) -> SolverSpec:
        if self.solver in LBFGS_NAMES:
            return SolverSpec("lbfgs", arguments={"tol": self.tol, "maxls": 50, "ftol": RELATIVE_LOSS_TOLERANCE})
        return gradient_solver_spec(self)

    def _schedule_spec(self) -> ScheduleSpec:
        return schedule_spec(self)

    def _stopping_spec(self, watches_score: bool) -> StoppingSpec:
        return stopping_spec(self, watches_score)

    def _own_attributes(self, net: InMemoryNet) -> dict[str, Any]:
        coef, intercept = self._layer_arrays(net)
        return {"coef_": coef, "intercept_": intercept, "n_iter_": np.array([net.n_iter], dtype=np.int32)}

    def _is_stepwise(self) -> bool:
        return self.solver not in LBFGS_NAMES
