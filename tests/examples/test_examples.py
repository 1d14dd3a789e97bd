"""Every example runs by itself, says what it shows and leaves its picture."""

import os
import re
from pathlib import Path

import nbclient
import nbformat
import pytest
import torch

from sknets._torchvision import import_torchvision
from tests.examples._running import EXAMPLES, check, run

#: What each example's output ends with, among other things: its table or its closing sentence.
EXPECTED_WORDS = {
    "demo.py": ["linear", "logistic", "network", "training score", "test score", "gap", "seconds", "±", "dropout"],
    "plot_early_stopping.py": ["early stopping", "training score", "test score", "raise the test score from"],
    "plot_looking_inside.py": ["linear model", "network", "mistakes; the surest is", "less sure where it is wrong"],
    "plot_vanishing_gradients.py": ["logistic", "ReLU, residual", "test score", "a way past every layer"],
    "plot_diagnosis.py": [
        "Verdict: overfitting",
        "Of what it has learnt",
        "set_params(",
        "takes the score on other folds",
    ],
    "plot_where_trials_end.py": ["mlpclassifier__alpha", "networks trained", "were ended early", "never seen"],
    "plot_search_at_once.py": ["80 in 1 stack of 80", "one by one", "of the time", "the same candidate is the best"],
    "plot_gradient_descent_thermometer.py": ["Exact answer", "is within 1 % of the least one, 2.93."],
    "plot_activations.py": ["hard_threshold", "largest slope", "is nowhere above 0.25"],
    "plot_backpropagation.py": ["By hand", "By the library", "alike."],
    "plot_learning_rate.py": ["Training diverged", "steps over the valley"],
    "plot_logic_gates.py": ["a XOR b", "One straight boundary is enough for AND, OR and NOT"],
    "plot_perceptron_rule.py": ["is wrong: weights", "6 moved the boundary"],
    "plot_polynomials.py": ["degree 9, L2 penalty", "error on new points", "the penalty takes"],
    "plot_thermometer_network.py": ["in the lecture", "tolerance", "are closer to the nine readings"],
}
SLOW = {
    "demo.py",
    "plot_diagnosis.py",
    "plot_looking_inside.py",
    "plot_vanishing_gradients.py",
    "plot_where_trials_end.py",
    # test_course_figures.py runs these without the seconds that a new process takes.
    "plot_activations.py",
    "plot_backpropagation.py",
    "plot_learning_rate.py",
    "plot_logic_gates.py",
    "plot_perceptron_rule.py",
    "plot_polynomials.py",
    "plot_thermometer_network.py",
}

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

#: Run by test_lessons.py, which asks whether what they show is true.
LESSONS = {
    "plot_penalties.py",
    "plot_dropout.py",
    "plot_normalization.py",
    "plot_bagging.py",
    "plot_residual_links.py",
    "plot_optimizers.py",
    "plot_two_tasks.py",
}


def save_random_resnet18(path):
    models = import_torchvision().models
    torch.save(models.resnet18(weights=None).state_dict(), path)


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*EXPECTED_WORDS, *WORDS_WITH_DATA, *LESSONS}


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
