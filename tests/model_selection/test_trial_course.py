"""Where a trial is pruned depends on its curves, not on the order in which folds report."""

import random

import pytest

from sknets.model_selection._trial_course import TrialCourse

CURVES = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6], [0.0, 0.1, 0.2]]
MEANS = [0.2, 0.3, 1.1 / 3, 0.4]


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_reports_gives_the_same_course(seed):
    shown = []
    course = TrialCourse(3, lambda epoch, mean: shown.append((epoch, mean)) or mean > 0.35)
    events = [(fold, event) for fold, curve in enumerate(CURVES) for event in [*curve, "end"]]
    moves = [fold for fold, _ in events]
    random.Random(seed).shuffle(moves)
    left = [iter([*curve, "end"]) for curve in CURVES]

    for fold in moves:
        event = next(left[fold])
        course.end(fold) if event == "end" else course.report(fold, event)

    assert course.averages == pytest.approx(MEANS[:3])
    assert shown == list(enumerate(course.averages, 1))
    assert course.pruned_at == 3


def test_nobody_is_asked_before_all_folds_have_come():
    course = TrialCourse(2, lambda epoch, mean: True)

    course.report(0, 0.5)
    assert course.pruned_at is None
    course.report(1, 0.5)
    assert course.pruned_at == 1


def test_a_fold_without_epochs_leaves_the_others():
    course = TrialCourse(2, None)

    course.end(0)
    course.report(1, 0.5)

    assert course.averages == [0.5]


def test_scores_that_are_not_finite_are_not_judged():
    course = TrialCourse(1, lambda epoch, mean: True)

    course.report(0, float("nan"))

    assert course.pruned_at is None
