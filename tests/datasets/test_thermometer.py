import numpy as np

from sknets.datasets import load_thermometer


def test_there_are_eleven_pairs_of_readings():
    X, y = load_thermometer(return_X_y=True)

    assert X.shape == (11, 1)
    assert y.shape == (11,)


def test_the_bunch_holds_the_same_readings():
    X, y = load_thermometer(return_X_y=True)

    bunch = load_thermometer()

    np.testing.assert_array_equal(bunch.data, X)
    np.testing.assert_array_equal(bunch.target, y)
    assert len(bunch.feature_names) == 1
    assert "thermometer" in bunch.DESCR


def test_the_unknown_unit_is_nearly_fahrenheit():
    X, y = load_thermometer(return_X_y=True)

    slope, intercept = np.polyfit(X[:, 0], y, 1)

    assert abs(slope - 5 / 9) < 0.03
    assert abs(intercept + 32 * 5 / 9) < 1


def test_each_call_gives_arrays_of_its_own():
    X, _ = load_thermometer(return_X_y=True)

    X[:] = 0

    assert load_thermometer().data.min() > 0
