import warnings

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning

from sknets import LinearRegression, MLPRegressor, Perceptron, batched_fits
from sknets.exceptions import DivergenceWarning


@pytest.fixture
def line(rng):
    # Of a standardised column the mean squared error has curvature 2, so that a rate of 1 is the limit.
    x = rng.normal(size=20)
    x = (x - x.mean()) / x.std()
    return x.reshape(-1, 1), 3 * x


def descent(rate, **parameters):
    return LinearRegression(
        solver="sgd", momentum=0, learning_rate_init=rate, fit_intercept=False, random_state=0, **parameters
    )


def test_a_loss_that_rises_until_patience_runs_out_is_told(line):
    match = r"Training diverged: the loss rose from 9 in the first epoch to \d.*lower learning_rate_init=1\.1"

    with pytest.warns(DivergenceWarning, match=match) as caught:
        reg = descent(1.1).fit(*line)

    assert len(caught) == 1
    # The distance to the optimum grows by 1.2 a step, its square by 1.44.
    np.testing.assert_allclose(reg.loss_curve_, 9 * 1.44 ** np.arange(reg.n_iter_))


def test_a_rise_is_told_of_networks_that_are_trained_together(line):
    regressors = [descent(1.1), descent(1.2)]

    with batched_fits() as report, pytest.warns(DivergenceWarning, match="the loss rose") as caught:
        Parallel()(delayed(reg.fit)(*line) for reg in regressors)

    assert len(caught) == 2
    assert "1 stack of 2" in str(report)


@pytest.mark.parametrize("rate", [0.1, 0.95])
def test_a_rate_below_the_limit_is_quiet(line, rate):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        descent(rate).fit(*line)


def test_a_loss_that_rises_again_after_it_had_fallen_is_measured_from_its_fit(line):
    X, y = line
    reg = descent(0.3, warm_start=True).fit(X, y)

    with pytest.warns(DivergenceWarning, match="the loss rose from"):
        reg.set_params(learning_rate_init=1.5).fit(X, y + 1e-3 * np.sign(X[:, 0]))


def test_with_early_stopping_the_best_weights_are_kept_and_nothing_is_told(line):
    X, y = line
    reg = descent(1.1, early_stopping=True)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reg.fit(X, y, X_val=X, y_val=y)

    assert reg.n_iter_ > 2
    assert reg.loss_curve_[-1] > 2 * reg.loss_curve_[0]


def test_too_few_epochs_are_told_as_by_scikit_learn(line):
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\)") as caught:
        MLPRegressor(max_iter=3, random_state=0).fit(*line)

    assert [warning.category for warning in caught] == [ConvergenceWarning]


def test_a_perceptron_that_cannot_separate_its_rows_does_not_count_as_diverged():
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Perceptron().fit(X, [0, 1, 1, 0])
