"""Every example runs by itself, says what it shows and leaves its picture."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

#: What each example's output ends with, among other things: its table or its closing sentence.
EXPECTED_WORDS = {
    "demo.py": ["linear", "logistic", "network", "training score", "test score", "gap", "seconds", "±", "dropout"],
    "plot_early_stopping.py": ["early stopping", "training score", "test score", "raise the test score from"],
    "plot_gradient_descent_thermometer.py": ["Exact answer", "is within 1 % of the least one, 2.93."],
}
SLOW = {"demo.py"}


def run(name, folder):
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    environment.pop("SKNETS_DATA", None)  # the demo takes scikit-learn's digits then
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(EXPECTED_WORDS)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in EXPECTED_WORDS]
)
def test_an_example_says_what_it_shows_and_draws_it(name, tmp_path):
    result = run(name, tmp_path)

    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
    assert [word for word in EXPECTED_WORDS[name] if word not in result.stdout] == []
    (picture,) = tmp_path.iterdir()
    assert str(picture) in result.stdout
    pixels = matplotlib.image.imread(picture)
    assert pixels.shape[0] > 300
    assert pixels[..., :3].std() > 0.05
