"""What was measured, in sentences whose every number is a figure."""

import math
from collections.abc import Iterator

import numpy as np

from sknets.inspection._finding import Finding, Teller
from sknets.inspection._gains import Gain
from sknets.inspection._judgement import (
    BALANCED,
    DIVERGING,
    OVERFITTING,
    OVERSHOOT,
    UNDERFITTING,
    UNDERTRAINED,
    Judgement,
)
from sknets.inspection._leaks import REPEATED_SHARE, TellingColumn
from sknets.inspection._measurements import Measurements
from sknets.inspection._probes import CALM, CAPACITY, EARLIER, OTHER, RESTRAINT, TIME, Probe

# A smaller rise of the held-out loss is not worth a sentence.
SMALLEST_RISE = 0.05

# More rows are worth a hint where the last doubling brought as much as would count in a verdict.
WORTHWHILE_DOUBLING = 0.03


def find(found: Measurements, judged: Judgement, telling: TellingColumn | None, repeated_share: float) -> list[Finding]:
    """Return all findings, the reasons for the label first."""
    teller = Teller(found.reach)
    reasons = {
        DIVERGING: _tell_divergence,
        UNDERTRAINED: _tell_epochs,
        UNDERFITTING: _tell_capacity,
        OVERFITTING: _tell_overfit,
        BALANCED: lambda found, teller: iter(()),
    }
    order = [judged.label, *(label for label in reasons if label != judged.label)]
    return [
        *_tell_scores(found, teller),
        *(finding for label in order for finding in reasons[label](found, teller)),
        *_tell_mixture(found, judged, teller),
        *_tell_controls(found, teller),
        *_tell_rows(found, teller),
        *_tell_leaks(telling, repeated_share, teller),
    ]


def _tell_scores(found: Measurements, teller: Teller) -> Iterator[Finding]:
    network = found.network
    yield teller.tell(
        "scores",
        "it scores {train_s} on the rows that it was trained on and {valid_s} ± {spread_s} on held-out ones (mean and "
        "spread of {folds_n} folds); a constant scores {constant_s}.",
        train=_mean(network.train),
        valid=_mean(network.valid),
        spread=_spread(network.valid),
        folds=len(network.valid),
        constant=found.chance,
    )


def _tell_divergence(found: Measurements, teller: Teller) -> Iterator[Finding]:
    n_diverged = int(found.network.has_diverged.sum())
    if n_diverged:
        yield teller.tell(
            "divergence",
            "in {diverged_n} of {folds_n} folds the loss became infinite or not a number.",
            diverged=n_diverged,
            folds=len(found.network.valid),
        )
    if found.has_blown_up:
        yield teller.tell(
            "worse than a constant",
            "even on its own training rows it is worse than a constant: {train_s}, beside {constant_s}.",
            train=_mean(found.network.train),
            constant=found.chance,
        )
    if found.overshoot >= OVERSHOOT:
        yield teller.tell(
            "overshoot",
            "the training loss of the first epoch is {times_n} times as high as with smaller steps.",
            times=found.overshoot,
        )
    yield from _tell_best(
        found, teller, "smaller steps", (CALM, EARLIER), True, "with smaller or fewer steps it fits better"
    )


def _tell_epochs(found: Measurements, teller: Teller) -> Iterator[Finding]:
    n_epochs = found.network.n_epochs
    losses = found.mean_curve("train_loss")
    if np.isfinite(n_epochs).all() and len(losses) > 1 and np.isfinite(losses).all():
        tail = losses[-max(2, len(losses) // 10) :]
        fall = 1 - tail[-1] / tail[0] if tail[0] > 0 else 0.0
        moved = "fell" if fall >= 0 else "rose"
        yield teller.tell(
            "epochs",
            "training took {epochs_n} epochs of at most {most_n}; in the last {tail_n} of them the training loss "
            "{words} by {change_p}.",
            words=moved,
            epochs=_mean(n_epochs),
            most=found.max_epochs,
            tail=len(tail),
            change=abs(fall),
        )
    yield from _tell_best(found, teller, "more training", TIME, True, "trained further it fits better")


def _tell_capacity(found: Measurements, teller: Teller) -> Iterator[Finding]:
    yield from _tell_best(found, teller, "more freedom", CAPACITY, True, "with more freedom it fits better")


def _tell_overfit(found: Measurements, teller: Teller) -> Iterator[Finding]:
    if found.gap_share > 0:
        yield teller.tell(
            "gap",
            "of what it has learnt above the constant, {share_p} is lost on held-out rows: {gap_s} ± {noise_s}.",
            share=found.gap_share,
            gap=found.gap.mean,
            noise=found.gap.noise,
        )
    if math.isfinite(found.loss_rise) and found.loss_rise >= SMALLEST_RISE:
        losses = found.mean_curve("valid_loss")
        yield teller.tell(
            "held-out loss",
            "the held-out loss was least after epoch {epoch_n} and has risen by {rise_p} since.",
            epoch=int(losses.argmin()) + 1,
            rise=found.loss_rise,
        )
    what = "without fitting the training rows better, held-out rows gain"
    yield from _tell_best(found, teller, "less freedom", (RESTRAINT, EARLIER, CALM, TIME, CAPACITY, OTHER), False, what)


def _tell_best(
    found: Measurements, teller: Teller, name: str, families: str | tuple[str, ...], by_fit: bool, what: str
) -> Iterator[Finding]:
    best = found.best([families] if isinstance(families, str) else families, by_fit=by_fit)
    if best is None:
        return
    probe, gain = best
    scores = found.probes[probe.name][1]
    yield teller.tell(
        name,
        what + " ({words}): {gain_g} ± {noise_s} on held-out rows, {train_g} on training rows.",
        words=probe.words,
        gain=gain.mean,
        noise=gain.noise,
        train=float(np.mean(found.bounded(scores.train) - found.bounded(found.network.train))),
    )


def _tell_mixture(found: Measurements, judged: Judgement, teller: Teller) -> Iterator[Finding]:
    if not judged.is_mixed:
        if judged.label == BALANCED:
            yield _tell_best_failure(found, teller)
        return
    if not found.gain_over(found.constant, found.network).is_clear and judged.label in (UNDERFITTING, OVERFITTING):
        gain = found.gain_over(found.constant, found.network)
        yield teller.tell(
            "mixed evidence",
            "the evidence is mixed: on held-out rows it is not clearly better than a constant, {gain_g} ± {noise_s}.",
            gain=gain.mean,
            noise=gain.noise,
        )
    elif judged.rival:
        yield teller.tell(
            "mixed evidence",
            "the evidence is mixed: what speaks for {words} is about {rival_p} of what can be learnt, beside {own_p} "
            "for the verdict.",
            words=judged.rival,
            rival=judged.strengths[judged.rival],
            own=judged.strengths[judged.label],
        )
    elif judged.label == BALANCED:
        yield teller.tell(
            "mixed evidence",
            "the evidence is mixed: the gap is {gap_p} of what was learnt, and the best change brings {gain_p}, "
            "neither of which suffices for another verdict.",
            gap=found.gap_share,
            gain=max((found.gain(s).mean for _, s in found.probes.values()), default=0.0) / found.reach,
        )
    elif judged.label == DIVERGING:
        n_diverged = int(found.network.has_diverged.sum())
        yield teller.tell(
            "mixed evidence",
            "the evidence is mixed: {others_n} of {folds_n} folds were trained to the end"
            + ("." if n_diverged else ", and smaller steps do not score clearly better."),
            others=len(found.network.valid) - n_diverged,
            folds=len(found.network.valid),
        )
    elif (best := found.best([OTHER], by_fit=True)) is not None:
        yield teller.tell(
            "mixed evidence",
            "the evidence is mixed: {gain_g} by another way of training ({words}) says that something hinders it, and "
            "not what.",
            words=best[0].words,
            gain=best[1].mean,
        )
    elif found.linear is not None:
        yield teller.tell(
            "mixed evidence",
            "the evidence is mixed: a linear model does better, {gain_g}, and nothing that was tried shows why.",
            gain=found.gain(found.linear).mean,
        )


def _tell_best_failure(found: Measurements, teller: Teller) -> Finding:
    gains: list[tuple[Probe, Gain]] = [(probe, found.gain(scores)) for probe, scores in found.probes.values()]
    probe, gain = max(gains, key=lambda pair: pair[1].mean)
    return teller.tell(
        "no large gain",
        "of {tried_n} changes that were tried, the best ({words}) brings {gain_g} ± {noise_s}.",
        words=probe.words,
        tried=len(gains),
        gain=gain.mean,
        noise=gain.noise,
    )


def _tell_controls(found: Measurements, teller: Teller) -> Iterator[Finding]:
    if found.linear is not None and np.isfinite(found.linear.valid).all():
        if found.has_blown_up:
            linear = _mean(found.linear.valid)
            yield teller.tell("linear model", "a linear model scores {linear_s} on held-out rows.", linear=linear)
            return
        gain = found.gain_over(found.linear, found.network)
        compared = "is better" if gain.is_clear else "is not clearly better"
        if found.gain_over(found.network, found.linear).is_clear:
            compared = "is clearly worse"
        yield teller.tell(
            "linear model",
            "a linear model scores {linear_s} on held-out rows; the network {words}: {gain_g} ± {noise_s}.",
            words=compared,
            linear=_mean(found.linear.valid),
            gain=gain.mean,
            noise=gain.noise,
        )
    if np.isfinite(found.shuffled.valid).all() and np.isfinite(found.shuffled.train).all():
        yield teller.tell(
            "shuffled targets",
            "on shuffled targets, where there is nothing to learn, it scores {train_s} on training rows, which is what "
            "it can memorise, and {valid_s} on held-out ones.",
            train=_mean(found.shuffled.train),
            valid=_mean(found.shuffled.valid),
        )


def _tell_rows(found: Measurements, teller: Teller) -> Iterator[Finding]:
    if not found.sizes or _mean(found.network.valid) <= found.chance:
        return
    n_rows, half = max(found.sizes.items())
    gain = found.gain_over(half, found.network)
    if not np.isfinite(half.valid).all() or not np.isfinite(gain.mean):
        return
    hint = "; more rows may help" if gain.is_clear and gain.mean >= WORTHWHILE_DOUBLING * found.reach else ""
    yield teller.tell(
        "rows",
        "with {half_n} training rows, half of them, held-out rows score {valid_s}; the other half brings {gain_g} ± "
        "{noise_s}" + hint + ".",
        half=n_rows,
        valid=_mean(half.valid),
        gain=gain.mean,
        noise=gain.noise,
    )


def _tell_leaks(telling: TellingColumn | None, repeated_share: float, teller: Teller) -> Iterator[Finding]:
    if telling is not None:
        yield teller.tell(
            "telling column",
            "column {words} by itself predicts {share_p} of what a constant leaves open. If it is not known when the "
            "model is used, it is a leak, and no score here means anything.",
            words=repr(telling.name),
            share=telling.share,
            is_warning=True,
        )
    if repeated_share >= REPEATED_SHARE:
        yield teller.tell(
            "repeated rows",
            "{share_p} of the held-out rows are also among the training rows, so that a part of the held-out score is "
            "memory. Drop duplicates, or keep them together with cv=GroupKFold().",
            share=repeated_share,
            is_warning=True,
        )


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if np.isfinite(values).all() else _finite_mean(values)


def _finite_mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan


def _spread(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else math.nan
