"""Where things stand in a picture that has been drawn."""


def boxes(display, texts):
    """Return the boxes of texts, in pixels."""
    display.figure_.canvas.draw()
    return [text.get_window_extent() for text in texts if text.get_text()]


def overlaps(own):
    """Return pairs of boxes that overlap by more than a pixel."""
    return [
        (i, k)
        for i, one in enumerate(own)
        for k, other in enumerate(own[:i])
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    ]
