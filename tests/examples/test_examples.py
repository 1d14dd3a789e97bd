"""Every example runs by itself, says what it shows and leaves its picture."""

import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import nbclient
import nbformat
import pytest
import torch

from sknets._torchvision import import_torchvision

EXAMPLES = Path(__file__).parents[2] / "examples"

#: What each example's output ends with, among other things: its table or its closing sentence.
EXPECTED_WORDS = {
    "demo.py": ["linear", "logistic", "network", "training score", "test score", "gap", "seconds", "±", "dropout"],
    "plot_early_stopping.py": ["early stopping", "training score", "test score", "raise the test score from"],
    "plot_diagnosis.py": [
        "Verdict: overfitting",
        "Of what it has learnt",
        "set_params(",
        "takes the score on other folds",
    ],
    "plot_where_trials_end.py": ["mlpclassifier__alpha", "networks trained", "were ended early", "never seen"],
    "plot_search_at_once.py": ["80 in 1 stack of 80", "one by one", "of the time", "the same candidate is the best"],
    "plot_gradient_descent_thermometer.py": ["Exact answer", "is within 1 % of the least one, 2.93."],
}
SLOW = {"demo.py", "plot_diagnosis.py", "plot_where_trials_end.py"}

#: Examples on real pictures, and what they need in the folder that SKNETS_DATA names.
WORDS_WITH_DATA = {
    "plot_three_networks_on_clothes.py": ["linear", "perceptron", "convolutional", "takes the test score from"],
    "plot_lenet5_on_digits.py": ["LeNet-5, Adam", "dropout on", "dropout forgotten", "LeNet-5 reads"],
    "plot_shifted_birds.py": ["1,574,402", "score by shift", "Two pixels cost"],
    "plot_flowers_by_transfer.py": ["from nothing", "ResNet-18, frozen", "recognises"],
}
NEEDED = {
    "plot_three_networks_on_clothes.py": "fashion_mnist",
    "plot_lenet5_on_digits.py": "mnist",
    "plot_shifted_birds.py": "cifar10",
    "plot_flowers_by_transfer.py": "photos/flowers5",
}


def run(name, folder, *arguments, has_data=False):
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    if not has_data:
        environment.pop("SKNETS_DATA", None)  # the demo takes scikit-learn's digits then
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=900,
        check=False,
    )


def save_random_resnet18(path):
    models = import_torchvision().models
    torch.save(models.resnet18(weights=None).state_dict(), path)


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*EXPECTED_WORDS, *WORDS_WITH_DATA}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in EXPECTED_WORDS]
)
def test_an_example_says_what_it_shows_and_draws_it(name, tmp_path):
    result = run(name, tmp_path)

    check(result, EXPECTED_WORDS[name], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORDS_WITH_DATA)
def test_an_example_on_real_pictures_says_what_it_shows_and_draws_it(name, tmp_path_factory):
    home = os.environ.get("SKNETS_DATA")
    if not home or not (Path(home) / NEEDED[name]).exists():
        pytest.skip(f"needs {NEEDED[name]} in the folder that SKNETS_DATA names")
    folder, arguments = tmp_path_factory.mktemp("picture"), []
    if name == "plot_flowers_by_transfer.py":
        # Random weights show that the example runs, not what it says.
        weights = tmp_path_factory.mktemp("weights") / "resnet18.pth"
        save_random_resnet18(weights)
        arguments = [str(Path(home) / NEEDED[name]), "--weights", str(weights), "--size", "64"]

    result = run(name, folder, *arguments, has_data=True)

    check(result, WORDS_WITH_DATA[name], folder)


@pytest.mark.slow
def test_the_notebook_runs_from_table_to_test_score(tmp_path):
    notebook = nbformat.read(EXAMPLES / "searching_tumours.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # as it was written, not as it once ran

    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    backend = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    client.execute(env={**os.environ, **backend, "OMP_NUM_THREADS": "1"})

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    text = "".join(output.get("text", "") for output in outputs)
    assert "networks trained" in text
    assert "426 rows" in text
    # Optuna imports tqdm, which misses a package for its bars in notebooks.
    assert "Warning" not in text.replace("TqdmWarning", "")
    assert float(re.search(r"test (0\.\d+)", text).group(1)) > 0.92
    assert any("image/png" in output.get("data", {}) for output in outputs)


def check(result, words, folder):
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
    assert [word for word in words if word not in result.stdout] == []
    (picture,) = folder.iterdir()
    assert str(picture) in result.stdout
    pixels = matplotlib.image.imread(picture)
    assert pixels.shape[0] > 300
    assert pixels[..., :3].std() > 0.05
