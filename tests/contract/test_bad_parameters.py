"""A parameter that cannot be is refused by name, with the value that came, before anything is computed."""

import re

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
from sknets.exceptions import DeviceNotAvailableError
from tests.contract._cases import CLASSIFIERS, FEW_EPOCHS, ONE_EACH, STEPWISE, make_targets, name_of

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

EVERY_PARAMETER = [
    pytest.param(estimator, name, id=f"{type(estimator).__name__}-{name}")
    for estimator in ONE_EACH
    for name in estimator.get_params()
]

# Values of the right kind that are out of range, or names of nothing.
OUT_OF_RANGE = {
    "activation": ["swish"],
    "alpha": [-1, np.nan, "1"],
    "architecture": ["vgg16", None, 3],
    "augmentation": ["heavy", True],
    "batch_size": [0, -3, "all", 2.5],
    "beta_1": [1.0, -0.1],
    "beta_2": [1.0, 1.5],
    "C": [0, -1.0],
    "channels": [0, -8, 2.5],
    "class_weight": ["even", 3],
    "device": [0, None],
    "dropout": [1.0, -0.1, "half"],
    "early_stopping": ["yes", 2],
    "epsilon": [0.0, -1e-8],
    "eta0": [0.0, -1.0],
    "fit_intercept": ["no"],
    "hidden_layer_sizes": ["100", 0, 3.5],
    "image_shape": [28, "square"],
    "kernel_size": [0, 2.5],
    "l1": [-0.5],
    "l1_ratio": [-0.1, 1.1],
    "label_smoothing": [1.0, -0.1],
    "learning_rate": ["exponential", 0.1],
    "learning_rate_init": [0, -1.0, "fast"],
    "loss": ["hinge", None],
    "max_fun": [0],
    "max_iter": [-1, 2.5, None],
    "momentum": [-0.1, 2.0],
    "n_iter_no_change": [0, -1, 1.5],
    "nesterovs_momentum": ["true"],
    "normalization": ["instance", True],
    "padding": ["full", -1],
    "penalty": ["l3", "none"],
    "pool": ["median", 2],
    "pool_size": [0],
    "power_t": [-1.0],
    "precision": ["float16", "double", torch.float32],
    "quantile": [0.0, 1.0, 50],
    "random_state": [-1, "seed", 1.5],
    "residual": ["skip"],
    "shuffle": ["yes"],
    "solver": ["newton", None, 3],
    "solver_params": [[("amsgrad", True)], "amsgrad"],
    "stride": [0, -1],
    "tol": [-1e-3, "small"],
    "validation_fraction": [1.0, -0.1],
    "verbose": [-1],
    "warm_start": ["yes"],
}
OUT_OF_RANGE_CASES = [
    pytest.param(estimator, name, value, id=f"{type(estimator).__name__}-{name}-{value!r}")
    for estimator in ONE_EACH
    for name, values in OUT_OF_RANGE.items()
    for value in values
    if name in estimator.get_params()
]


def refusal(estimator, name, value):
    return f"'{name}' parameter of {type(estimator).__name__} must be .*Got {re.escape(repr(value))} instead"


@pytest.mark.parametrize(("estimator", "name"), EVERY_PARAMETER)
def test_every_parameter_refuses_a_value_of_no_meaning(estimator, name, X):
    estimator = clone(estimator).set_params(**{name: 3j})

    with pytest.raises(ValueError, match=refusal(estimator, name, 3j)):
        estimator.fit(X, make_targets(estimator, X))


@pytest.mark.parametrize(("estimator", "name", "value"), OUT_OF_RANGE_CASES)
def test_a_value_out_of_range_is_refused_by_name(estimator, name, value, X):
    estimator = clone(estimator).set_params(**{name: value})

    with pytest.raises(ValueError, match=refusal(estimator, name, value)):
        estimator.fit(X, make_targets(estimator, X))


@pytest.mark.parametrize("estimator", STEPWISE, ids=name_of)
def test_partial_fit_checks_parameters_too(estimator, X):
    estimator = clone(estimator).set_params(max_iter=-1)

    with pytest.raises(ValueError, match=refusal(estimator, "max_iter", -1)):
        estimator.partial_fit(X, make_targets(estimator, X))


@pytest.mark.parametrize("estimator", ONE_EACH, ids=name_of)
def test_a_parameter_that_does_not_exist_is_refused_by_name(estimator):
    with pytest.raises(ValueError, match=f"Invalid parameter 'nonsense' for estimator {type(estimator).__name__}"):
        clone(estimator).set_params(nonsense=1)


@pytest.mark.parametrize("sizes", [(0,), (5, -1), (2.5,), ("a",), (5, 0, 5)])
@pytest.mark.parametrize("estimator", [MLPClassifier(), MLPRegressor()], ids=name_of)
def test_hidden_layers_need_whole_positive_widths(estimator, sizes, X):
    estimator = clone(estimator).set_params(hidden_layer_sizes=sizes)

    with pytest.raises(ValueError, match=f"hidden_layer_sizes must be > 0, got {re.escape(str(list(sizes)))}"):
        estimator.fit(X, make_targets(estimator, X))


@pytest.mark.parametrize("dropout", [[0.1], [0.1, 0.2, 0.3], [0.1, 1.0], [-0.1, 0.5], []])
def test_a_list_of_dropout_rates_has_one_in_range_for_each_hidden_layer(dropout, X):
    clf = MLPClassifier((5, 5), dropout=dropout)

    with pytest.raises(
        ValueError, match=f"dropout must be .* each of the 2 hidden layers; got {re.escape(str(dropout))}"
    ):
        clf.fit(X, make_targets(clf, X))


@pytest.mark.parametrize("estimator", [MLPClassifier(), MLPRegressor()], ids=name_of)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_step_function_cannot_be_trained(method, estimator, X):
    estimator = clone(estimator).set_params(activation="hard_threshold")

    with pytest.raises(ValueError, match=r"'hard_threshold' cannot be trained.*no gradient.*Perceptron"):
        getattr(estimator, method)(X, make_targets(estimator, X))


class NoOptimizer:
    pass


@pytest.mark.parametrize(
    "estimator",
    [LinearRegression(), LogisticRegression(), MLPClassifier(), MLPRegressor()],
    ids=name_of,
)
@pytest.mark.parametrize("solver", [NoOptimizer, torch.nn.Linear, int])
def test_a_class_that_is_no_optimizer_is_no_solver(solver, estimator, X):
    estimator = clone(estimator).set_params(solver=solver)

    with pytest.raises(ValueError, match=f"solver must be .*torch.optim.Optimizer.*{solver.__name__}.*solver='adam'"):
        estimator.fit(X, make_targets(estimator, X))


@pytest.mark.parametrize("estimator", [MLPClassifier(), MLPRegressor()], ids=name_of)
@pytest.mark.parametrize("activation", [NoOptimizer, torch.optim.Adam, int])
def test_a_class_that_is_no_module_is_no_activation(activation, estimator, X):
    estimator = clone(estimator).set_params(activation=activation)

    with pytest.raises(ValueError, match=f"activation must be .*torch.nn.Module.*{activation.__name__}"):
        estimator.fit(X, make_targets(estimator, X))


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(solver="lbfgs"),
        MLPRegressor(solver="lbfgs"),
        LogisticRegression(),
        LogisticRegression(solver="saga"),
        LinearRegression(solver="exact"),
        LinearRegression(),
        LinearRegression(penalty="l1"),
    ],
    ids=lambda e: f"{type(e).__name__}-{e.solver}",
)
def test_a_solver_that_needs_all_rows_has_no_partial_fit(estimator, X):
    assert not hasattr(estimator, "partial_fit")
    with pytest.raises(AttributeError, match=r"partial_fit is only available for stochastic .*'adam'"):
        estimator.partial_fit(X, make_targets(estimator, X))


@pytest.mark.parametrize("stepwise", STEPWISE, ids=name_of)
def test_early_stopping_and_partial_fit_do_not_go_together(stepwise, X):
    stepwise = clone(stepwise).set_params(early_stopping=True)

    with pytest.raises((AttributeError, ValueError), match="partial_fit does not support early_stopping=True"):
        stepwise.partial_fit(X, make_targets(stepwise, X))


@pytest.mark.parametrize("estimator", ONE_EACH, ids=name_of)
@pytest.mark.parametrize("device", ["warp drive", "cpu!", "gpu", "", "cuda:x", "cpu:-1"])
def test_a_device_that_torch_does_not_know_is_refused(device, estimator, X):
    estimator = clone(estimator).set_params(device=device)

    with pytest.raises(ValueError, match=f"device must be 'auto' or .*'cpu'.*got {device!r}"):
        estimator.fit(X, make_targets(estimator, X))


@pytest.mark.parametrize("estimator", ONE_EACH, ids=name_of)
@pytest.mark.parametrize("device", ["cuda:99", torch.device("cuda", 99)], ids=str)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(device, estimator, X):
    estimator = clone(estimator).set_params(device=device)

    with pytest.raises(
        DeviceNotAvailableError, match=r"'cuda:99' is not available.*this machine has 'cpu'.*device='auto'"
    ):
        estimator.fit(X, make_targets(estimator, X))


@pytest.mark.parametrize("device", ["meta", "hpu", "xla"])
def test_a_device_that_computes_nothing_here_is_refused(device, X):
    clf = MLPClassifier((4,), device=device)

    with pytest.raises(ValueError, match=f"'{device}' is not available|got '{device}'"):
        clf.fit(X, make_targets(clf, X))


def test_a_missing_device_is_a_value_error():
    assert issubclass(DeviceNotAvailableError, ValueError)


@pytest.mark.parametrize("estimator", [MLPClassifier((4,)), LogisticRegression(solver="sgd")], ids=name_of)
def test_a_keyword_that_the_optimizer_does_not_have_is_named(estimator, X):
    estimator = clone(estimator).set_params(solver_params={"nonsense": 1})

    with pytest.raises((TypeError, ValueError), match="nonsense"):
        estimator.fit(X, make_targets(estimator, X))


@pytest.mark.parametrize("callbacks", [[42], ["EarlyStopping"], [("name", 42)], [dict]])
@pytest.mark.parametrize("estimator", [ONE_EACH[3], ONE_EACH[2]], ids=name_of)
def test_what_is_no_callback_is_refused(estimator, callbacks, X):
    estimator = clone(estimator).set_params(callbacks=callbacks)

    with pytest.raises((TypeError, ValueError), match="callback"):
        estimator.fit(X, make_targets(estimator, X))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "exact", "penalty": "l1"}, "'exact' has no closed form for penalty='l1'.*'lbfgs'"),
        ({"solver": "exact", "penalty": "elasticnet"}, "'exact' has no closed form for penalty='elasticnet'.*'lbfgs'"),
        ({"solver": "exact", "positive": True}, "'exact' has no closed form for positive=True.*'lbfgs'"),
        ({"solver": "sgd", "positive": True}, "positive=True needs solver='lbfgs'.*got solver='sgd'"),
    ],
)
def test_linear_regression_refuses_parameters_that_do_not_go_together(parameters, message, X):
    with pytest.raises(ValueError, match=message):
        LinearRegression(**parameters).fit(X, X[:, 0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "liblinear"}, "'liblinear' is not offered.*'lbfgs'"),
        ({"dual": True}, "supports only dual=False, got dual=True"),
    ],
)
def test_logistic_regression_refuses_what_it_does_not_offer(parameters, message, X):
    with pytest.raises(ValueError, match=message):
        LogisticRegression(**parameters).fit(X, X[:, 0] > 0)


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=name_of)
def test_class_weights_that_are_negative_are_refused(classifier, X):
    classifier = clone(classifier).set_params(class_weight={0: -1.0, 1: 2.0})

    with pytest.raises(ValueError, match=r"class_weight.*negative|negative.*class_weight"):
        classifier.fit(X, make_targets(classifier, X))
