"""What is tried on a network: a change of parameters each, and what a gain by it would mean."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.preprocessing import StandardScaler

from sknets.linear_model import LinearRegression, LogisticRegression, Perceptron
from sknets.neural_network import MLPClassifier, MLPRegressor
from sknets.vision import CNNClassifier, CNNRegressor, TransferClassifier

#: More steps or larger ones: a better fit of the training rows says that training had not come to its end.
TIME = "time"
#: Smaller steps: a better fit of the training rows says that they were too large.
CALM = "calm"
#: More freedom: a better fit of the training rows says that there was too little.
CAPACITY = "capacity"
#: An earlier end: a better fit of the training rows says that training went downhill.
EARLIER = "earlier"
#: Less freedom: a better score on held-out rows alone says that there was too much.
RESTRAINT = "restraint"
#: Another network or training, whose gain says that there is something to gain, and not what was wrong.
OTHER = "other"
#: Several networks instead of one; any gain is that of a mean, and says nothing at all about the one.
ENSEMBLE = "ensemble"

# Far enough apart that a wrong rate shows in one of them: rates go wrong by powers of ten, upwards by more of them.
RATE_FACTORS = (1 / 300, 1 / 30, 1 / 5, 5.0, 30.0)

# A net that needs more than this has a rate that is too small, which the rates above show.
LONGER_FACTOR = 5
MIN_LONGER_EPOCHS = 50

# A quarter and four times the units: less changes little, more costs much.
WIDTH_FACTOR = 4
# Convolutions' cost grows with the square of their channels.
CHANNEL_FACTOR = 2
MAX_WIDTH = 1024
FIRST_HIDDEN_LAYER: tuple[int, ...] = (100,)

# The default alpha, 1e-4, hardly restrains anything: the penalty is divided by the rows of a batch.
STRONGER_ALPHAS = ((10.0, 0.1), (100.0, 3.0))  # (factor, at least)
WEAKER_FACTOR = 0.01
LINEAR_FACTOR = 30.0

DROPOUT = 0.3

# A mean over four has lost three quarters of the variance that seeds bring; more cost more and bring less.
N_MEMBERS = 4


@dataclass(frozen=True)
class Probe:
    """A change of a network that is tried.

    Attributes
    ----------
    name : str
        Short, unique.
    family : str
        What a gain would mean: one of this file's seven.
    words : str
        The change as an instruction.
    parameters : dict
        The network's parameters that are set.
    replacement : estimator or None
        What takes the network's place instead.
    """

    name: str
    family: str
    words: str
    parameters: dict[str, Any] = field(default_factory=dict)
    replacement: Any = None


def make_probes(network: Any) -> list[Probe]:
    """Return what is worth trying on a network, by its kind and parameters."""
    for kind, make in _BY_KIND:
        if isinstance(network, kind):
            return [probe for probe in make(network) if _changes(probe, network)]
    return []


def _changes(probe: Probe, network: Any) -> bool:
    """Whether a probe is another network: one that is very wide is not made wider, a single unit not narrower."""
    own = {name: _as_size(getattr(network, name)) for name in probe.parameters}
    return probe.replacement is not None or own != {k: _as_size(value) for k, value in probe.parameters.items()}


def _as_size(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, Integral) else value


def _probe_perceptron(network: Any) -> list[Probe]:
    return [
        *_epochs(network),
        *_rates(network),
        *_sizes(network, _as_tuple(network.hidden_layer_sizes)),
        *_penalties(network),
        *_dropouts(network),
        *_training_styles(network),
        _mean_of_several(network),
    ]


def _probe_convolutions(network: Any) -> list[Probe]:
    return [
        *_epochs(network),
        *_rates(network),
        *(_channels(network) if network.architecture == "simple" else []),
        *_penalties(network),
        *(_dropouts(network) if network.architecture == "simple" else []),
        *_augmentations(network),
        *_training_styles(network, may_normalize=network.architecture == "simple"),
    ]


def _probe_transfer(network: Any) -> list[Probe]:
    hidden = {"hidden_layer_sizes": (128,)}
    layer = [] if network.hidden_layer_sizes else [Probe("larger", CAPACITY, "add a hidden layer of 128 units", hidden)]
    return [*_epochs(network), *_rates(network), *layer, *_penalties(network), *_augmentations(network)]


def _probe_logistic(network: Any) -> list[Probe]:
    weaker, stronger = network.C * LINEAR_FACTOR, network.C / LINEAR_FACTOR
    penalties = [
        Probe("weaker penalty", CAPACITY, f"weaken the penalty: C={weaker:.3g}", {"C": weaker}),
        Probe("stronger penalty", RESTRAINT, f"strengthen the penalty: C={stronger:.3g}", {"C": stronger}),
    ]
    has_penalty = network.penalty is not None and math.isfinite(network.C)
    return [*_epochs(network), *_rates(network), *(penalties if has_penalty else []), _hidden_layer(network)]


def _probe_linear(network: Any) -> list[Probe]:
    steps = [*_epochs(network), *_rates(network)] if network._is_stepwise() else []
    if network.penalty is None:
        restraint = Probe("stronger penalty", RESTRAINT, "add an L2 penalty, alpha=1", {"penalty": "l2", "alpha": 1.0})
        return [*steps, restraint, _hidden_layer(network)]
    weaker, stronger = network.alpha / LINEAR_FACTOR, network.alpha * LINEAR_FACTOR
    return [
        *steps,
        Probe("weaker penalty", CAPACITY, f"weaken the penalty: alpha={weaker:.3g}", {"alpha": weaker}),
        Probe("stronger penalty", RESTRAINT, f"strengthen the penalty: alpha={stronger:.3g}", {"alpha": stronger}),
        _hidden_layer(network),
    ]


def _probe_perceptron_rule(network: Any) -> list[Probe]:
    restraint = Probe("stronger penalty", RESTRAINT, "add an L2 penalty", {"penalty": "l2", "alpha": 1e-3})
    return [*_epochs(network), restraint, _hidden_layer(network)]


def _epochs(network: Any) -> list[Probe]:
    n_epochs = max(LONGER_FACTOR * network.max_iter, MIN_LONGER_EPOCHS)
    return [Probe("longer", TIME, f"train for up to {n_epochs} epochs", {"max_iter": n_epochs})]


def _rates(network: Any) -> list[Probe]:
    if not network._is_stepwise():
        return []
    rates = [(factor, float(f"{network.learning_rate_init * factor:.2g}")) for factor in RATE_FACTORS]
    return [
        Probe(
            f"rate {rate:g}",
            TIME if factor > 1 else CALM,
            f"{'raise' if factor > 1 else 'lower'} the learning rate to {rate:g}",
            {"learning_rate_init": rate},
        )
        for factor, rate in rates
    ]


def _sizes(network: Any, sizes: Sequence[int]) -> list[Probe]:
    if not sizes:
        parameters = {"hidden_layer_sizes": FIRST_HIDDEN_LAYER}
        return [Probe("larger", CAPACITY, "add a hidden layer of 100 units", parameters)]
    larger, smaller = _scale(sizes, WIDTH_FACTOR), _scale(sizes, 1 / WIDTH_FACTOR)
    deeper: dict[str, Any] = {"hidden_layer_sizes": (*sizes, sizes[-1]), **_one_more_dropout(network)}
    return [
        Probe("larger", CAPACITY, f"widen the hidden layers to {larger}", {"hidden_layer_sizes": larger}),
        Probe("deeper", CAPACITY, f"add a hidden layer of {sizes[-1]} units", deeper),
        Probe("smaller", RESTRAINT, f"narrow the hidden layers to {smaller}", {"hidden_layer_sizes": smaller}),
    ]


def _one_more_dropout(network: Any) -> dict[str, Any]:
    if isinstance(network.dropout, Real | str) or not len(network.dropout):
        return {}
    return {"dropout": [*network.dropout, network.dropout[-1]]}


def _scale(sizes: Sequence[int], factor: float) -> tuple[int, ...]:
    return tuple(min(max(round(size * factor), 1), max(size, MAX_WIDTH)) for size in sizes)


def _channels(network: Any) -> list[Probe]:
    channels, hidden = _as_tuple(network.channels), _as_tuple(network.hidden_layer_sizes)
    probes = []
    for name, family, verb, factor in (
        ("larger", CAPACITY, "widen", CHANNEL_FACTOR),
        ("smaller", RESTRAINT, "narrow", 1 / CHANNEL_FACTOR),
    ):
        sizes = {"channels": _scale(channels, factor), "hidden_layer_sizes": _scale(hidden, factor)}
        words = f"{verb} it to channels {sizes['channels']} and hidden layers {sizes['hidden_layer_sizes']}"
        probes.append(Probe(name, family, words, sizes))
    return probes


def _as_tuple(sizes: Any) -> tuple[int, ...]:
    return (int(sizes),) if isinstance(sizes, Integral) else tuple(int(size) for size in sizes)


def _penalties(network: Any) -> list[Probe]:
    probes = []
    if network.alpha > 0:
        weaker = float(f"{network.alpha * WEAKER_FACTOR:.2g}")
        words = f"weaken the L2 penalty: alpha={weaker:g}"
        probes.append(Probe("weaker penalty", CAPACITY, words, {"alpha": weaker}))
    for factor, least in STRONGER_ALPHAS:
        alpha = float(f"{max(network.alpha * factor, least):.2g}")
        words = f"strengthen the L2 penalty: alpha={alpha:g}"
        probes.append(Probe(f"penalty {alpha:g}", RESTRAINT, words, {"alpha": alpha}))
    return probes


def _dropouts(network: Any) -> list[Probe]:
    if not _as_tuple(network.hidden_layer_sizes):
        return []
    if isinstance(network.dropout, Real) and network.dropout == 0:
        return [Probe("dropout", RESTRAINT, f"drop {DROPOUT:.0%} of the hidden units", {"dropout": DROPOUT})]
    without = Probe("no dropout", CAPACITY, "leave dropout out", {"dropout": 0.0})
    more = 0.5
    return [without, Probe("dropout", RESTRAINT, f"drop {more:.0%} of the hidden units", {"dropout": more})]


def _augmentations(network: Any) -> list[Probe]:
    if network.augmentation is not None:
        return []
    return [Probe("augmentation", RESTRAINT, "change the training pictures lightly", {"augmentation": "light"})]


def _training_styles(network: Any, may_normalize: bool = True) -> list[Probe]:
    probes = []
    if network._is_stepwise():
        if not network.early_stopping:
            probes.append(Probe("early stopping", RESTRAINT, "stop early", {"early_stopping": True}))
        if network.learning_rate == "constant":
            probes.append(Probe("cosine", CALM, "let the learning rate fall", {"learning_rate": "cosine"}))
    if may_normalize and network.normalization is None and _as_tuple(network.hidden_layer_sizes):
        probes.append(Probe("normalization", OTHER, "normalize batches", {"normalization": "batch"}))
    return probes


def _mean_of_several(network: Any) -> Probe:
    bagging = BaggingClassifier if is_classifier(network) else BaggingRegressor
    # Without bootstrapping they differ by their seeds and the order of rows, and each learns from all rows.
    ensemble = bagging(clone(network), n_estimators=N_MEMBERS, bootstrap=False, random_state=0)
    return Probe("ensemble", ENSEMBLE, f"take the mean of {N_MEMBERS} such networks", replacement=ensemble)


def _hidden_layer(network: Any) -> Probe:
    if is_classifier(network):
        other: Any = MLPClassifier(FIRST_HIDDEN_LAYER, random_state=network.random_state)
    else:
        # Its steps are made for targets of about this size; those of a linear model may have any.
        regressor = MLPRegressor(hidden_layer_sizes=FIRST_HIDDEN_LAYER, random_state=network.random_state)
        other = TransformedTargetRegressor(regressor, transformer=StandardScaler())
    return Probe("hidden layer", CAPACITY, "take a network with a hidden layer of 100 units", replacement=other)


_BY_KIND: list[tuple[Any, Callable[[Any], list[Probe]]]] = [
    ((MLPClassifier, MLPRegressor), _probe_perceptron),
    ((CNNClassifier, CNNRegressor), _probe_convolutions),
    (TransferClassifier, _probe_transfer),
    (LogisticRegression, _probe_logistic),
    (LinearRegression, _probe_linear),
    (Perceptron, _probe_perceptron_rule),
]
