"""A report as a card in a notebook, in colours that follow the page's own."""

from collections.abc import Mapping, Sequence
from html import escape

# Stacks whose sizes the card tells; there may be hundreds.
MAX_SHOWN = 12

# Colours that are mixed from the text's own, so that the card is readable on light and on dark pages.
_FRAME = "border: 1px solid; border-color: color-mix(in srgb, currentColor 30%, transparent)"
_CARD = f"{_FRAME}; border-radius: 6px; padding: 0.6em 1em; display: inline-block; max-width: 46em; color: inherit"
_BAR = "display: flex; height: 0.7em; margin: 0.5em 0; border-radius: 3px; overflow: hidden"
_LIST = "margin: 0.3em 0 0 1.2em; padding: 0"

# Of middle lightness, told apart on either ground and by readers who do not see red and green.
_PART_COLOURS = {"preparation": "#7a8cd6", "training": "#d98a2b", "scoring": "#4ba3a3"}


def make_card(
    headline: str, stack_sizes: Sequence[int], exceptions: Sequence[str], seconds: Mapping[str, float]
) -> str:
    """Return the card's HTML."""
    shown = [*map(str, stack_sizes[:MAX_SHOWN]), *(["..."] if len(stack_sizes) > MAX_SHOWN else [])]
    items = [f"stacks of {', '.join(shown)} networks"] if stack_sizes else []
    lines = "".join(f"<li>{escape(item)}</li>" for item in [*items, *exceptions])
    return (
        f'<div style="{_CARD}"><strong>{escape(headline)}</strong>{_bar(seconds)}<ul style="{_LIST}">{lines}</ul></div>'
    )


def _bar(seconds: Mapping[str, float]) -> str:
    """Draw the shares of preparation, training and scoring, with their names and seconds below."""
    pieces = "".join(
        f'<span style="flex-grow: {seconds[name]:.6f}; background: {colour}"></span>'
        for name, colour in _PART_COLOURS.items()
    )
    names = " &nbsp; ".join(
        f'<span style="color: {colour}">&#9632;</span> {name} {seconds[name]:.2f} s'
        for name, colour in _PART_COLOURS.items()
    )
    return f'<div style="{_BAR}">{pieces}</div><div>{names} &nbsp; total {seconds["total"]:.2f} s</div>'
