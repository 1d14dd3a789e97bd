"""Data sets, networks and grids, drawn from a ``random.Random``."""

from dataclasses import dataclass

import numpy as np

from sknets import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
from sknets.nn import ACTIVATIONS
from sknets.training import REGRESSION_LOSSES, SCHEDULES

N_EPOCHS = 20

CLASSES = ("binary", "multiclass")
NUMBERS = ("number", "numbers", "counts")
KINDS = (*CLASSES, "multilabel", *NUMBERS)

# Rates at which each solver learns within 20 epochs without becoming unstable, which would make rounding errors grow.
RATES = {
    "sgd": [0.002, 0.01],
    "adam": [0.003, 0.01, 0.03],
    "adamw": [0.003, 0.01, 0.03],
    "nadam": [0.003, 0.01],
    "adamax": [0.003, 0.01, 0.03],
    "adadelta": [0.1, 1.0],
    "rmsprop": [0.002, 0.01],
}


@dataclass(frozen=True)
class Problem:
    """A data set to be made from a few numbers.

    Attributes
    ----------
    kind : str
        Of the targets: one of ``KINDS``.
    n_rows, n_features, seed : int
    dtype : str
        Of X.
    """

    kind: str
    n_rows: int
    n_features: int
    seed: int
    dtype: str = "float64"

    def make(self):
        """Return X and y; classes come in turns, so that any few rows have them all."""
        rng = np.random.default_rng(self.seed)
        groups = np.arange(self.n_rows) % 3
        X = rng.normal(size=(self.n_rows, self.n_features)) + rng.normal(size=(3, self.n_features))[groups]
        signals = np.tanh(X @ rng.normal(size=(self.n_features, 2)) / np.sqrt(self.n_features))
        targets = {
            "binary": groups % 2,
            "multiclass": np.array(["a", "b", "c"])[groups],
            "multilabel": np.c_[groups == 0, groups == 1, signals[:, 0] > 0].astype(int),
            "number": signals[:, 0],
            "numbers": signals,
            "counts": rng.poisson(np.exp(signals[:, 0])).astype(float),
        }
        return X.astype(self.dtype), targets[self.kind]


def draw_problem(random, kinds=KINDS, **fixed):
    """Draw a small data set, whose rows no number of folds divides for sure."""
    sizes = {"n_rows": random.randint(45, 80), "n_features": random.randint(2, 6)}
    return Problem(random.choice(kinds), **{**sizes, "seed": random.randrange(1000), **fixed})


def draw_network(random, kind, **fixed):
    """Draw an estimator that can be trained in a stack, for a kind of targets."""
    network = random.choice(_networks_for(kind))()
    solver = random.choice(list(RATES))
    parameters = {
        **_draw_training(random, RATES[solver]),
        "solver": solver,
        "max_iter": N_EPOCHS,
        "random_state": random.randrange(1000),
        **_DRAW_OWN[type(network)](random, kind),
        **fixed,
    }
    return network.set_params(**{name: parameters[name] for name in parameters.keys() & network.get_params().keys()})


def without_kinks(network):
    """Set the network's penalty and loss to ones without a kink, of whose sides rounding in single precision chooses.

    What follows from such a choice is as large as a step.
    """
    parameters = network.get_params()
    smooth = {"l1": 0.0, "l1_ratio": 0.0, "penalty": "l2", "loss": "huber"}
    if isinstance(network, LogisticRegression):
        del smooth["penalty"]
    if parameters.get("loss") not in ("absolute_error", "quantile"):
        del smooth["loss"]
    return network.set_params(**{name: value for name, value in smooth.items() if name in parameters})


def draw_grid(random, network, kind, shares_stack=True):
    """Draw two values for one or two parameters that may, or may not, differ within a stack."""
    choices = _may_differ(network, kind) if shares_stack else _MAY_NOT_DIFFER
    parameters = network.get_params()
    names = sorted(choices.keys() & parameters.keys())
    if isinstance(parameters.get("dropout"), list):
        # One rate per layer goes with one number of layers.
        names = [name for name in names if name != "hidden_layer_sizes"]
    return {name: random.sample(choices[name], 2) for name in random.sample(names, random.choice([1, 2]))}


def _networks_for(kind):
    if kind == "multilabel":
        return [MLPClassifier]
    if kind == "counts":
        return [MLPRegressor]
    linear = LogisticRegression if kind in CLASSES else LinearRegression
    network = MLPClassifier if kind in CLASSES else MLPRegressor
    return [network, network, network, linear]


def _draw_training(random, rates):
    return {
        "learning_rate_init": random.choice(rates),
        "learning_rate": random.choice(list(SCHEDULES)),
        "batch_size": random.choice(["auto", 8, 13, 20]),
        "shuffle": random.random() < 0.8,
        "tol": random.choice([0.0, 1e-3, 1e-2, 0.05]),
        "n_iter_no_change": random.choice([2, 4, np.inf]),
        "early_stopping": random.random() < 0.3,
        "validation_fraction": 0.2,
        "momentum": random.choice([0.0, 0.5, 0.9]),
        "nesterovs_momentum": random.random() < 0.5,
        "beta_1": random.choice([0.5, 0.9]),
        "epsilon": random.choice([1e-8, 1e-6]),
    }


def _draw_layers(random):
    sizes = random.choice([(), (5,), (8,), (6, 6), (8, 4), (5, 5, 3)])
    return {
        "hidden_layer_sizes": sizes,
        "activation": random.choice([name for name in ACTIVATIONS if name != "hard_threshold"]),
        "normalization": random.choice([None, None, "batch", "layer", "group"]),
        "dropout": random.choice([0.0, 0.0, 0.3, [0.2 * (k % 2) for k in range(len(sizes))]]),
        "residual": random.random() < 0.3,
        "alpha": random.choice([0.0, 1e-4, 0.1]),
        "l1": random.choice([0.0, 0.0, 1e-2]),
    }


def _draw_classifier(random, kind):
    return {
        **_draw_layers(random),
        "label_smoothing": random.choice([0.0, 0.1]),
        "class_weight": random.choice([None, "balanced"]) if kind in CLASSES else None,
    }


def _draw_regressor(random, kind):
    losses = [name for name in REGRESSION_LOSSES if name != "poisson"]
    return {
        **_draw_layers(random),
        "loss": "poisson" if kind == "counts" else random.choice(losses),
        "quantile": random.choice([0.3, 0.5]),
    }


def _draw_logistic(random, kind):
    return {
        "C": random.choice([0.1, 1.0, np.inf]),
        "l1_ratio": random.choice([0.0, 0.5, 1.0]),
        "fit_intercept": random.random() < 0.8,
        "class_weight": random.choice([None, "balanced"]),
    }


def _draw_linear(random, kind):
    return {
        "penalty": random.choice([None, "l1", "l2", "elasticnet"]),
        "alpha": random.choice([1e-3, 0.1]),
        "fit_intercept": random.random() < 0.8,
    }


_DRAW_OWN = {
    MLPClassifier: _draw_classifier,
    MLPRegressor: _draw_regressor,
    LogisticRegression: _draw_logistic,
    LinearRegression: _draw_linear,
}


def _may_differ(network, kind):
    return {
        "alpha": [0.0, 1e-3, 0.1],
        "l1": [0.0, 1e-3, 1e-2],
        "C": [0.1, 1.0, 10.0],
        "l1_ratio": [0.0, 0.5, 1.0],
        "class_weight": [None, "balanced" if kind in CLASSES else None],
        "label_smoothing": [0.0, 0.1, 0.2],
        "quantile": [0.3, 0.5, 0.8],
        "learning_rate_init": RATES[network.solver],
        "learning_rate": list(SCHEDULES),
        "power_t": [0.3, 0.5],
        "momentum": [0.0, 0.5, 0.9],
        "beta_1": [0.5, 0.8, 0.9],
        "beta_2": [0.9, 0.999],
        "epsilon": [1e-8, 1e-6],
        "tol": [0.0, 1e-3, 1e-2, 0.05],
        "n_iter_no_change": [1, 3, np.inf],
        "max_iter": [5, 12, N_EPOCHS],
        "random_state": [0, 1, 2],
        "dropout": [0.1, 0.3],
    }


_MAY_NOT_DIFFER = {
    "hidden_layer_sizes": [(5,), (6,), (6, 6)],
    "activation": ["tanh", "relu", "mish"],
    "normalization": [None, "batch", "layer"],
    "solver": ["adam", "adamw", "adamax"],
    "early_stopping": [False, True],
    "batch_size": [8, 20],
    "shuffle": [False, True],
    "fit_intercept": [False, True],
}
