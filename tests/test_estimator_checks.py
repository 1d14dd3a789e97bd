"""scikit-learn's estimator checks on every estimator and variant; docs/estimator_checks.md has the exceptions."""

import re
import unittest
import warnings
from pathlib import Path

import pytest
from sklearn.base import is_classifier
from sklearn.utils.estimator_checks import estimator_checks_generator
from torch import nn

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)

NETWORKS = (MLPClassifier, MLPRegressor)
CNNS = (CNNClassifier, CNNRegressor)
ESTIMATORS = (LinearRegression, LogisticRegression, Perceptron, *NETWORKS, *CNNS)
SOLVERS = ("sgd", "adam", "adamw", "adamax", "nadam", "rmsprop")
WEIGHT_EQUIVALENCE = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
PAGE = Path(__file__).parents[1] / "docs" / "estimator_checks.md"


def stack_of_torchs(image_shape, n_outputs):
    """Build a user's own network."""
    width = 16 * image_shape[1] * image_shape[2]
    return nn.Sequential(
        nn.Conv2d(image_shape[0], 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(width, n_outputs)
    )


# Small networks that learn the checks' few rows in 20 epochs.
LARGER_STEPS = {"learning_rate_init": 0.01}


def list_variants_of_cnns():
    """Yield the pairs of :func:`list_variants` that look at pictures."""
    for Network in CNNS:
        yield from ((None, Network(solver=solver)) for solver in ("sgd", "adamw", "lbfgs"))
        yield from ((None, Network(normalization=name)) for name in ("layer", "group", None))
        yield from ((None, Network(pool=pool)) for pool in ("avg", "lp", None))
        yield None, Network(learning_rate="constant")
        yield None, Network(channels=(8, 8), residual=True)
        yield None, Network(l1=0.01)
        yield None, Network("lenet5")
        family = "dropout" if Network is CNNClassifier else "workshop, for numbers"
        yield family, Network("workshop", max_iter=60, **LARGER_STEPS)
        yield None, Network("residual")
        yield None, Network(stack_of_torchs, **LARGER_STEPS)
        yield "augmentation", Network(augmentation="light")
        yield "early stopping", Network(early_stopping=True)
        yield "dropout", Network(dropout=0.2)
        yield "warm start", Network(warm_start=True)
        yield "float32", Network(precision="float32")
        yield "bfloat16", Network(precision="bfloat16")
        yield "small batches", Network(batch_size=8)
    yield None, CNNClassifier(class_weight="balanced")
    yield None, CNNClassifier(label_smoothing=0.1)
    yield from ((None, CNNRegressor(loss=loss)) for loss in ("absolute_error", "huber", "quantile"))


def list_variants():
    """Yield pairs (family in the page's table or None, estimator)."""
    yield from ((None, Network(solver=solver)) for Network in NETWORKS for solver in (*SOLVERS, "lbfgs"))
    yield from ((None, Network(solver="adadelta", learning_rate_init=1.0)) for Network in NETWORKS)
    yield from (("AdaDelta at the default rate", Network(solver="adadelta")) for Network in NETWORKS)
    for Network in NETWORKS:
        yield "early stopping", Network(early_stopping=True)
        yield "dropout", Network(dropout=0.2)
        yield from ((None, Network(normalization=name)) for name in ("batch", "layer", "group"))
        yield "warm start", Network(warm_start=True)
        yield "float32", Network(precision="float32")
        yield "bfloat16", Network(precision="bfloat16")
        yield "small batches", Network(batch_size=8)
        yield None, Network(hidden_layer_sizes=(20, 20), residual=True)
        yield None, Network(l1=0.01)
        yield None, Network(learning_rate="onecycle")
    yield None, MLPClassifier(class_weight="balanced")
    yield None, MLPClassifier(label_smoothing=0.1)
    yield from ((None, MLPRegressor(loss=loss)) for loss in ("absolute_error", "huber", "quantile"))
    yield from ((None, LinearRegression(solver=s)) for s in ("exact", "lbfgs", *SOLVERS[:-1]))
    yield "unstable near the optimum", LinearRegression(solver="rmsprop")
    yield "unstable near the optimum", LinearRegression(solver="adadelta", learning_rate_init=1.0)
    yield from ((None, LinearRegression(penalty=penalty)) for penalty in ("l1", "l2", "elasticnet"))
    yield None, LinearRegression(positive=True)
    yield None, LinearRegression(warm_start=True)
    yield "early stopping", LinearRegression(solver="adam", early_stopping=True)
    yield "float32", LinearRegression(precision="float32")
    yield from ((None, LogisticRegression(solver=solver)) for solver in SOLVERS)
    yield None, LogisticRegression(solver="adadelta", learning_rate_init=1.0)
    yield None, LogisticRegression(l1_ratio=1.0)
    yield None, LogisticRegression(class_weight="balanced")
    yield None, LogisticRegression(warm_start=True)
    yield "early stopping", LogisticRegression(solver="adam", early_stopping=True)
    yield "float32", LogisticRegression(precision="float32")
    yield "early stopping", Perceptron(early_stopping=True)
    yield "warm start", Perceptron(warm_start=True)
    yield "float32", Perceptron(precision="float32")
    yield None, Perceptron(class_weight="balanced")
    yield from ((None, Perceptron(penalty=penalty)) for penalty in ("l1", "l2"))
    yield from list_variants_of_cnns()


def name_of(value):
    """Return a case's name without a function's place in memory, which is another in every process."""
    return re.sub(r"<function (\w+) at 0x\w+>", r"\1", str(value))


def read_table():
    """Return the page's exceptions as {family: set of check names}."""
    table = {}
    for family, check in re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| [^|]+ \|$", PAGE.read_text(), flags=re.M)[1:]:
        names = WEIGHT_EQUIVALENCE if check == "weight equivalence" else (check,)
        table.setdefault(family, set()).update(names)
    return table


def run_checks(estimator):
    """Return the names of the checks that ran, and of those that failed, were skipped or warned of a skip."""
    ran, failed = [], {}
    for instance, check in estimator_checks_generator(estimator):
        name = check.func.__name__
        ran.append(name)
        with warnings.catch_warnings():
            # As in check_estimator itself: the checks fit for too short and on nonsense on purpose.
            warnings.simplefilter("ignore")
            try:
                check(instance)
            except (Exception, unittest.SkipTest) as error:  # noqa: BLE001 - a check may fail in any way
                failed[name] = f"{type(error).__name__}: {error}"
    return ran, failed


# Checks that differ in whether a variant meets their trap at all, and so are allowed to pass for some of its family.
NOT_FOR_ALL = {
    "check_class_weight_classifiers",
    "check_classifiers_multilabel_representation_invariance",
    "check_methods_subset_invariance",
}


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_default_parameters_pass_every_check(Estimator):
    ran, failed = run_checks(Estimator())

    assert failed == {}
    assert len(ran) > 55


@pytest.mark.slow
@pytest.mark.parametrize(("family", "estimator"), list(list_variants()), ids=name_of)
def test_variants_fail_no_check_but_those_in_the_docs(family, estimator):
    exceptions = read_table().get(family, set())

    ran, failed = run_checks(estimator)

    assert set(failed) <= exceptions, failed
    assert (exceptions & set(ran)) - set(failed) <= NOT_FOR_ALL


def test_every_exception_names_a_family_of_variants_and_a_check_that_exists():
    families = {family for family, _ in list_variants() if family}
    names = {check.func.__name__ for Estimator in ESTIMATORS for _, check in estimator_checks_generator(Estimator())}

    table = read_table()

    assert set(table) == families
    assert set().union(*table.values()) <= names


@pytest.mark.parametrize("Network", [*NETWORKS, *CNNS])
def test_networks_meet_the_checks_of_weights_and_several_targets(Network):
    ran = {check.func.__name__ for _, check in estimator_checks_generator(Network())}

    several = (
        "check_classifiers_multilabel_output_format_predict"
        if is_classifier(Network())
        else ("check_regressor_multioutput")
    )
    assert {*WEIGHT_EQUIVALENCE, several, "check_estimator_sparse_array"} <= ran
