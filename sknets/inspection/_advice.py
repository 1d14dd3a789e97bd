"""What was tried and helped, best first."""

from dataclasses import dataclass, field
from typing import Any

from sklearn.base import clone

from sknets.inspection._measurements import Measurements
from sknets.inspection._network_place import NetworkPlace, replace_network
from sknets.inspection._probes import Probe

# What a change usually brings to a network that fits well, as a share of what can be learnt.
USUAL_SHARE = 0.01


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
        What the mean had to exceed: no gain of a change that does nothing is larger, nineteen times of twenty. Of a
        change that brings a tenth of what can be learnt, or more, a gain in every fold is enough.
    is_clear : bool
        Whether the gain is larger than its noise.
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
    is_clear: bool
    score: float
    estimator: Any = field(repr=False, compare=False)


def advise(found: Measurements, estimator: Any, place: NetworkPlace) -> list[Advice]:
    """Return all changes whose gain is larger than its noise, in the order of their gains.

    Where there is none, return the one from which most is to be expected elsewhere: the largest of many doubtful gains
    is mostly the most doubtful one, and the surest mostly the smallest.
    """
    gains = [(probe, scores, found.gain(scores)) for probe, scores in found.probes.values()]
    # What is still worse than a constant is no help.
    gains = [piece for piece in gains if piece[2].mean > 0 and piece[1].valid.mean() > found.chance]
    chosen = sorted((piece for piece in gains if piece[2].is_clear), key=lambda piece: piece[2].mean, reverse=True)
    if gains and not chosen:
        chosen = [max(gains, key=lambda piece: piece[2].expect(USUAL_SHARE * found.reach))]
    return [
        Advice(
            words=probe.words,
            parameters=_full_names(probe, place),
            gain=gain.mean,
            spread=gain.spread,
            noise=gain.noise,
            is_clear=gain.is_clear,
            score=float(scores.valid.mean()),
            estimator=apply(probe, estimator, place),
        )
        for probe, scores, gain in chosen
    ]


def apply(probe: Probe, estimator: Any, place: NetworkPlace) -> Any:
    """Return an unfitted copy of an estimator with a probe's change."""
    if probe.replacement is not None:
        return replace_network(estimator, clone(probe.replacement))
    return clone(estimator).set_params(**_full_names(probe, place))


def _full_names(probe: Probe, place: NetworkPlace) -> dict[str, Any]:
    if probe.replacement is not None:
        return {place.step: probe.replacement} if place.step else {}
    return {place.prefix + name: value for name, value in probe.parameters.items()}
