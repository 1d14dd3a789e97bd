import numpy as np
import pytest

from sknets.inspection import confident_mistakes, most_probable


def test_mistakes_come_by_falling_confidence_and_equals_in_their_order(rng):
    probabilities = rng.dirichlet(np.ones(4), size=200).round(1) + 0.01
    y = rng.integers(0, 4, 200)

    places = confident_mistakes(y, probabilities)

    by_hand = [(-max(row), i) for i, row in enumerate(probabilities.tolist()) if row.index(max(row)) != y[i]]
    assert places.tolist() == [i for _, i in sorted(by_hand)]


def test_columns_stand_for_the_classes_that_are_given():
    predicted, confidence = most_probable(["a", "c"], [[0.1, 0.7, 0.2], [0.0, 0.4, 0.6]], classes=["a", "b", "c"])

    assert predicted.tolist() == ["b", "c"]
    assert confidence.tolist() == [0.7, 0.6]


def test_without_mistakes_there_are_no_places():
    assert confident_mistakes(["no", "yes"], [[1, 0], [0.2, 0.8]]).tolist() == []


@pytest.mark.parametrize(
    ("probabilities", "classes", "words"),
    [
        ([0.1, 0.9], None, r"shape \(n_samples, n_classes\).*got shape \(2,\)"),
        ([[0.1, 0.2, 0.7]] * 2, None, "got 3 columns, and y_true has 2 labels. Give classes=estimator.classes_"),
        ([[0.1, 0.9]] * 2, [1, 2, 3], "got 2 columns, and classes has 3 labels"),
        ([[0.1, 0.9]] * 3, None, "inconsistent numbers of samples"),
    ],
)
def test_what_does_not_fit_is_refused(probabilities, classes, words):
    with pytest.raises(ValueError, match=words):
        confident_mistakes([0, 1], probabilities, classes)
