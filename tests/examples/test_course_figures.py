"""The course's demonstrations print the figures that stand on the board."""

import re
import runpy
from contextlib import chdir, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib import pyplot as plt

from sknets.datasets import load_thermometer

EXAMPLES = Path(__file__).parents[2] / "examples"

NUMBER = r"(-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?)"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a function that runs an example in this process, once, and gives what it prints and its variables."""

    @cache
    def run_example(name):
        folder, text = tmp_path_factory.mktemp("picture"), StringIO()
        plt.switch_backend("Agg")
        try:
            with chdir(folder), redirect_stdout(text):
                variables = runpy.run_path(str(EXAMPLES / f"{name}.py"))
        finally:
            plt.close("all")
        assert matplotlib.image.imread(folder / f"{name}.png")[..., :3].std() > 0.05
        return text.getvalue(), variables

    return run_example


def read_row(text, label):
    """Return the numbers of a table's row as they are printed."""
    (line,) = (line for line in text.splitlines() if line.startswith(label))
    return [float(number) for number in line.removeprefix(label).split()]


def read_numbers(text, pattern):
    """Return the numbers that stand at the #s of the pattern."""
    found = re.search(pattern.replace("#", NUMBER), text)
    assert found, f"{pattern} is not in:\n{text}"
    return [float(number.replace(",", "")) for number in found.groups()]


@pytest.mark.slow
def test_the_thermometers_errors_are_the_lectures(run):
    text, _ = run("plot_thermometer_network")

    assert read_row(text, "line, 3 000 epochs") == pytest.approx([2.86, 3.89], abs=0.0101)
    assert read_row(text, "network, seed 3") == pytest.approx([2.11, 2.02], abs=0.1)
    smallest, largest = read_row(text, "    smallest of them"), read_row(text, "    largest of them")
    assert smallest[0] < 2.11 < largest[0]
    assert smallest[1] < 2.02 < largest[1]
    readings, celsius = load_thermometer(return_X_y=True)
    is_seen = ~np.isin(celsius, [-4, 21])
    line = np.polynomial.Polynomial.fit(readings[is_seen, 0], celsius[is_seen], 1)
    squares = (line(readings[:, 0]) - celsius) ** 2
    expected = [squares[is_seen].mean(), squares[~is_seen].mean()]
    assert read_row(text, "line, exact") == pytest.approx(expected, abs=0.006)


def test_one_step_of_back_propagation_is_the_lectures(run):
    text, _ = run("plot_backpropagation")

    assert read_numbers(text, "gradients are # and #, so") == [0.065, 0.13]
    assert read_numbers(text, r"By hand, new weights: +\[# +# ?\]") == [0.9935, 1.987]
    assert read_numbers(text, r"By the library, new weights: +\[# +# ?\]") == [0.9935, 1.987]
    # p - t times the inputs.
    p = 1 / (1 + np.exp(-2.5))
    assert read_numbers(text, r"With the log loss the gradients are \[# +#\]") == pytest.approx([p / 2, p], abs=5e-4)


def test_polynomials_underfit_and_overfit(run):
    text, _ = run("plot_polynomials")

    on_its_points, on_new_points, _ = zip(
        *(read_row(text, name) for name in ("degree 0 ", "degree 1 ", "degree 3 ", "degree 9 ")), strict=True
    )
    assert list(on_its_points) == sorted(on_its_points, reverse=True)
    assert on_its_points[-1] == 0  # ten coefficients for ten points
    # A sine with amplitude 1 is 0.7 from its mean, and the noise 0.3 from the sine.
    assert on_new_points[0] == pytest.approx(np.sqrt(0.5 + 0.3**2), abs=0.03)
    assert on_new_points[2] == min(on_new_points)
    assert on_new_points[3] > 1.5 * on_new_points[2]
    penalised = read_row(text, "degree 9, L2 penalty 0.0001")
    assert penalised[1] < 0.7 * on_new_points[3]
    assert penalised[2] < 100


def test_polynomials_are_those_of_least_squares(run):
    _, variables = run("plot_polynomials")

    (X, y), _ = variables["sets"][0]
    grid = np.linspace(0, 1, 50)
    for degree in (0, 1, 3, 9):
        expected = np.polynomial.Polynomial.fit(X[:, 0], y, degree)(grid)
        found = variables["fits"][0][f"degree {degree}"].predict(grid.reshape(-1, 1))
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_losses_along_gradient_descent_are_those_of_the_formula(run):
    text, _ = run("plot_learning_rate")

    # Each step takes the distance to the least loss times 1 - rate * curvature, and the curvature is 2.
    readings, celsius = load_thermometer(return_X_y=True)
    correlation = np.corrcoef(readings[:, 0], celsius)[0, 1]
    least, excess = np.var(celsius) * (1 - correlation**2), np.var(celsius) * correlation**2
    for rate in ("0.02", "0.3", "1.05"):
        first, last = read_numbers(text, rf"Rate +{rate} .*: loss # at first, +# at the last step")
        assert first == pytest.approx(least + excess, abs=0.05)
        assert last == pytest.approx(least + excess * (1 - 2 * float(rate)) ** 22, abs=0.06)


def test_a_rate_that_is_too_large_is_told_by_a_warning(run):
    text, _ = run("plot_learning_rate")

    variance = np.var(load_thermometer(return_X_y=True)[1])  # the loss of a line without slope
    assert f"Training diverged: the loss rose from {variance:.4g} in the first epoch to" in text
    assert re.search(r"Training diverged: the loss was (inf|nan) in epoch \d+", text)
    assert text.count("lower learning_rate_init=1.05") == 2


def test_the_boundary_moves_as_rosenblatts_rule_says(run):
    _, variables = run("plot_perceptron_rule")

    rows = np.column_stack([variables["X"], np.ones(len(variables["X"]))])
    signs = 2 * variables["y"] - 1
    weights, expected = np.zeros(3), []
    for index in [*range(len(rows))] * 10:
        if signs[index] * (rows[index] @ weights) <= 0:
            weights = weights + signs[index] * rows[index]
            expected.append((index, weights))
    corrections = variables["corrections"]
    assert [index for index, _ in corrections] == [index for index, _ in expected]
    for (_, perceptron), (_, after) in zip(corrections, expected, strict=True):
        np.testing.assert_allclose([*perceptron.coef_[0], *perceptron.intercept_], after, rtol=1e-12)
    assert ((rows @ weights > 0) == (signs > 0)).all()


def test_gates_but_xor_are_learnt_by_one_perceptron(run):
    text, variables = run("plot_logic_gates")

    for gate in ("a AND b", "a OR b", "NOT a"):
        assert re.search(rf"{gate} +4 of 4 right", text)
    assert "with never more than 3 of 4 right" in text
    for row, expected in (((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 0)):
        assert variables["by_hand"].predict([row]).tolist() == [expected]
        assert variables["learnt"].predict([row]).tolist() == [expected]


def test_slopes_of_activations_are_those_of_calculus(run):
    text, variables = run("plot_activations")

    z = variables["z"][:, 0]
    logistic = 1 / (1 + np.exp(-z))
    expected = {
        "logistic": logistic * (1 - logistic),
        "tanh": 1 - np.tanh(z) ** 2,
        "softplus": logistic,
        "silu": logistic * (1 + z * (1 - logistic)),
        "identity": np.ones_like(z),
        "hard_threshold": np.zeros_like(z),
    }
    for name, slopes in expected.items():
        np.testing.assert_allclose(variables["slopes"][name], slopes, atol=1e-12)
    assert read_row(text, "logistic")[-1] == 0.25
    assert len(variables["slopes"]) == 13
