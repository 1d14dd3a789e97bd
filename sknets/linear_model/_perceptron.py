"""Rosenblatt's perceptron."""

from typing import Any

from sknets._parameter_checks import (
    COUNT,
    NON_NEGATIVE,
    POSITIVE,
    Integral,
    Interval,
    Real,
    StrOptions,
    store_parameters,
)
from sknets._sklearn_compat import SparseCoefMixin, fit_context, with_callbacks
from sknets.base import DEVICE_CONSTRAINTS, BaseNetworkClassifier, Labels, available_unless
from sknets.linear_model._linear import BaseLinear
from sknets.training import InMemoryNet, LossSpec, Penalty, ScheduleSpec, SolverSpec, StoppingSpec


class Perceptron(SparseCoefMixin, BaseLinear, BaseNetworkClassifier):
    """Linear classifier that learns by the perceptron rule: only misclassified rows move the boundary.

    It has the parameters of :class:`sklearn.linear_model.Perceptron`. Several classes are learnt each against the
    others.

    Parameters
    ----------
    penalty : {"l2", "l1", "elasticnet"} or None, default=None
    alpha : float, default=1e-4
        Strength of the penalty, which shrinks the weights after every row.
    l1_ratio : float, default=0.15
        Share of the L1 penalty in "elasticnet", in [0, 1].
    fit_intercept : bool, default=True
        Whether the boundary may lie off the origin.
    max_iter : int, default=1000
        Most passes over the rows.
    tol : float or None, default=1e-3
        Training ends when ``n_iter_no_change`` passes in a row gained no more than this in mean loss; None never
        ends it so. A pass without mistakes always ends it.
    shuffle : bool, default=True
        Whether the rows come in a new order in every pass.
    verbose : bool or int, default=0
        Whether to print a line per pass.
    eta0 : float, default=1.0
        Step along a misclassified row.
    n_jobs : int or None, default=None
        Without effect; for code written for scikit-learn.
    random_state : int, RandomState instance or None, default=0
        Seed of the orders and the validation split.
    early_stopping : bool, default=False
        Whether training ends when the accuracy on held-out rows has stopped rising.
    validation_fraction : float, default=0.1
        Share of the rows that early stopping holds out.
    n_iter_no_change : int, default=5
        Passes without gain after which training ends; in a small table as many as make 1 000 rows.
    class_weight : dict, "balanced" or None, default=None
        Factor on the steps along each class's rows.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last fit's boundary.
    device, precision, callbacks
        See :class:`sknets.MLPClassifier`. The rule itself runs row after row on the CPU, in double precision.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
    intercept_ : ndarray of shape (1,) or (n_classes,)
    n_iter_ : int
        Passes of the last fit.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only where X has column names that are strings.
    loss_, loss_curve_, best_loss_, validation_scores_, best_validation_score_, t_, history_, net_, module_, device_
        See :class:`sknets.MLPClassifier`; the loss is how far misclassified rows lay on the wrong side.

    See Also
    --------
    LogisticRegression : Linear classifier with probabilities.

    References
    ----------
    .. [1] F. Rosenblatt, The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain,
       Psychological Review 65, 1958.

    Examples
    --------
    >>> import numpy as np
    >>> from sknets import Perceptron
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> Perceptron().fit(X, [0, 0, 0, 1]).predict(X).tolist()
    [0, 0, 0, 1]
    """

    _parameter_constraints: dict = {
        **DEVICE_CONSTRAINTS,
        "penalty": [StrOptions({"l2", "l1", "elasticnet"}), None],
        "alpha": [NON_NEGATIVE],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "fit_intercept": ["boolean"],
        "max_iter": [COUNT],
        "tol": [NON_NEGATIVE, None],
        "shuffle": ["boolean"],
        "verbose": ["verbose"],
        "eta0": [POSITIVE],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [COUNT],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        *,
        penalty=None,
        alpha=1e-4,
        l1_ratio=0.15,
        fit_intercept=True,
        max_iter=1000,
        tol=1e-3,
        shuffle=True,
        verbose=0,
        eta0=1.0,
        n_jobs=None,
        random_state=0,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        class_weight=None,
        warm_start=False,
        device="auto",
        precision="auto",
        callbacks=None,
    ):
        store_parameters(self, locals())

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        """Move the boundary until no row is misclassified, or nothing more is gained.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of any kind.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors on the steps; not negative. A weight of 0 is as if the row were not there.
        X_val, y_val : like X and y, default=None
            Validation rows, whose loss and accuracy are logged every pass.

        Returns
        -------
        self : Perceptron

        Raises
        ------
        ValueError
            For parameters out of range, data that scikit-learn would refuse, or a single class.

        Warns
        -----
        ConvergenceWarning
            When ``max_iter`` passes were not enough.
        """
        return self._fit(X, y, sample_weight, X_val, y_val)

    @available_unless(lambda estimator: estimator._why_no_partial_fit())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Make one more pass over X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : Perceptron
        """
        self._check_first_classes(classes)
        return self._fit(X, y, sample_weight, classes=classes, is_one_pass=True)

    def decision_function(self, X):
        """Return each row's score for each class.

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
        """Return the label on whose side each row lies.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        scores = self._scores(X)
        return self._labels.decode(scores)

    def _check_classes(self, labels: Labels) -> None:
        if labels.kind in ("single", "multilabel"):
            found = "only one class" if labels.kind == "single" else "several labels per row"
            raise ValueError(
                f"The number of classes has to be greater than one; got {len(labels.classes)} class: Perceptron "
                f"separates classes, one label per row, and y holds {found}. Give rows of another class."
            )

    def _loss_spec(self) -> LossSpec:
        return LossSpec("perceptron")

    def _penalty(self, weight_sum: float, mean_weight: float) -> Penalty:
        if self.penalty is None:
            return Penalty(divisor=1.0, mean_weight=mean_weight)
        l1_ratio: Any = {"l1": 1.0, "l2": 0.0}.get(self.penalty, self.l1_ratio)
        return Penalty(l1=self.alpha * l1_ratio, l2=self.alpha * (1 - l1_ratio), divisor=1.0, mean_weight=mean_weight)

    def _solver_spec(self) -> SolverSpec:
        return SolverSpec("perceptron", learning_rate=float(self.eta0))

    def _schedule_spec(self) -> ScheduleSpec:
        return ScheduleSpec()

    def _stopping_spec(self, watches_score: bool) -> StoppingSpec:
        # scikit-learn's linear models stop at n_iter_no_change passes, its perceptron networks one later.
        patience = float("inf") if self.tol is None else self.n_iter_no_change - 1
        return StoppingSpec(float(self.tol or 0.0), patience, "score" if watches_score else "loss")

    def _is_stepwise(self) -> bool:
        return True

    def _own_attributes(self, net: InMemoryNet) -> dict[str, Any]:
        coef, intercept = self._layer_arrays(net)
        return {"coef_": coef, "intercept_": intercept}
