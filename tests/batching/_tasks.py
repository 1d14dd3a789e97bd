"""Small networks, and functions for tasks that tests are made of."""

from joblib import Parallel, delayed

from sknets import MLPClassifier


def small(**parameters):
    """Return a network that takes milliseconds."""
    return MLPClassifier(**{"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, **parameters})


def fit(data, **parameters):
    """Fit one, and return its loss."""
    return small(**parameters).fit(*data).loss_


def run(functions, **options):
    """Run functions without arguments as the tasks of one call."""
    return Parallel(**options)(delayed(function)() for function in functions)
