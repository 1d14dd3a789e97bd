"""From measurements to one of five labels."""

import math
from dataclasses import dataclass

from sknets.inspection._measurements import Measurements
from sknets.inspection._probes import CALM, CAPACITY, EARLIER, ENSEMBLE, OTHER, RESTRAINT, TIME

UNDERFITTING, OVERFITTING, BALANCED = "underfitting", "overfitting", "balanced"
UNDERTRAINED, DIVERGING = "undertrained", "diverging"
LABELS = (UNDERFITTING, OVERFITTING, BALANCED, UNDERTRAINED, DIVERGING)

# All shares are of a score above a constant's, so that they mean the same for accuracy, R² and other scores.

# A tenth of what was learnt is lost on new rows. Of a good fit a few per cent are lost by chance and by the finite
# number of rows: the digits lose about seven with any network.
GAP_SHARE = 0.10

# Half of that gap is enough where the held-out loss has risen, too: by a quarter, which wiggles do not reach.
HALF_GAP = GAP_SHARE / 2
LOSS_RISE = 0.25

# A gain of less than 3 % of the best score above a constant is worth advice, but does not make a fit a bad one.
MATERIAL_SHARE = 0.03

# The first epoch's loss is ten times that with smaller steps. A rate that is merely bold makes it smaller. Training may
# recover, but what it recovers to is luck: it counts as much as a tenth of what can be learnt.
OVERSHOOT = 10.0
OVERSHOOT_SHARE = 0.10

# Steps that are too large come first, since nothing else can be judged before they are smaller.
CALM_WEIGHT = 2.0

# Evidence for a second label that is half as strong as that for the first makes a verdict mixed.
RIVAL_SHARE = 0.5


@dataclass(frozen=True)
class Judgement:
    """A label, and how strong the evidence is for each.

    Attributes
    ----------
    label : str
    is_mixed : bool
    strengths : dict of str to float
        Share of the score above a constant's that each finding is about; 0 where it does not count.
    rival : str
        The label with the second strongest evidence; empty without any.
    """

    label: str
    is_mixed: bool
    strengths: dict[str, float]
    rival: str = ""


def judge(found: Measurements) -> Judgement:
    """Weigh what was measured."""
    strengths = {
        DIVERGING: _diverge(found),
        UNDERTRAINED: _better_fit(found, TIME),
        UNDERFITTING: _better_fit(found, CAPACITY),
        OVERFITTING: _overfit(found),
    }
    if found.network.has_diverged.any():
        strengths[DIVERGING] = 1.0
        return Judgement(DIVERGING, not found.network.has_diverged.all(), strengths)
    if found.has_blown_up and not strengths[UNDERTRAINED]:
        return Judgement(DIVERGING, False, {**strengths, DIVERGING: 1.0})
    if not any(strengths.values()):
        return _judge_without_evidence(found, strengths)
    weighted = {name: value * (CALM_WEIGHT if name == DIVERGING else 1) for name, value in strengths.items()}
    label, rival = sorted(weighted, key=weighted.__getitem__, reverse=True)[:2]
    has_rival = strengths[rival] >= RIVAL_SHARE * strengths[label]
    # It overshot, and came back: no smaller steps do better.
    has_recovered = label == DIVERGING and not _better_fit(found, CALM, EARLIER)
    # All is lost on new rows: memorised, or never there.
    learns_nothing = label == OVERFITTING and not found.gain_over(found.constant, found.network).is_clear
    return Judgement(label, has_rival or has_recovered or learns_nothing, strengths, rival if has_rival else "")


def _diverge(found: Measurements) -> float:
    own = OVERSHOOT_SHARE if found.overshoot >= OVERSHOOT else 0.0
    return max(own, _better_fit(found, CALM, EARLIER))


def _better_fit(found: Measurements, *families: str) -> float:
    best = found.best(families, by_fit=True)
    return _material(best[1].mean / found.reach) if best else 0.0


def _overfit(found: Measurements) -> float:
    share = found.gap_share if found.gap.is_clear else 0.0
    has_risen = math.isfinite(found.loss_rise) and found.loss_rise >= LOSS_RISE
    best = found.best([RESTRAINT, EARLIER, CALM, TIME, CAPACITY, OTHER], by_fit=False)
    helped = _material(best[1].mean / found.reach) if best else 0.0
    counts = share >= GAP_SHARE or (share >= HALF_GAP and (has_risen or helped > 0))
    return max(share if counts else 0.0, helped)


def _material(share: float) -> float:
    return share if share >= MATERIAL_SHARE else 0.0


def _judge_without_evidence(found: Measurements, strengths: dict[str, float]) -> Judgement:
    """Tell a good fit from one that learns nothing."""
    if not found.gain_over(found.constant, found.network).is_clear:
        return Judgement(UNDERFITTING, True, strengths)
    if found.linear is not None:
        gain = found.gain(found.linear)
        if gain.is_clear and _material(gain.mean / found.reach):
            label = UNDERTRAINED if found.fits_better(found.linear) else OVERFITTING
            return Judgement(label, True, strengths)
    if _better_fit(found, OTHER):
        return Judgement(UNDERTRAINED, True, strengths)
    gains = [found.gain(scores) for probe, scores in found.probes.values() if probe.family != ENSEMBLE]
    nearly = max((gain.mean for gain in gains if gain.is_clear), default=0.0) >= MATERIAL_SHARE / 2 * found.reach
    return Judgement(BALANCED, nearly or found.gap_share >= HALF_GAP, strengths)
