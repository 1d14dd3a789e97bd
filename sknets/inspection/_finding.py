"""A sentence whose every number is a figure, and how figures are written."""

import math
from dataclasses import dataclass

import numpy as np

# Longer numbers are written with an exponent.
MANY_DIGITS = 1e6


@dataclass(frozen=True)
class Finding:
    """A sentence and its figures.

    Attributes
    ----------
    name : str
    sentence : str
    figures : dict of str to float
        Every number in the sentence, before rounding.
    is_warning : bool
        Whether it says that the scores themselves may be deceptive.
    """

    name: str
    sentence: str
    figures: dict[str, float]
    is_warning: bool = False


class Teller:
    """Makes findings, with digits that suit the scale on which scores differ."""

    def __init__(self, scale: float) -> None:
        # Three digits of the scale that scores differ on, and no more than three where it is about 1.
        magnitude = math.floor(math.log10(scale)) if 0 < scale < math.inf and scale > 1e-12 else 0
        self.decimals = int(np.clip(2 - magnitude, 0, 8)) if scale < 0.01 or scale >= 10 else 3

    def score(self, value: float) -> str:
        """Format a score."""
        if not math.isfinite(value):
            return "no number"
        return f"{value:.{self.decimals}f}" if abs(value) < MANY_DIGITS else f"{value:.3g}"

    def gain(self, value: float) -> str:
        """Format a difference of scores."""
        return ("+" if value >= 0 else "") + self.score(value)

    def tell(self, name: str, template: str, *, is_warning: bool = False, words: str = "", **figures: float) -> Finding:
        """Fill figures into a template: ``{name_s}`` is a score, ``_g`` a gain, ``_p`` a share, ``_n`` a count."""
        kinds = {"s": self.score, "g": self.gain, "p": _percent, "n": _count}
        fields = {
            f"{key}_{kind}": show(value)
            for key, value in figures.items()
            for kind, show in kinds.items()
            if f"{{{key}_{kind}}}" in template
        }
        sentence = template.format(words=words, **fields)
        numbers = {key: float(value) for key, value in figures.items()}
        return Finding(name, sentence[0].upper() + sentence[1:], numbers, is_warning)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < MANY_DIGITS else f"{number:.0e}"
