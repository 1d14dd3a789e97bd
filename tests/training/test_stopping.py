import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sknets import MLPClassifier, MLPRegressor
from sknets.training._stopping import StoppingRule

VALUES = st.lists(
    st.one_of(
        st.floats(-2, 2).map(lambda x: round(x, 2)),
        st.sampled_from([math.nan, math.inf, -math.inf, 0.0]),
    ),
    max_size=30,
)


class ScikitLearnsCount:
    """``_update_no_improvement_count`` and the test behind it, line by line (_multilayer_perceptron.py, 1.9)."""

    def __init__(self, tol, n_iter_no_change, early_stopping):
        self.tol, self.n_iter_no_change, self.early_stopping = tol, n_iter_no_change, early_stopping
        self.no_improvement_count = 0
        self.best_validation_score, self.best_loss = -np.inf, np.inf

    def update(self, value):
        is_best = False
        if self.early_stopping:
            if value < (self.best_validation_score + self.tol):
                self.no_improvement_count += 1
            else:
                self.no_improvement_count = 0
            if value > self.best_validation_score:
                self.best_validation_score = value
                is_best = True
        else:
            if value > self.best_loss - self.tol:
                self.no_improvement_count += 1
            else:
                self.no_improvement_count = 0
            if value < self.best_loss:
                self.best_loss = value
                is_best = True
        return is_best

    @property
    def best(self):
        return self.best_validation_score if self.early_stopping else self.best_loss

    @property
    def is_exhausted(self):
        return self.no_improvement_count > self.n_iter_no_change


@settings(deadline=None)
@given(
    values=VALUES, tol=st.sampled_from([0.0, 1e-4, 0.1, 0.5]), patience=st.integers(1, 5), early_stopping=st.booleans()
)
def test_every_sequence_is_counted_as_scikit_learn_counts_it(values, tol, patience, early_stopping):
    rule = StoppingRule(tol, patience, "score" if early_stopping else "loss")
    reference = ScikitLearnsCount(tol, patience, early_stopping)

    for value in values:
        assert rule.update(value) == reference.update(value)
        assert rule.n_without_gain == reference.no_improvement_count
        assert rule.best == reference.best
        assert rule.is_exhausted == reference.is_exhausted


@settings(deadline=None)
@given(values=VALUES)
def test_a_score_rises_as_its_negative_falls(values):
    rising, falling = StoppingRule(0.1, 3, "score"), StoppingRule(0.1, 3, "loss")

    for value in values:
        assert rising.update(value) == falling.update(-value)
        assert rising.n_without_gain == falling.n_without_gain


def test_infinite_patience_never_ends():
    rule = StoppingRule(0.0, math.inf)

    for _ in range(1000):
        rule.update(1.0)

    assert not rule.is_exhausted


def test_starting_over_forgets_the_count_and_keeps_the_best():
    rule = StoppingRule(0.1, 1)
    for value in (1.0, 1.0, 1.0):
        rule.update(value)
    assert rule.is_exhausted

    rule.start_over()

    assert not rule.is_exhausted
    assert rule.best == 1.0
    rule.update(0.95)
    assert rule.n_without_gain == 1


@pytest.mark.parametrize(("monitor", "subject"), [("loss", "Training loss"), ("score", "Validation score")])
def test_it_says_why_it_ends_in_scikit_learns_words(monitor, subject):
    text = str(StoppingRule(1e-4, 10, monitor))

    assert text == f"{subject} did not improve more than tol=0.000100 for 10 consecutive epochs."


@pytest.mark.parametrize("tol", [1e-2, 0.5])
def test_training_ends_at_the_epoch_that_its_own_curve_says(rng, tol):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2

    clf = MLPClassifier((4,), tol=tol, n_iter_no_change=3, learning_rate_init=0.05, max_iter=500, random_state=0).fit(
        X, y
    )

    reference = ScikitLearnsCount(tol, 3, early_stopping=False)
    for loss in clf.loss_curve_[:-1]:
        reference.update(loss)
        assert not reference.is_exhausted
    reference.update(clf.loss_curve_[-1])
    assert reference.is_exhausted
    assert clf.best_loss_ == reference.best


def test_early_stopping_ends_at_the_epoch_that_its_scores_say(rng):
    X = rng.normal(size=(80, 3))
    y = X @ [1.0, -2.0, 0.5]

    reg = MLPRegressor(
        hidden_layer_sizes=(6,),
        early_stopping=True,
        tol=0.05,
        n_iter_no_change=3,
        learning_rate_init=0.03,
        random_state=0,
    ).fit(X, y)

    reference = ScikitLearnsCount(0.05, 3, early_stopping=True)
    for score in reg.validation_scores_:
        assert not reference.is_exhausted
        reference.update(score)
    assert reference.is_exhausted
    assert reg.best_validation_score_ == reference.best
    assert reg.best_loss_ is None


@given(st.lists(st.floats(0, 2), min_size=1, max_size=12), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_the_earliest_end_is_that_of_epochs_without_gain(values, patience):
    rule = StoppingRule(0.0, patience)
    for value in values:
        rule.update(value)
    expected = rule.n_epochs_to_end

    ends = []
    for _ in range(patience + 2):
        rule.update(3.0)
        ends.append(rule.is_exhausted)

    assert ends.index(True) + 1 == expected
