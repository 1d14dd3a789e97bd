import numpy as np
import pytest
from scipy import sparse

from sknets.base import Labels

CASES = {
    "single": (np.array(["a", "a"]), ["a"], 1, "logistic"),
    "binary": (np.array(["b", "a", "b"]), ["a", "b"], 1, "logistic"),
    "multiclass": (np.array([5, -1, 3, 5]), [-1, 3, 5], 3, "softmax"),
    "multilabel": (np.array([[1, 0], [1, 1], [0, 0]]), [0, 1], 2, "logistic"),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_kind_of_problem_is_read_off_the_labels(kind):
    y, classes, n_outputs, out_activation = CASES[kind]

    labels = Labels.learn(y)

    assert labels.kind == kind
    assert labels.classes.tolist() == classes
    assert labels.n_outputs == n_outputs
    assert labels.out_activation == out_activation


@pytest.mark.parametrize("kind", CASES)
def test_decoding_certain_outputs_undoes_encoding(kind):
    y = CASES[kind][0]
    labels = Labels.learn(y)

    targets = np.asarray(labels.encode(y))
    outputs = np.eye(3)[targets] if kind == "multiclass" else 2.0 * targets - 1.0

    np.testing.assert_array_equal(labels.decode(outputs), y)


def test_announced_classes_count_even_where_they_do_not_occur():
    labels = Labels.learn(np.array([2, 2]), classes=[3, 1, 2])

    assert labels.classes.tolist() == [1, 2, 3]
    assert labels.encode(np.array([3, 1])).tolist() == [2, 0]


@pytest.mark.parametrize("y", [np.arange(30), np.arange(30).astype(str)], ids=["numbers", "strings"])
def test_labels_that_are_hardly_repeated_are_warned_of(y):
    with pytest.warns(UserWarning, match="could represent a regression problem"):
        Labels.learn(y)


@pytest.mark.parametrize("y", [np.array([0.5, 1.5, 0.5, 0.5]), np.array([[0.5], [1.5]])])
def test_fractions_are_no_labels(y):
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        Labels.learn(y)


def test_an_output_of_zero_is_the_first_class():
    assert Labels.learn(np.array(["no", "yes"])).decode(np.array([[0.0]])).tolist() == ["no"]


def test_a_sparse_indicator_is_encoded_as_a_dense_one():
    y = np.array([[1, 0, 1], [0, 0, 1]])

    np.testing.assert_array_equal(Labels.learn(sparse.csr_array(y)).encode(sparse.csc_array(y)), y)


@pytest.mark.parametrize(
    ("first", "later", "message"),
    [
        ([0, 1], [0, 2], r"classes not in `self.classes_`.*\[0 1\].*\[0 2\]"),
        ([0, 1], [[0, 1], [1, 1]], "kind the model was fitted on, binary; got multilabel-indicator.*new estimator"),
        ([[0, 1], [1, 1]], [0, 1], "kind the model was fitted on, multilabel; got binary.*new estimator"),
        ([[0, 1], [1, 1]], [[0, 1, 1], [1, 1, 0]], "must have 2 label columns; got 3"),
    ],
)
def test_labels_of_another_kind_are_refused(first, later, message):
    labels = Labels.learn(np.array(first))

    with pytest.raises(ValueError, match=message):
        labels.encode(np.array(later))
