"""Neural networks that are scikit-learn estimators.

Importing sknets loads neither torch nor scikit-learn: each name opens its own door when it is first used.
"""

from typing import TYPE_CHECKING

from sknets._lazy import lazy_doors

__version__ = "0.1.0"

__getattr__, __dir__ = lazy_doors(
    __name__,
    {
        "LinearRegression": "sknets.linear_model",
        "LogisticRegression": "sknets.linear_model",
        "Perceptron": "sknets.linear_model",
        "MLPClassifier": "sknets.neural_network",
        "MLPRegressor": "sknets.neural_network",
        "CNNClassifier": "sknets.vision",
        "CNNRegressor": "sknets.vision",
        "TransferClassifier": "sknets.vision",
        "batched_fits": "sknets.batching",
        "summary": "sknets.inspection",
    },
    submodules=(
        "datasets",
        "displays",
        "exceptions",
        "inspection",
        "linear_model",
        "model_selection",
        "neural_network",
        "preprocessing",
        "vision",
    ),
)

__all__ = [
    "CNNClassifier",
    "CNNRegressor",
    "LinearRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "Perceptron",
    "TransferClassifier",
    "__version__",
    "batched_fits",
    "datasets",
    "displays",
    "exceptions",
    "inspection",
    "linear_model",
    "model_selection",
    "neural_network",
    "preprocessing",
    "summary",
    "vision",
]

if TYPE_CHECKING:
    from sknets import (
        datasets,
        displays,
        exceptions,
        inspection,
        linear_model,
        model_selection,
        neural_network,
        preprocessing,
        vision,
    )
    from sknets.batching import batched_fits
    from sknets.inspection import summary
    from sknets.linear_model import LinearRegression, LogisticRegression, Perceptron
    from sknets.neural_network import MLPClassifier, MLPRegressor
    from sknets.vision import CNNClassifier, CNNRegressor, TransferClassifier
