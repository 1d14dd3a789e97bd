"""What was tried and clearly helped, best first."""

from dataclasses import dataclass, field
from typing import Any

from sklearn.base import clone

from sknets.inspection._measurements import Measurements
from sknets.inspection._network_place import NetworkPlace, replace_network
from sknets.inspection._probes import Probe


@dataclass(frozen=True)
class Advice:
    """A change that was tried, and what it brought on the same folds.

    Attributes
    ----------
    words : str
    parameters : dict
        For ``set_params`` of the diagnosed estimator; empty where only ``estimator`` has the change.
    gain : float
        Mean gain of the held-out score over the folds. Scores count as not farther below a constant's than the best
        is above.
    spread : float
        Standard deviation of the folds' gains.
    noise : float
        What the mean had to exceed: no gain of a change that does nothing is larger, nineteen times of twenty.
    score : float
        Mean held-out score with the change.
    estimator : estimator
        An unfitted copy with the change.
    """

    words: str
    parameters: dict[str, Any]
    gain: float
    spread: float
    noise: float
    score: float
    estimator: Any = field(repr=False, compare=False)


def advise(found: Measurements, estimator: Any, place: NetworkPlace) -> list[Advice]:
    """Return all changes whose gain is larger than its noise, in the order of their gains."""
    advice = []
    for probe, scores in found.probes.values():
        gain = found.gain(scores)
        # What is still worse than a constant is no help.
        if gain.is_clear and scores.valid.mean() > found.chance:
            changed = apply(probe, estimator, place)
            parameters = _full_names(probe, place)
            score = float(scores.valid.mean())
            advice.append(Advice(probe.words, parameters, gain.mean, gain.spread, gain.noise, score, changed))
    return sorted(advice, key=lambda piece: piece.gain, reverse=True)


def apply(probe: Probe, estimator: Any, place: NetworkPlace) -> Any:
    """Return an unfitted copy of an estimator with a probe's change."""
    if probe.replacement is not None:
        return replace_network(estimator, clone(probe.replacement))
    return clone(estimator).set_params(**_full_names(probe, place))


def _full_names(probe: Probe, place: NetworkPlace) -> dict[str, Any]:
    if probe.replacement is not None:
        return {place.step: probe.replacement} if place.step else {}
    return {place.prefix + name: value for name, value in probe.parameters.items()}
