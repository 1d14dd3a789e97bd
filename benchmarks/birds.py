"""Airplanes and birds, two classes of CIFAR-10: a perceptron and a convolutional network."""

from typing import Any

import sknets
from benchmarks.images import are_available, birds_are_available, load_birds
from benchmarks.seeds import accuracy_table, fit_seed, make_cases

TITLE = "Airplanes and birds"
#: Nothing here is a comparison of times.
MAY_RUN_SIDE_BY_SIDE = True


def make_perceptron(**parameters: Any) -> sknets.CNNClassifier:
    """3072-512-2, as in the book but for dropout: 1 574 402 parameters."""
    return sknets.CNNClassifier(
        channels=(), hidden_layer_sizes=(512,), dropout=0.5, normalization=None, device="cpu", **parameters
    )


MODELS = {
    "MLP 3072-512-2": (make_perceptron, {15: 81.0}),
    "simple, light": (
        lambda **p: sknets.CNNClassifier(channels=(32, 64, 128), augmentation="light", device="cpu", **p),
        {15: 91.0},
    ),
}


def cases(is_quick: bool) -> list[dict[str, Any]]:
    return make_cases(MODELS, is_quick) if are_available() and birds_are_available() else []


def measure(case: dict[str, Any]) -> dict[str, Any]:
    train, test = (load_birds(subset, case["n_rows"]) for subset in ("train", "test"))
    return fit_seed(MODELS[case["model"]][0], train, test, case)


def section(results: list[dict[str, Any]]) -> str:
    return (
        "10 000 training and 2 000 validation images of 32 x 32 pixels in colour, bytes. The book's (Stevens, Antiga, "
        "Viehmann 2020, chapters 7 and 8) figures are 82 for the perceptron and 90 for its best convolutional "
        "network.\n\n" + accuracy_table(results)
    )
