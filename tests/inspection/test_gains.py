import math

import numpy as np
import pytest
from scipy import stats

from sknets.inspection._gains import measure_gain


def test_without_overlap_a_gain_is_clear_where_the_paired_t_test_says_so(rng):
    before = rng.normal(size=6)
    for shift in np.linspace(-0.5, 1.5, 21):
        after = before + shift + 0.3 * rng.normal(size=6)
        p = stats.ttest_rel(after, before, alternative="greater").pvalue
        assert measure_gain(before, after, 0.0).is_clear == (p < 0.05)


def test_overlapping_training_rows_widen_the_noise_by_nadeau_and_bengios_factor(rng):
    before, after = rng.normal(size=(2, 5))

    plain, corrected = (measure_gain(before, after, share) for share in (0.0, 0.25))

    assert corrected.noise / plain.noise == pytest.approx(math.sqrt((1 / 5 + 1 / 4) / (1 / 5)))
    assert corrected.mean == plain.mean == pytest.approx((after - before).mean())
    assert corrected.spread == pytest.approx(np.std(after - before, ddof=1))


def test_a_large_gain_in_every_fold_is_clear_however_uneven():
    before, after = np.zeros(3), np.array([0.1, 0.2, 1.2])

    assert not measure_gain(before, after, 0.5).is_clear
    assert measure_gain(before, after, 0.5, large=0.4).is_clear
    assert not measure_gain(before, after - 0.1, 0.5, large=0.3).is_clear


def test_no_change_and_no_number_are_no_gain():
    assert not measure_gain(np.ones(3), np.ones(3), 0.5).is_clear
    assert not measure_gain(np.ones(3), np.array([2.0, 2.0, np.nan]), 0.5).is_clear


def test_what_is_expected_elsewhere_is_the_posterior_mean_of_a_normal_prior(rng):
    gain = measure_gain(np.zeros(5), 0.2 + 0.1 * rng.normal(size=5), 0.25)
    grid = np.linspace(-2, 2, 20001)
    weights = stats.norm.pdf(grid, 0, 0.1) * stats.norm.pdf(gain.mean, grid, gain.standard_error)

    assert gain.expect(0.1) == pytest.approx((grid * weights).sum() / weights.sum(), rel=1e-6)
