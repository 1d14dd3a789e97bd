"""Convolutional networks on Fashion-MNIST."""

from typing import Any

import sknets
from benchmarks.images import are_available, load_images
from benchmarks.seeds import accuracy_table, fit_seed, make_cases

TITLE = "Convolutional networks on Fashion-MNIST"
#: Nothing here is a comparison of times.
MAY_RUN_SIDE_BY_SIDE = True
MODELS = {
    "simple": (lambda **p: sknets.CNNClassifier(device="cpu", **p), {10: 92.0}),
    "residual, light": (
        lambda **p: sknets.CNNClassifier("residual", augmentation="light", precision="bfloat16", device="cpu", **p),
        {15: 93.5},
    ),
}


def cases(is_quick: bool) -> list[dict[str, Any]]:
    return make_cases(MODELS, is_quick) if are_available() else []


def measure(case: dict[str, Any]) -> dict[str, Any]:
    train, test = (load_images("fashion_mnist", subset, case["n_rows"]) for subset in ("train", "test"))
    return fit_seed(MODELS[case["model"]][0], train, test, case)


def section(results: list[dict[str, Any]]) -> str:
    return (
        "60 000 training and 10 000 test images, bytes; `CNNClassifier` with its defaults, and with "
        '`architecture="residual", augmentation="light", precision="bfloat16"`.\n\n' + accuracy_table(results)
    )
