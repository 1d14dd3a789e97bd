"""The same numbers give the same model, whatever holds them; the same labels come back, whatever they are."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import DataConversionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)
from tests.contract._cases import (
    FEW_EPOCHS,
    ONE_EACH,
    SMALL_CNN,
    STEPWISE,
    assert_same_bits,
    looks_at_pictures,
    make_rows,
    make_targets,
    name_of,
    raw_outputs,
    weights_of,
)

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

COLUMNS = ["height", "width", "depth", "age"]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


DENSE = {
    "list of lists": lambda X: X.tolist(),
    "tuple of arrays": tuple,
    "Fortran order": np.asfortranarray,
    "every second column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "negative strides": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": read_only,
    "big-endian": lambda X: X.astype(">f8"),
    "object array of numbers": lambda X: X.astype(object),
    "matrix rows as Python floats": lambda X: [[float(value) for value in row] for row in X],
    "pandas": lambda X: pd.DataFrame(X),
    "pandas with nullable columns": lambda X: pd.DataFrame(X).astype("Float64"),
    "torch": torch.tensor,
    "torch that requires a gradient": lambda X: torch.tensor(X, requires_grad=True),
    "torch result of an operation": lambda X: torch.tensor(X, requires_grad=True) * 1,
    "torch transposed": lambda X: torch.tensor(X.T.copy()).T,
}
SPARSE = {
    f"{kind} {form}": getattr(sparse, f"{form}_{kind}")
    for kind in ("array", "matrix")
    for form in ("csr", "csc", "coo", "lil", "bsr")
}
EVERY = [
    *ONE_EACH,
    *STEPWISE,
    MLPClassifier((8,), solver="lbfgs", max_iter=5, random_state=0),
    LinearRegression(penalty="l1", alpha=0.1),
]


@pytest.fixture(params=EVERY, ids=name_of)
def estimator(request):
    return clone(request.param)


@pytest.mark.parametrize("container", DENSE)
def test_a_container_does_not_change_the_model(container, estimator, X):
    y = make_targets(estimator, X)
    expected = clone(estimator).fit(X, y)

    held = DENSE[container](X)
    estimator.fit(held, y)

    # The layout of the memory decides in which order a matrix product sums.
    for a, b in zip(weights_of(estimator), weights_of(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(raw_outputs(estimator, held), raw_outputs(expected, X), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("container", SPARSE)
def test_sparse_rows_give_the_model_of_dense_ones(container, estimator, X):
    X = np.where(np.abs(X) < 0.7, 0.0, X)
    y = make_targets(estimator, X)
    expected = clone(estimator).fit(X, y)

    held = SPARSE[container](X)
    estimator.fit(held, y)

    np.testing.assert_allclose(raw_outputs(estimator, held), raw_outputs(expected, X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(raw_outputs(estimator, X), raw_outputs(estimator, held), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_torch_tensor_gives_the_bits_of_an_array_of_its_dtype(dtype, estimator, X):
    X = X.astype(dtype)
    y = make_targets(estimator, X)

    assert_same_bits(clone(estimator).fit(torch.tensor(X), y), clone(estimator).fit(X, y))


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "float16", "bool"])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_other_number_types_are_what_they_are_in_double_precision(as_tensor, dtype, estimator, X):
    X = (np.abs(3 * X) if dtype != "bool" else X > 0).astype(dtype)
    held = torch.tensor(X) if as_tensor else X
    y = make_targets(estimator, X.astype(float))
    # Of pictures in whole numbers all is computed in single precision unless the user says otherwise.
    precision = {"precision": "float64"} if looks_at_pictures(estimator) else {}
    expected = clone(estimator).fit(X.astype(np.float64), y)

    outputs = raw_outputs(estimator.set_params(**precision).fit(held, y), held)

    tolerance = {"rtol": 1e-9, "atol": 1e-12} if outputs.dtype == np.float64 else {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(outputs, raw_outputs(expected, X.astype(np.float64)), **tolerance)


def test_polars_frames_are_read_with_their_names(estimator, X):
    y = make_targets(estimator, X)
    expected = clone(estimator).fit(X, y)

    frame = pl.DataFrame(X, schema=COLUMNS)
    estimator.fit(frame, y)

    assert estimator.feature_names_in_.tolist() == COLUMNS
    np.testing.assert_allclose(raw_outputs(estimator, frame), raw_outputs(expected, X), rtol=1e-9, atol=1e-12)


def test_a_frame_of_mixed_number_columns_is_read(estimator, X):
    frame = pd.DataFrame(X, columns=COLUMNS).assign(
        age=lambda f: (10 * f["age"]).astype(int), depth=lambda f: f["depth"] > 0
    )
    y = make_targets(estimator, X)

    estimator.fit(frame, y)

    as_numbers = clone(estimator).fit(frame.astype(float), y)
    np.testing.assert_array_equal(raw_outputs(estimator, frame), raw_outputs(as_numbers, frame.astype(float)))


def test_the_callers_data_stay_as_they_were(estimator, X):
    y = make_targets(estimator, X)
    weights = np.linspace(0, 2, len(X))
    copies = X.copy(), y.copy(), weights.copy()

    estimator.fit(X, y, sample_weight=weights).predict(X)

    for now, before in zip((X, y, weights), copies, strict=True):
        np.testing.assert_array_equal(now, before)


TARGET_CONTAINERS = {
    "list": lambda y: y.tolist(),
    "pandas": pd.Series,
    "pandas with another index": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "polars": lambda y: pl.Series(y),
    "torch": torch.tensor,
    "read-only": read_only,
}


@pytest.mark.parametrize("container", TARGET_CONTAINERS)
def test_the_container_of_targets_does_not_change_the_model(container, estimator, X):
    y = make_targets(estimator, X)

    expected = clone(estimator).fit(X, y)

    assert_same_bits(clone(estimator).fit(X, TARGET_CONTAINERS[container](y)), expected)


def test_a_column_of_targets_is_flattened_with_a_warning(estimator, X):
    y = make_targets(estimator, X)
    expected = clone(estimator).fit(X, y)

    with pytest.warns(DataConversionWarning, match="column-vector y was passed when a 1d array was expected"):
        estimator.fit(X, y[:, None])

    assert_same_bits(estimator, expected)
    assert estimator.predict(X).shape == (60,)


LABELS = {
    "integers with gaps": np.array([-3, 7, 100]),
    "strings": np.array(["ant", "bee", "cat"]),
    "objects": np.array(["ant", "bee", "cat"], dtype=object),
    "whole floats": np.array([1.0, 2.0, 5.0]),
    "small integers": np.array([1, 2, 3], dtype=np.uint8),
}
SEVERAL_CLASSES = [
    LogisticRegression(),
    Perceptron(),
    MLPClassifier((8,), max_iter=50, random_state=0),
    MLPClassifier((8,), max_iter=50, early_stopping=True, random_state=0),
    LogisticRegression(solver="adam", max_iter=20, random_state=0),
    CNNClassifier(**SMALL_CNN),
]


@pytest.mark.parametrize("classifier", SEVERAL_CLASSES, ids=name_of)
@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_labels_that_went_in_come_out(n_classes, name, classifier, X):
    labels = LABELS[name][:n_classes]
    codes = make_targets(classifier, X, n_classes)
    expected = clone(classifier).fit(X, codes)

    clf = clone(classifier).fit(X, labels[codes])

    np.testing.assert_array_equal(clf.classes_, labels)
    assert clf.predict(X).dtype == clf.classes_.dtype
    np.testing.assert_array_equal(clf.predict(X), labels[expected.predict(X)])
    assert clf.score(X, labels[codes]) == expected.score(X, codes)


@pytest.mark.parametrize("classifier", SEVERAL_CLASSES, ids=name_of)
def test_boolean_labels_stay_booleans(classifier, X):
    y = X[:, 0] > 0

    clf = clone(classifier).fit(X, y)

    assert clf.classes_.tolist() == [False, True]
    assert clf.predict(X).dtype == bool


@pytest.mark.parametrize("classifier", SEVERAL_CLASSES, ids=name_of)
@pytest.mark.parametrize("dtype", ["category", "string", "object", "Int64"])
def test_columns_of_frames_are_labels(dtype, classifier, X):
    labels = np.array([1, 2]) if dtype == "Int64" else np.array(["no", "yes"])
    y = pd.Series(labels[make_targets(classifier, X)]).astype(dtype)

    plain = np.asarray(y.tolist())
    clf = clone(classifier).fit(X, y)

    assert clf.classes_.tolist() == labels.tolist()
    np.testing.assert_array_equal(clf.predict(X), clone(classifier).fit(X, plain).predict(X))


def test_labels_in_the_order_of_partial_fits_classes_do_not_matter(X):
    y = np.array(["b", "a", "c"])[make_targets(MLPClassifier(), X, 3)]

    first, second = (
        MLPClassifier((4,), random_state=0).partial_fit(X, y, classes=classes)
        for classes in (["a", "b", "c"], ["c", "a", "b"])
    )

    assert first.classes_.tolist() == ["a", "b", "c"]
    assert_same_bits(first, second)


SEVERAL_LABELS = [MLPClassifier((8,), max_iter=5, random_state=0), CNNClassifier(**SMALL_CNN)]


def indicator(X):
    return np.column_stack([X[:, 0] > 0, X[:, 1] + X[:, 2] > 0.3, X[:, 3] > 1]).astype(int)


@pytest.mark.parametrize(
    "clf",
    [
        MLPClassifier((20,), learning_rate_init=0.02, max_iter=200, random_state=0),
        MLPClassifier((20,), solver="lbfgs", max_iter=200, random_state=0),
        CNNClassifier(channels=(8,), hidden_layer_sizes=(16,), learning_rate_init=0.05, max_iter=60, random_state=0),
    ],
    ids=["adam", "lbfgs", "convolution"],
)
def test_several_labels_are_learnt_at_once(clf, X):
    Y = indicator(X)

    clf = clone(clf).fit(X, Y)

    assert clf.classes_.tolist() == [0, 1, 2]
    assert clf.n_outputs_ == 3
    assert clf.out_activation_ == "logistic"
    assert clf.predict(X).shape == clf.predict_proba(X).shape == clf.decision_function(X).shape == Y.shape
    assert (clf.predict(X) == Y).mean() > 0.97
    np.testing.assert_array_equal(clf.predict(X), clf.predict_proba(X) > 0.5)
    np.testing.assert_allclose(clf.predict_proba(X), 1 / (1 + np.exp(-clf.decision_function(X))))


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csr_matrix, sparse.coo_array, sparse.csc_array])
@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"class_weight": "balanced"}])
@pytest.mark.parametrize("clf", SEVERAL_LABELS, ids=name_of)
def test_a_sparse_indicator_gives_the_model_of_a_dense_one(clf, parameters, form, X):
    clf = clone(clf).set_params(**parameters)
    Y = indicator(X)

    assert_same_bits(clone(clf).fit(X, form(Y)), clone(clf).fit(X, Y))


@pytest.mark.parametrize("clf", SEVERAL_LABELS, ids=name_of)
def test_a_sparse_indicator_comes_out_sparse_as_in_scikit_learn(clf, X):
    clf = clone(clf).fit(X, sparse.csr_array(indicator(X)))

    predictions = clf.predict(X)

    assert sparse.issparse(predictions)
    np.testing.assert_array_equal(predictions.toarray(), clf.predict_proba(X) > 0.5)


@pytest.mark.parametrize("container", [np.ndarray.tolist, pd.DataFrame, torch.tensor, lambda Y: Y.astype(bool)])
@pytest.mark.parametrize("clf", SEVERAL_LABELS, ids=name_of)
def test_the_container_of_an_indicator_does_not_change_the_model(clf, container, X):
    Y = indicator(X)

    assert_same_bits(clone(clf).fit(X, container(Y)), clone(clf).fit(X, Y))


@pytest.mark.parametrize("clf", SEVERAL_LABELS, ids=name_of)
def test_the_score_of_several_labels_is_that_of_rows_without_a_mistake(clf, X):
    Y = indicator(X)

    clf = clone(clf).set_params(max_iter=20).fit(X, Y)

    assert clf.score(X, Y) == (clf.predict(X) == Y).all(axis=1).mean()


@pytest.mark.parametrize("clf", SEVERAL_LABELS, ids=name_of)
def test_partial_fit_takes_several_labels(clf, X):
    Y = indicator(X)

    clf = clone(clf).partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y)

    assert clf.predict(X).shape == Y.shape


@pytest.mark.parametrize(
    "regressor",
    [
        LinearRegression(),
        LinearRegression(penalty="l1", alpha=0.01),
        LinearRegression(solver="adam", max_iter=300),
        MLPRegressor(hidden_layer_sizes=(20,), learning_rate_init=0.02, max_iter=200, random_state=0),
        MLPRegressor(hidden_layer_sizes=(20,), solver="lbfgs", max_iter=200, random_state=0),
        CNNRegressor(channels=(8,), hidden_layer_sizes=(16,), learning_rate_init=0.05, max_iter=60, random_state=0),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("container", [np.asarray, np.ndarray.tolist, pd.DataFrame, torch.tensor])
def test_several_numbers_are_learnt_at_once(container, regressor, X):
    Y = np.column_stack([X[:, 0] - X[:, 1], 1 + X[:, 2]])

    reg = clone(regressor).fit(X, container(Y))

    assert reg.predict(X).shape == Y.shape
    assert reg.n_outputs_ == 2
    assert reg.score(X, Y) > 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("precision", ["auto", "float32", "float64", "bfloat16"])
def test_numbers_come_out_in_the_dtype_of_X(precision, dtype, estimator, X):
    estimator.set_params(precision=precision).fit(X.astype(dtype), make_targets(estimator, X))

    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        if hasattr(estimator, method):
            assert getattr(estimator, method)(X.astype(dtype)).dtype == dtype, method
    if is_regressor(estimator):
        assert estimator.predict(X.astype(dtype)).dtype == dtype


def test_numbers_come_out_in_the_dtype_of_new_X_not_of_training(estimator, X):
    estimator.fit(X.astype(np.float32), make_targets(estimator, X))

    assert raw_outputs(estimator, X).dtype == np.float64
    np.testing.assert_allclose(
        raw_outputs(estimator, X), raw_outputs(estimator, X.astype(np.float32)), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float16])
def test_whole_numbers_come_out_in_double_precision_and_of_pictures_in_single(dtype, estimator, X):
    held = np.abs(3 * X).astype(dtype)

    outputs = raw_outputs(estimator.fit(held, make_targets(estimator, X)), held)

    assert outputs.dtype == (np.float32 if looks_at_pictures(estimator) else np.float64)


def test_single_precision_computes_in_single_precision(estimator, X):
    estimator.fit(X.astype(np.float32), make_targets(estimator, X))

    assert {parameter.dtype for parameter in estimator.module_.parameters()} == {torch.float32}


def test_precision_float32_trains_as_single_precision_rows_do(estimator, X):
    X = X.astype(np.float32).astype(np.float64)
    y = make_targets(estimator, X)

    wide = clone(estimator).set_params(precision="float32").fit(X, y)

    np.testing.assert_allclose(
        raw_outputs(wide, X), raw_outputs(clone(estimator).fit(X.astype(np.float32), y), X), rtol=1e-3, atol=1e-3
    )


def test_frames_leave_their_names(estimator, X):
    frame = pd.DataFrame(X, columns=COLUMNS)

    estimator.fit(frame, make_targets(estimator, X))

    assert estimator.feature_names_in_.tolist() == COLUMNS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator.predict(frame)
        estimator.predict(pl.DataFrame(X, schema=COLUMNS))


def test_columns_in_another_order_are_refused(estimator, X):
    frame = pd.DataFrame(X, columns=COLUMNS)
    estimator.fit(frame, make_targets(estimator, X))

    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        estimator.predict(frame[COLUMNS[::-1]])


def test_columns_of_another_name_are_refused(estimator, X):
    frame = pd.DataFrame(X, columns=COLUMNS)
    estimator.fit(frame, make_targets(estimator, X))

    with pytest.raises(ValueError, match=r"names unseen at fit time:\n- colour\n[\s\S]*now missing:\n- age"):
        estimator.predict(frame.rename(columns={"age": "colour"}))


def test_validation_columns_of_another_name_are_refused(estimator, X):
    frame = pd.DataFrame(X, columns=COLUMNS)
    y = make_targets(estimator, X)

    with pytest.raises(ValueError, match="unseen at fit time"):
        estimator.fit(frame, y, X_val=frame.rename(columns={"age": "colour"}), y_val=y)


def test_rows_without_names_are_taken_with_a_warning(estimator, X):
    estimator.fit(pd.DataFrame(X, columns=COLUMNS), make_targets(estimator, X))

    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        estimator.predict(X)


def test_arrays_leave_no_names_not_even_those_of_an_earlier_fit(estimator, X):
    y = make_targets(estimator, X)
    estimator.fit(pd.DataFrame(X, columns=COLUMNS), y)

    estimator.fit(X, y)

    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_pipeline_of_frames_keeps_the_names(library, estimator, X):
    frame = pd.DataFrame(X, columns=COLUMNS) if library == "pandas" else pl.DataFrame(X, schema=COLUMNS)
    pipeline = make_pipeline(StandardScaler(), estimator).set_output(transform=library)

    pipeline.fit(frame, make_targets(estimator, X))

    assert pipeline[-1].feature_names_in_.tolist() == COLUMNS
    assert len(pipeline.predict(frame)) == len(X)


@pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1 or larger than sample size")
@pytest.mark.parametrize("estimator", [e for e in ONE_EACH + STEPWISE if not is_classifier(e)], ids=name_of)
def test_one_row_of_numbers_is_enough(estimator):
    # Batch normalization, their default, has nothing to learn from one.
    parameters = {"normalization": "layer"} if looks_at_pictures(estimator) else {}

    reg = clone(estimator).set_params(**parameters).fit([[1.0, 2.0]], [3.0])

    assert np.isfinite(reg.predict([[1.0, 2.0], [5.0, 5.0]])).all()


@pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1 or larger than sample size")
@pytest.mark.parametrize("estimator", [e for e in ONE_EACH + STEPWISE if is_classifier(e)], ids=name_of)
def test_two_rows_of_two_classes_are_enough(estimator):
    clf = clone(estimator).set_params(max_iter=200).fit([[-1.0], [1.0]], ["low", "high"])

    assert set(clf.predict([[-1.0], [1.0], [0.0]])) <= {"low", "high"}


def test_one_column_is_enough(estimator, rng):
    X = make_rows(rng, n_features=1)
    y = X[:, 0] if is_regressor(estimator) else X[:, 0] > 0

    assert estimator.fit(X, y).predict(X).shape == (60,)


def test_a_single_row_gets_the_prediction_that_it_gets_among_others(estimator, X):
    estimator.fit(X, make_targets(estimator, X))

    alone = np.concatenate([np.atleast_1d(raw_outputs(estimator, row[None])) for row in X])

    np.testing.assert_allclose(alone, raw_outputs(estimator, X), rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1 or larger than sample size")
def test_more_columns_than_rows_are_learnt(estimator, rng):
    X = make_rows(rng, n=10, n_features=50)
    y = make_targets(estimator, X)

    assert estimator.fit(X, y).predict(X).shape == (10,)


def test_a_constant_column_does_no_harm(estimator, X):
    X = np.column_stack([X, np.full(len(X), 7.0)])

    assert np.isfinite(raw_outputs(estimator.fit(X, make_targets(estimator, X)), X)).all()


@pytest.mark.parametrize(
    "classifier",
    [
        LogisticRegression(),
        pytest.param(Perceptron(), marks=pytest.mark.slow),
        MLPClassifier((8,), random_state=0),
        MLPClassifier((8,), early_stopping=True, random_state=0),
        CNNClassifier(**SMALL_CNN),
    ],
    ids=name_of,
)
def test_a_thousand_classes_are_learnt_without_complaint(classifier, rng):
    X = make_rows(rng, n=2000, n_features=5)
    y = np.arange(2000) % 1000

    clf = clone(classifier).set_params(max_iter=2).fit(X, y)

    assert len(clf.classes_) == 1000
    assert clf.predict(X[:3]).shape == (3,)
    if hasattr(clf, "predict_proba"):
        np.testing.assert_allclose(clf.predict_proba(X[:3]).sum(axis=1), 1)
