"""Differences of scores, fold by fold, and whether they are larger than their noise."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

# Of one-sided 95 %: a change that does nothing passes for a gain once in twenty, before the choice among several.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Gain:
    """What a change brought on the same folds.

    Attributes
    ----------
    mean : float
        Mean difference of the scores; NaN where a fold has none.
    spread : float
        Standard deviation of the folds' differences.
    standard_error : float
        Of the mean.
    noise : float
        What the mean must exceed to be believed.
    is_clear : bool
        Whether it is a gain, and larger than its noise; or large, and there in every fold.
    """

    mean: float
    spread: float
    standard_error: float
    noise: float
    is_clear: bool

    def expect(self, scale: float) -> float:
        """Return the gain that is to be expected elsewhere, where gains are usually of a size ``scale``.

        The mean of the posterior for a normal prior around zero: the more doubtful a gain, the nearer to zero.
        """
        return self.mean * scale**2 / (scale**2 + self.standard_error**2)


def measure_gain(before: np.ndarray, after: np.ndarray, test_per_train: float, large: float = math.inf) -> Gain:
    """Compare two variants on the same folds.

    Parameters
    ----------
    before, after : ndarray of shape (n_folds,)
    test_per_train : float
        Held-out rows divided by training rows. The folds' training rows overlap, which makes a plain standard error
        too small; the variance is corrected by this ratio (Nadeau and Bengio, Inference for the Generalization Error,
        Machine Learning 52, 2003). 0 gives the plain one.
    large : float, default=inf
        A mean of at least this needs no more than that every fold gains: with few folds, of which some gain much and
        some very much, the spread is no argument against a gain.
    """
    differences = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    n_folds = len(differences)
    if not np.isfinite(differences).all():
        return Gain(math.nan, math.nan, math.nan, math.nan, False)
    spread = float(differences.std(ddof=1))
    standard_error = spread * math.sqrt(1 / n_folds + test_per_train)
    noise = float(stats.t.ppf(CONFIDENCE, n_folds - 1)) * standard_error
    mean = float(differences.mean())
    is_clear = mean > max(noise, 0.0) or (mean >= large and bool((differences > 0).all()))
    return Gain(mean, spread, standard_error, noise, is_clear)
