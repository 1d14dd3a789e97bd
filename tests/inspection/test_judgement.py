"""Labels from made-up scores: what a verdict follows from, without any training."""

import numpy as np
import pandas as pd
import pytest

from sknets.inspection._fold_fits import FoldScores
from sknets.inspection._judgement import judge
from sknets.inspection._measurements import Measurements
from sknets.inspection._probes import (
    CALM,
    CAPACITY,
    EARLIER,
    ENSEMBLE,
    OTHER,
    RESTRAINT,
    TIME,
    Probe,
)

WIGGLES = 0.002 * np.array([-1, 0, 1, 0.5, -0.5])


def scores(train, valid, *, has_diverged=False, first_loss=1.0, train_loss=0.5, valid_losses=None):
    curves = None
    if valid_losses is not None:
        curves = pd.concat(
            [
                pd.DataFrame({"fold": fold, "epoch": range(1, len(valid_losses) + 1), "valid_loss": valid_losses})
                for fold in range(5)
            ]
        )
    return FoldScores(
        train=train + WIGGLES,
        valid=valid + WIGGLES[::-1],
        has_diverged=np.full(5, has_diverged),
        n_epochs=np.full(5, 10.0),
        first_loss=np.full(5, first_loss),
        train_loss=np.full(5, train_loss),
        curves=curves,
    )


def measure(network, probes=(), *, constant=0.5, linear=None):
    return Measurements(
        network=network,
        constant=FoldScores(*(np.full(5, constant) for _ in range(2)), *(np.zeros(5) for _ in range(4))),
        shuffled=scores(0.6, 0.5),
        linear=linear,
        sizes={},
        probes={name: (Probe(name, family, name), found) for name, family, found in probes},
        test_per_train=0.25,
        max_epochs=10,
    )


def label(*arguments, **keywords):
    return judge(measure(*arguments, **keywords)).label


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (TIME, "undertrained"),
        (CALM, "diverging"),
        (EARLIER, "diverging"),
        (CAPACITY, "underfitting"),
        (OTHER, "undertrained"),
        (RESTRAINT, "balanced"),
        (ENSEMBLE, "balanced"),
    ],
)
def test_a_better_fit_of_all_rows_means_what_its_family_says(family, expected):
    network, better = scores(0.7, 0.7), scores(0.8, 0.8)

    assert label(network, [("change", family, better)]) == expected


@pytest.mark.parametrize("family", [TIME, CALM, EARLIER, CAPACITY, OTHER, RESTRAINT])
def test_a_gain_on_held_out_rows_alone_is_overfitting_whatever_brings_it(family):
    network, better = scores(0.8, 0.78), scores(0.78, 0.81)

    assert label(network, [("change", family, better)]) == "overfitting"


@pytest.mark.parametrize(("valid", "expected"), [(0.96, "balanced"), (0.94, "overfitting")])
def test_a_tenth_of_what_was_learnt_is_too_large_a_gap(valid, expected):
    assert label(scores(1.0, valid)) == expected


@pytest.mark.parametrize(("losses", "expected"), [([1.0, 0.5, 0.55], "balanced"), ([1.0, 0.5, 0.7], "overfitting")])
def test_half_of_that_gap_is_where_the_held_out_loss_has_risen(losses, expected):
    assert label(scores(1.0, 0.96, valid_losses=losses)) == expected


def test_shares_do_not_depend_on_the_scale_of_the_score():
    def shrink(found):
        factor = 1e-4
        return FoldScores(found.train * factor, found.valid * factor, *(vars(found)[n] for n in list(vars(found))[2:]))

    for train, valid in [(1.0, 0.96), (1.0, 0.94), (0.7, 0.7)]:
        own, probe = scores(train, valid), ("more", CAPACITY, scores(0.8, 0.8))
        small = ("more", CAPACITY, shrink(probe[2]))
        assert judge(measure(own, [probe])).strengths == pytest.approx(
            judge(measure(shrink(own), [small], constant=0.5e-4)).strengths
        )


def test_the_larger_of_two_gains_decides_and_a_close_second_makes_it_mixed():
    network = scores(0.6, 0.6)
    more, wider, narrow = ("more", TIME, scores(0.8, 0.8)), scores(0.74, 0.74), scores(0.65, 0.65)

    close, clear = (judge(measure(network, [more, ("wider", CAPACITY, found)])) for found in (wider, narrow))

    assert (close.label, close.is_mixed, close.rival) == ("undertrained", True, "underfitting")
    assert (clear.label, clear.is_mixed, clear.rival) == ("undertrained", False, "")


def test_steps_that_are_too_large_come_before_anything_else():
    network = scores(0.6, 0.6)
    changes = [("smaller steps", CALM, scores(0.75, 0.75)), ("wider", CAPACITY, scores(0.8, 0.8))]

    assert label(network, changes) == "diverging"


def test_scores_at_their_end_leave_it_to_the_loss_to_say_what_fits_better():
    network = scores(1.0, 0.9, train_loss=0.1)
    changes = [("smaller steps", CALM, scores(1.0, 0.97, train_loss=0.01))]

    assert judge(measure(network, changes)).strengths["diverging"] > 0


def test_one_fold_that_diverged_is_enough_and_mixed():
    network = scores(0.8, 0.8)
    network.has_diverged[0], network.valid[0] = True, np.nan

    found = judge(measure(network))

    assert (found.label, found.is_mixed) == ("diverging", True)


def test_a_first_loss_ten_times_that_of_smaller_steps_is_divergence_and_mixed_where_it_came_back():
    changes = [("smaller steps", CALM, scores(0.9, 0.9, first_loss=0.8))]

    found, calm = (judge(measure(scores(0.9, 0.9, first_loss=loss), changes)) for loss in (9.0, 1.5))

    assert (found.label, found.is_mixed) == ("diverging", True)
    assert calm.label == "balanced"


def test_worse_than_a_constant_by_more_than_can_be_learnt_is_divergence():
    assert label(scores(-1e9, -1e9), constant=0.0, linear=scores(0.7, 0.7)) == "diverging"


def test_a_network_that_starts_far_away_and_learns_with_more_time_is_undertrained():
    assert label(scores(-5.0, -5.0), [("longer", TIME, scores(0.8, 0.8))], constant=0.0) == "undertrained"


def test_what_is_no_better_than_a_constant_is_never_balanced():
    found = judge(measure(scores(0.5, 0.5)))

    assert (found.label, found.is_mixed) == ("underfitting", True)


@pytest.mark.parametrize(("train", "expected"), [(0.85, "undertrained"), (0.7, "overfitting")])
def test_a_linear_model_that_does_better_forbids_balanced(train, expected):
    found = judge(measure(scores(0.72, 0.7), linear=scores(train, 0.8)))

    assert (found.label, found.is_mixed) == (expected, True)


def test_gains_within_their_noise_change_nothing():
    noisy = scores(0.8, 0.8)
    noisy.valid[:] = [0.6, 1.0, 0.65, 1.0, 0.7]

    assert label(scores(0.75, 0.75), [("wider", CAPACITY, noisy)]) == "balanced"


def test_a_probe_that_failed_is_no_gain():
    failed = scores(np.nan, np.nan)

    found = measure(scores(0.75, 0.75), [("wider", CAPACITY, failed)])

    assert judge(found).label == "balanced"
    assert not found.gain(failed).is_clear
