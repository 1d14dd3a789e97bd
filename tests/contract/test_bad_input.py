"""What scikit-learn refuses, sknets refuses, and the message says what came and what to do."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)
from tests.contract._cases import FEW_EPOCHS, ONE_EACH, SMALL_CNN, looks_at_pictures, make_targets, name_of

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)


def with_value(X, value):
    X = X.copy()
    X[3, 1] = value
    return X


BAD_X = {
    "NaN": (lambda X: with_value(X, np.nan), ValueError, r"Input X contains NaN[\s\S]*imputer"),
    "infinity": (lambda X: with_value(X, np.inf), ValueError, r"Input X contains infinity"),
    "minus infinity": (lambda X: with_value(X, -np.inf), ValueError, r"Input X contains infinity"),
    "NaN in a sparse matrix": (
        lambda X: sparse.csr_array(with_value(X, np.nan)),
        ValueError,
        r"Input X contains NaN[\s\S]*imputer",
    ),
    "NaN in a frame": (lambda X: pd.DataFrame(with_value(X, np.nan)), ValueError, r"Input X contains NaN"),
    "NaN in a tensor": (lambda X: torch.tensor(with_value(X, np.nan)), ValueError, r"Input X contains NaN"),
    "complex": (lambda X: X + 1j, ValueError, r"Complex data not supported"),
    "a complex tensor": (lambda X: torch.tensor(X + 1j), ValueError, r"Complex data not supported"),
    "one dimension": (lambda X: X[:, 0], ValueError, r"Expected 2D array, got 1D array[\s\S]*reshape\(-1, 1\)"),
    "five dimensions": (
        lambda X: X[:, :, None, None, None],
        ValueError,
        r"dim 5, while dim <= 2|got 5 dimensions|got rows of shape",
    ),
    "a number": (lambda X: 3.0, ValueError, r"Expected 2D array, got scalar array"),
    "no columns": (lambda X: X[:, :0], ValueError, r"0 feature\(s\) \(shape=\(60, 0\)\).*minimum of 1"),
    "letters": (lambda X: X.astype(str).astype(object) + "a", ValueError, r"could not convert string to float: '.*a'"),
    "an object column": (
        lambda X: pd.DataFrame({"size": X[:, 0], "colour": ["red"] * len(X)}),
        ValueError,
        r"could not convert string to float: 'red'",
    ),
    "dictionaries": (lambda X: np.array([{}] * len(X), dtype=object)[:, None], TypeError, r"must be .* not 'dict'"),
    "None": (lambda X: None, ValueError, r"Expected 2D array, got scalar array|requires.*X"),
}


@pytest.mark.parametrize("name", BAD_X)
def test_fit_refuses_bad_X(name, estimator, X):
    spoil, error, message = BAD_X[name]

    with pytest.raises(error, match=message):
        estimator.fit(spoil(X), make_targets(estimator, X))


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("name", BAD_X)
def test_predict_refuses_bad_X(name, estimator, X):
    spoil, error, message = BAD_X[name]
    estimator.fit(X, make_targets(estimator, X))
    if name in ("no columns", "an object column", "dictionaries"):
        message = rf"{message}|X has \d features, but {type(estimator).__name__} is expecting 4 features"
        error = (error, ValueError)

    with pytest.raises(error, match=message):
        estimator.predict(spoil(X))


@pytest.mark.parametrize("name", BAD_X)
def test_partial_fit_refuses_bad_X(name, stepwise, X):
    spoil, error, message = BAD_X[name]
    y = make_targets(stepwise, X)
    classes = {} if y.dtype == float else {"classes": [0, 1]}

    with pytest.raises(error, match=message):
        stepwise.partial_fit(spoil(X), y, **classes)


@pytest.mark.parametrize("estimator", [e for e in ONE_EACH if not looks_at_pictures(e)], ids=name_of)
def test_tables_have_two_dimensions(estimator, X):
    estimator, y = clone(estimator), make_targets(estimator, X)

    with pytest.raises(ValueError, match=r"dim 3, while dim <= 2 is required"):
        estimator.fit(X[:, :, None], y)
    with pytest.raises(ValueError, match=r"dim 3, while dim <= 2 is required"):
        estimator.fit(X, y).predict(X[:, :, None])


def test_fit_refuses_an_empty_table(estimator):
    with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 4\)\).*minimum of 1 is required"):
        estimator.fit(np.empty((0, 4)), np.empty(0))


@pytest.mark.parametrize("wrong", [0, 59, 61])
def test_fit_refuses_y_of_another_length(wrong, estimator, X):
    y = make_targets(estimator, np.vstack([X, X]))[:wrong]

    with pytest.raises(ValueError, match=rf"inconsistent numbers of samples: \[60, {wrong}\]|0 sample"):
        estimator.fit(X, y)


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "Input y contains NaN"), (np.inf, "Input y contains infinity")]
)
def test_fit_refuses_targets_that_are_not_finite(value, message, estimator, X):
    y = make_targets(estimator, X).astype(float)
    y[5] = value

    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)


def test_fit_refuses_to_do_without_y(estimator, X):
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        estimator.fit(X, None)


@pytest.mark.parametrize("estimator", [e for e in ONE_EACH if is_regressor(e)], ids=name_of)
def test_regressors_refuse_words_as_targets(estimator, X):
    with pytest.raises(ValueError, match=r"could not convert string to float|dtype='numeric' is not compatible"):
        estimator.fit(X, np.array(["a", "b"] * 30))


def test_classifiers_refuse_numbers_that_are_no_labels(classifier, X):
    with pytest.raises(ValueError, match=r"Unknown label type: continuous[\s\S]*regress"):
        classifier.fit(X, X[:, 0])


def test_classifiers_refuse_several_columns_of_labels(classifier, X):
    y = np.column_stack([np.arange(60) % 3, np.arange(60) % 4])

    with pytest.raises(ValueError, match=r"[Mm]ultioutput|1d array"):
        classifier.fit(X, y)


@pytest.mark.parametrize("estimator", [LogisticRegression(), Perceptron()], ids=["LogisticRegression", "Perceptron"])
@pytest.mark.parametrize("label", [1, "spam"])
def test_linear_classifiers_refuse_a_single_class(label, estimator, X):
    with pytest.raises(ValueError, match=r"class[\s\S]*Give rows of another class"):
        estimator.fit(X, [label] * len(X))


@pytest.mark.parametrize("label", [1, "spam", True])
@pytest.mark.parametrize("network", [MLPClassifier((4,), max_iter=3), CNNClassifier(**SMALL_CNN)], ids=name_of)
def test_a_network_learns_the_only_class_there_is(network, label, X):
    clf = clone(network).fit(X, [label] * len(X))

    assert clf.classes_.tolist() == [label]
    assert set(clf.predict(X).tolist()) == {label}
    np.testing.assert_array_equal(clf.predict_proba(X), np.ones((len(X), 1)))


@pytest.mark.parametrize("estimator", [LogisticRegression(), Perceptron()], ids=["LogisticRegression", "Perceptron"])
def test_linear_classifiers_refuse_several_labels_per_row(estimator, X):
    with pytest.raises(ValueError, match=r"1d array|one label per row"):
        estimator.fit(X, (X[:, :3] > 0).astype(int))


def test_nothing_is_predicted_before_fit(estimator, X):
    names = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    methods = [name for name in names if hasattr(estimator, name)]

    for method in methods:
        with pytest.raises(NotFittedError, match=f"This {type(estimator).__name__} instance is not fitted yet.*'fit'"):
            getattr(estimator, method)(X)
    with pytest.raises(NotFittedError, match=f"This {type(estimator).__name__} instance is not fitted yet.*'fit'"):
        estimator.score(X, make_targets(estimator, X))


@pytest.mark.parametrize("n_features", [1, 3, 5])
def test_prediction_refuses_another_number_of_columns(n_features, estimator, X):
    estimator.fit(X, make_targets(estimator, X))

    with pytest.raises(ValueError, match=f"X has {n_features} features, but .* is expecting 4 features"):
        estimator.predict(np.zeros((2, n_features)))


def test_partial_fit_refuses_another_number_of_columns(stepwise, X):
    y = make_targets(stepwise, X)
    stepwise.fit(X, y)

    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4 features"):
        stepwise.partial_fit(X[:, :3], y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda n: np.r_[-1.0, np.ones(n - 1)], "[Nn]egative values? in data passed to `sample_weight`"),
        (np.zeros, "at least one non-zero number|At least one row must have a positive weight"),
        (lambda n: np.ones(n - 1), r"sample_weight.shape == \(59,\), expected \(60,\)"),
        (lambda n: np.ones((n, 2)), r"1D|1-D|sample_weight"),
        (lambda n: np.r_[np.nan, np.ones(n - 1)], "Input sample_weight contains NaN"),
        (lambda n: np.r_[np.inf, np.ones(n - 1)], "Input sample_weight contains infinity"),
        (lambda n: ["heavy"] * n, "could not convert string to float: 'heavy'"),
    ],
    ids=["negative", "all zero", "wrong length", "two columns", "NaN", "infinity", "words"],
)
def test_fit_refuses_bad_weights(weights, message, estimator, X):
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, make_targets(estimator, X), sample_weight=weights(len(X)))


def test_class_weights_that_leave_no_row_are_refused(classifier, X):
    classifier.set_params(class_weight={0: 0, 1: 0})

    with pytest.raises(ValueError, match=r"zero for all 60 rows.*positive weight"):
        classifier.fit(X, make_targets(classifier, X))


def test_class_weights_of_a_class_that_is_not_there_are_refused(classifier, X):
    classifier.set_params(class_weight={"no such class": 1.0})

    with pytest.raises(ValueError, match=r"classes, \[0, 1\], are not in class_weight"):
        classifier.fit(X, make_targets(classifier, X))


@pytest.mark.parametrize(("given", "missing"), [("X_val", "y_val"), ("y_val", "X_val")])
def test_half_a_validation_set_is_refused(given, missing, estimator, X):
    y = make_targets(estimator, X)
    half = {"X_val": X[:5]} if given == "X_val" else {"y_val": y[:5]}

    with pytest.raises(ValueError, match=f"given together; got {given} without {missing}"):
        estimator.fit(X, y, **half)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y: (X[:, :3], y), "X has 3 features, but .* is expecting 4 features"),
        (lambda X, y: (X, y[:-1]), r"inconsistent numbers of samples: \[60, 59\]"),
        (lambda X, y: (with_value(X, np.nan), y), "contains NaN"),
        (lambda X, y: (X[:0], y[:0]), r"0 sample\(s\)"),
    ],
    ids=["columns", "lengths", "NaN", "empty"],
)
def test_a_bad_validation_set_is_refused(spoil, message, estimator, X):
    y = make_targets(estimator, X)
    X_val, y_val = spoil(X, y)

    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y, X_val=X_val, y_val=y_val)


def test_a_validation_set_with_a_foreign_class_is_refused(classifier, X):
    y = make_targets(classifier, X)

    with pytest.raises(ValueError, match=r"classes not in `self.classes_`.*\[0 1\].*\[0 1 2\]"):
        classifier.fit(X, y, X_val=X[:6], y_val=[0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    "classifier",
    [Perceptron(), MLPClassifier((4,)), LogisticRegression(solver="adam"), CNNClassifier(**SMALL_CNN)],
    ids=name_of,
)
class TestPartialFitOfClassifiers:
    def test_first_call_must_name_the_classes(self, classifier, X):
        with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
            classifier.__class__(**classifier.get_params()).partial_fit(X, make_targets(classifier, X))

    def test_a_foreign_class_is_refused(self, classifier, X):
        classifier = classifier.__class__(**classifier.get_params())
        classifier.partial_fit(X, make_targets(classifier, X), classes=[0, 1])

        with pytest.raises(ValueError, match=r"`y` has classes not in `self.classes_`.*\[0 1\].*\[0 1 2\]"):
            classifier.partial_fit(X[:3], [0, 1, 2])

    def test_a_foreign_class_in_the_first_call_is_refused(self, classifier, X):
        classifier = classifier.__class__(**classifier.get_params())

        with pytest.raises(ValueError, match=r"`y` has classes not in `self.classes_`.*\[0 2\]"):
            classifier.partial_fit(X[:2], [0, 2], classes=[0, 1])

    def test_other_classes_than_announced_are_refused(self, classifier, X):
        classifier = classifier.__class__(**classifier.get_params())
        classifier.partial_fit(X, make_targets(classifier, X), classes=[0, 1])

        with pytest.raises(ValueError, match=r"classes=\[0, 1, 2\].*not the same as on last call"):
            classifier.partial_fit(X, make_targets(classifier, X), classes=[0, 1, 2])


@pytest.mark.parametrize(
    "regressor", [LinearRegression(solver="adam"), MLPRegressor(), CNNRegressor(**SMALL_CNN)], ids=name_of
)
def test_partial_fit_refuses_another_number_of_outputs(regressor, X):
    regressor = regressor.__class__(**regressor.get_params())
    regressor.partial_fit(X, X[:, :2])

    with pytest.raises(ValueError, match=r"y must have 2 columns.*got 3.*new estimator"):
        regressor.partial_fit(X, X[:, :3])


@pytest.mark.parametrize("Regressor", [MLPRegressor, CNNRegressor])
def test_targets_of_poisson_loss_may_not_be_negative(Regressor, X):
    with pytest.raises(ValueError, match=r"y must not be negative for loss='poisson'.*-2"):
        Regressor(loss="poisson").fit(X, np.r_[-2.0, np.ones(59)])


@pytest.mark.parametrize("Regressor", [MLPRegressor, CNNRegressor])
def test_batch_normalization_refuses_a_single_row(Regressor, X):
    with pytest.raises(ValueError, match=r"normalization='batch' needs at least two rows.*n_samples = 1.*layer"):
        Regressor(normalization="batch").fit(X[:1], [1.0])


@pytest.mark.parametrize("Regressor", [MLPRegressor, CNNRegressor])
def test_batch_normalization_refuses_batches_of_one_row(Regressor, X):
    with pytest.raises(ValueError, match=r"normalization='batch' needs at least two rows.*batch_size=1\..*layer"):
        Regressor(normalization="batch", batch_size=1).fit(X, X[:, 0])


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(early_stopping=True),
        MLPRegressor(early_stopping=True),
        LogisticRegression(solver="adam", early_stopping=True),
        Perceptron(early_stopping=True),
        CNNClassifier(early_stopping=True),
        CNNRegressor(early_stopping=True),
    ],
    ids=name_of,
)
def test_early_stopping_refuses_a_table_too_small_to_split(estimator):
    y = [0, 1] if "Regressor" not in type(estimator).__name__ else [0.0, 1.5]

    with pytest.raises(ValueError, match=r"validation set is too small.*validation_fraction.*got .*2"):
        estimator.fit([[0.0], [1.0]], y)


def test_huge_numbers_end_in_an_error_that_names_the_cure(X):
    with pytest.raises(ValueError, match=r"non-finite.*StandardScaler.*learning_rate_init"):
        MLPRegressor(solver="sgd", max_iter=3, random_state=0).fit(X * 1e200, X[:, 0])
