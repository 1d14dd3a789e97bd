"""Colours that are told apart by every kind of colour vision, on white and on black paper."""

# Of Okabe and Ito's palette (Color Universal Design, 2008), the green darkened until it can be read as text on white
# and on black. Lighter ones come with a marker or a line style of their own.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#008862"
PURPLE = "#CC79A7"
SKY_BLUE = "#56B4E9"
ORANGE = "#E69F00"

#: In the middle between white and black: for what stands back on either.
GREY = "0.5"

#: Negative is blue, zero is white, positive is red.
DIVERGING_MAP = "RdBu_r"

#: A thin frame, so that a black picture does not vanish on black paper, nor a white one on white.
FRAME = {"edgecolor": GREY, "linewidth": 0.5, "facecolor": "none"}

#: What frames a mistake; a solid line would be taken for a part of a dark picture.
MISTAKE_FRAME = {"edgecolor": VERMILION, "linewidth": 2.5, "linestyle": "--", "facecolor": "none"}
