"""A diagnosis as a card in a notebook, in colours that follow the page's own."""

from collections.abc import Sequence
from html import escape

from sknets.inspection._finding import Finding

# Colours that are mixed from the text's own, so that the card is readable on light and on dark pages.
_FRAME = "border: 1px solid; border-color: color-mix(in srgb, currentColor 30%, transparent)"
_CARD = f"{_FRAME}; border-radius: 6px; padding: 0.6em 1em; display: inline-block; max-width: 60em; color: inherit"
_FAINT = "color: color-mix(in srgb, currentColor 70%, transparent)"
_LIST = "margin: 0.3em 0 0.6em 1.4em; padding: 0"
_WARNING = "border-left: 3px solid #d98a2b; padding-left: 0.5em"


def make_card(
    headline: str,
    caption: str,
    evidence: Sequence[Finding],
    advice_heading: str,
    advice_lines: Sequence[tuple[str, str, str]],
) -> str:
    """Return the card's HTML."""
    reasons = "".join(_reason(finding) for finding in evidence)
    advice = "".join(
        f"<li>{escape(words)}: <strong>{escape(gain)}</strong>{f'<br><code>{escape(call)}</code>' if call else ''}</li>"
        for words, gain, call in advice_lines
    )
    return (
        f'<div style="{_CARD}"><strong>{escape(headline)}</strong>'
        f'<div style="{_FAINT}">{escape(caption)}</div>'
        f'<ul style="{_LIST}">{reasons}</ul>'
        f"<strong>{escape(advice_heading)}</strong>"
        f'<ol style="{_LIST}">{advice}</ol></div>'
    )


def _reason(finding: Finding) -> str:
    if finding.is_warning:
        return f'<li style="{_WARNING}"><strong>Warning:</strong> {escape(finding.sentence)}</li>'
    return f"<li>{escape(finding.sentence)}</li>"
