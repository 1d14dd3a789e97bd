"""The multilayer perceptron for numbers."""

from typing import Any

import numpy as np

from sknets._parameter_checks import Interval, Real, StrOptions, store_parameters
from sknets._sklearn_compat import fit_context, with_callbacks
from sknets.base import BaseNetworkRegressor, available_unless, check_activation
from sknets.neural_network._mlp import MLP_CONSTRAINTS, BaseMLP
from sknets.training import REGRESSION_LOSSES, LossSpec


class MLPRegressor(BaseMLP, BaseNetworkRegressor):
    """Multilayer perceptron for one or several numbers.

    A superset of :class:`sklearn.neural_network.MLPRegressor`: its parameters have the same names, order, meaning and
    defaults, and the same ``random_state`` starts from the same weights and makes the same batches.

    Parameters
    ----------
    loss : str, default="squared_error"
        "squared_error" (half of it), "poisson" (half the deviance; predictions are exponentials, y must not be
        negative), "absolute_error", "huber" (squared within 1, linear beyond) or "quantile" (of ``quantile``).
        Each is summed over outputs and averaged over rows.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units in each hidden layer; ``()`` gives a linear model.
    activation : str or type of torch.nn.Module, default="relu"
        Of the hidden layers: "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu",
        "mish", "softplus", "hardtanh", "hard_threshold" (0 or 1; for hand-set weights only, it has no gradient) or a
        module class.
    solver : str or type of torch.optim.Optimizer, default="adam"
        "adam", "sgd", "adamw", "adamax", "nadam", "adadelta" (which wants ``learning_rate_init=1``), "rmsprop"; "lbfgs"
        for all rows at once; or an optimizer class.
    alpha : float, default=1e-4
        Strength of the L2 penalty: ``alpha / 2 * sum of squared weights / rows in the batch`` is added to the loss, as
        in scikit-learn. With "adamw" it is the decoupled weight decay instead, and not part of the loss.
    batch_size : int or "auto", default="auto"
        Rows in a batch; "auto" is 200, or all rows if there are fewer. Not used by "lbfgs".
    learning_rate : str, default="constant"
        Schedule of the rate: "constant"; "invscaling", ``learning_rate_init / t ** power_t`` after ``t`` rows;
        "adaptive", a fifth whenever patience runs out; "cosine", to zero along half a cosine; "onecycle", up to
        ``learning_rate_init`` and down again; "step", a tenth after each third of ``max_iter``; "plateau", a tenth
        after half of ``n_iter_no_change`` epochs without gain. For every solver but "lbfgs".
    learning_rate_init : float, default=1e-3
        The initial rate; for "onecycle" the highest.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Most epochs (iterations of "lbfgs").
    shuffle : bool, default=True
        Whether rows are put into new batches every epoch.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the validation split, the batches and dropout. The same integer gives the same
        model, and scikit-learn's initial weights and batches; numpy's and torch's own generators are not moved.
    tol : float, default=1e-4
        A smaller gain counts as none; see ``n_iter_no_change``. For "lbfgs" the largest gradient at convergence.
    verbose : bool or int, default=False
        Whether to print a line per epoch.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last fit.
    momentum : float, default=0.9
        Of "sgd", in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether momentum looks ahead.
    early_stopping : bool, default=False
        Whether training ends when the score on held-out rows has stopped rising. The best epoch's weights are kept.
        Not for "lbfgs".
    validation_fraction : float, default=0.1
        Share of the rows that early stopping holds out where ``fit`` is given no ``X_val``.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the moment estimates of "adam" and its kin, in [0, 1).
    epsilon : float, default=1e-8
        Added to the denominator by "adam" and its kin.
    n_iter_no_change : int or numpy.inf, default=10
        Training ends after more than this many epochs in a row that gained no more than ``tol`` (in training loss,
        or in validation score with early stopping).
    max_fun : int, default=15000
        Most evaluations of the loss by "lbfgs".
    dropout : float or sequence of float, default=0.0
        Share of hidden units dropped in training, in [0, 1); one number, or one per hidden layer. "lbfgs" draws the
        units once for the whole fit.
    normalization : {"batch", "layer", "group"} or None, default=None
        Normalization of each hidden layer before its activation.
    residual : bool, default=False
        Whether a hidden layer's input is added to its output where both have the same width.
    l1 : float, default=0.0
        Strength of an L1 penalty: ``l1 * sum of absolute weights / rows in the batch``.
    quantile : float, default=0.5
        The quantile that ``loss="quantile"`` predicts, in (0, 1).
    solver_params : dict or None, default=None
        Further keyword arguments of the torch optimizer, such as ``{"amsgrad": True}``.
    device : str or torch.device, default="auto"
        "auto" takes cuda, then mps, then the CPU.
    precision : {"auto", "float32", "float64", "bfloat16"}, default="auto"
        Of the parameters and the arithmetic. "auto" follows X on the CPU and is float32 on other devices; "bfloat16"
        keeps float32 parameters and multiplies in bfloat16.
    callbacks : list or None, default=None
        skorch callbacks, or pairs (name, callback). Each fit works on shallow copies.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only where X has column names that are strings.
    n_iter_ : int
        Epochs of the last fit.
    t_ : int
        Rows seen in training.
    loss_ : float
        The last epoch's mean training loss, penalty included.
    loss_curve_ : list of float
        ``loss_`` after every epoch.
    best_loss_ : float or None
        The smallest ``loss_``; None with early stopping.
    validation_scores_ : list of float or None
        R2 on the validation rows after every epoch; None without early stopping.
    best_validation_score_ : float or None
        The largest of them.
    coefs_, intercepts_ : list of ndarray
        Each layer's weights, of shape (n_in, n_out), and biases, of shape (n_out,).
    n_layers_, n_outputs_ : int
        Layers, counting input and output, and output units.
    out_activation_ : str
        "identity", or "exp" for the Poisson loss.
    history_ : list of dict
        A row an epoch: ``train_loss``, ``learning_rate``, ``seconds``, and ``valid_loss`` and ``valid_score`` where
        there are validation rows. ``pandas.DataFrame(estimator.history_)`` shows it as a table.
    net_, module_, device_
        The skorch net, its torch module and where that is.

    See Also
    --------
    MLPClassifier : The same network for classes.
    LinearRegression : No hidden layer.

    References
    ----------
    .. [1] D. E. Rumelhart, G. E. Hinton, R. J. Williams, Learning representations by back-propagating errors,
       Nature 323, 1986.
    .. [2] D. P. Kingma, J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, arXiv:1412.6980.
    .. [3] R. Koenker, G. Bassett, Regression Quantiles, Econometrica 46, 1978.

    Examples
    --------
    >>> import numpy as np
    >>> from sknets import MLPRegressor
    >>> X = np.linspace(-3, 3, 200).reshape(-1, 1)
    >>> reg = MLPRegressor(hidden_layer_sizes=(30,), activation="tanh", solver="lbfgs", max_iter=500, random_state=0)
    >>> reg.fit(X, np.sin(X[:, 0])).score(X, np.sin(X[:, 0])) > 0.99
    True
    """

    _parameter_constraints: dict = {
        **MLP_CONSTRAINTS,
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=1e-4,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=1e-3,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dropout=0.0,
        normalization=None,
        residual=False,
        l1=0.0,
        quantile=0.5,
        solver_params=None,
        device="auto",
        precision="auto",
        callbacks=None,
    ):
        store_parameters(self, locals())

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        """Train on X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            Not negative. A weight of 0 is as if the row were not there.
        X_val, y_val : like X and y, default=None
            Validation rows, whose loss and score are logged every epoch. With early stopping they take the place of
            the rows that would be held out of X.

        Returns
        -------
        self : MLPRegressor

        Raises
        ------
        ValueError
            For parameters out of range, data that scikit-learn would refuse, or a loss that is not finite from the
            start.

        Warns
        -----
        ConvergenceWarning
            When ``max_iter`` epochs were not enough.
        DivergenceWarning
            When the loss became infinite or NaN, and the last finite weights are kept; or was far higher in the end.
        """
        self._check_can_learn()
        return self._fit(X, y, sample_weight, X_val, y_val)

    @available_unless(lambda estimator: estimator._why_no_partial_fit())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch on X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : MLPRegressor

        Raises
        ------
        ValueError
            With early stopping, or for data that ``fit`` would refuse.
        """
        self._check_can_learn()
        return self._fit(X, y, sample_weight, is_one_pass=True)

    @fit_context(prefer_skip_nested_validation=True)
    def initialize(self, X, y):
        """Build the network for X and y without training it, ready for weights that are set by hand.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)

        Returns
        -------
        self : MLPRegressor
            Its ``module_`` has the initial weights that ``random_state`` gives.
        """
        check_activation(self.activation)
        return self._initialize(X, y)

    def predict(self, X):
        """Return the expected value (median, quantile) of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In X's floating dtype.
        """
        outputs = self._outputs(X)
        return self._predictions(np.exp(outputs) if self.out_activation_ == "exp" else outputs)

    def _loss_spec(self) -> LossSpec:
        arguments = {"quantile": float(self.quantile)} if self.loss == "quantile" else {}
        return LossSpec(self.loss, arguments)

    def _check_targets(self, targets: np.ndarray) -> None:
        if self.loss == "poisson" and targets.min() < 0:
            raise ValueError(
                f"y must not be negative for loss='poisson'; its smallest value is {targets.min()}. "
                "Use another loss for values that are not counts or amounts."
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
