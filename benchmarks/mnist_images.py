"""LeNet-5 and the workshop's network on MNIST."""

from typing import Any

import sknets
from benchmarks.images import are_available, load_images
from benchmarks.seeds import accuracy_table, fit_seed, make_cases

TITLE = "Convolutional networks on MNIST"
#: Nothing here is a comparison of times.
MAY_RUN_SIDE_BY_SIDE = True
WORKSHOP = {
    "solver": "sgd",
    "learning_rate": "constant",
    "learning_rate_init": 0.01,
    "momentum": 0.5,
    "nesterovs_momentum": False,
    "batch_size": 1000,
}
MODELS = {
    "lenet5": (lambda **p: sknets.CNNClassifier("lenet5", batch_size=128, device="cpu", **p), {5: 98.4}),
    "workshop": (lambda **p: sknets.CNNClassifier("workshop", **WORKSHOP, device="cpu", **p), {10: 93.0, 20: 95.0}),
}


def cases(is_quick: bool) -> list[dict[str, Any]]:
    return make_cases(MODELS, is_quick) if are_available() else []


def measure(case: dict[str, Any]) -> dict[str, Any]:
    train, test = (load_images("mnist", subset, case["n_rows"]) for subset in ("train", "test"))
    return fit_seed(MODELS[case["model"]][0], train, test, case)


def section(results: list[dict[str, Any]]) -> str:
    return (
        "60 000 training and 10 000 test images, bytes. `lenet5`: tanh, Adam, batches of 128, otherwise the defaults. "
        "`workshop`: SGD at rate 0.01 with momentum 0.5, batches of 1000, dropout 0.5 in every batch.\n\n"
        + accuracy_table(results)
    )
