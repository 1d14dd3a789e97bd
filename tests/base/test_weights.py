import numpy as np
import pytest
from scipy import sparse

from sknets.base._weights import apply_class_weight, check_weights, drop_weightless


def test_no_weights_stay_none():
    assert check_weights(None, np.zeros((3, 1))) is None
    assert apply_class_weight(None, np.array([0, 1]), np.array([0, 1, 1]), None) is None


def test_weights_become_double_precision_and_are_not_the_callers_array():
    given = np.ones(3, dtype=np.float64)

    weights = check_weights(given, np.zeros((3, 1)))

    assert weights.dtype == np.float64
    assert not np.shares_memory(weights, given)


def test_balanced_classes_weigh_the_same_in_sum():
    y = np.array(["a", "b", "b", "b"])

    weights = apply_class_weight("balanced", np.array(["a", "b"]), y, None)

    np.testing.assert_allclose([weights[y == "a"].sum(), weights[y == "b"].sum()], [2, 2])


def test_rows_without_weight_do_not_count_in_balanced():
    y, weights = np.array([0, 0, 0, 1]), np.array([1.0, 0, 0, 1])

    result = apply_class_weight("balanced", np.array([0, 1]), y, weights)

    np.testing.assert_allclose(result, [1, 0, 0, 1])


def test_a_class_of_no_weight_gets_none_of_the_balance():
    y, weights = np.array([0, 0, 1, 2]), np.array([1.0, 1, 1, 0])

    result = apply_class_weight("balanced", np.array([0, 1, 2]), y, weights)

    assert result[3] == 0
    np.testing.assert_allclose(result[:2].sum(), result[2])


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_rows_of_weight_zero_are_taken_out_of_every_array(form):
    X, targets = np.arange(8.0).reshape(4, 2), np.arange(4)

    (kept_X, kept_targets), weights = drop_weightless([form(X), targets], np.array([0.0, 2, 0, 1]))

    np.testing.assert_array_equal(kept_X.toarray() if sparse.issparse(kept_X) else kept_X, X[[1, 3]])
    assert kept_targets.tolist() == [1, 3]
    assert weights.tolist() == [2, 1]


def test_rows_that_all_weigh_something_are_not_copied():
    X = np.zeros((2, 1))

    (kept,), _ = drop_weightless([X], np.array([0.1, 2]))

    assert kept is X


def test_no_row_left_is_refused():
    with pytest.raises(ValueError, match=r"zero for all 3 rows.*positive weight"):
        drop_weightless([np.zeros((3, 1))], np.zeros(3))
