"""Where pictures and their captions stand, so that nothing overlaps at any size of the figure."""

from dataclasses import dataclass

# Between two pictures, in parts of their width.
GAP = 0.12

# In a figure of our own. With a label of 16 letters below, a picture is just as wide.
INCHES_PER_PICTURE = 1.05

# In points. Digits of matplotlib's font are about two thirds as wide as they are high; most letters are narrower.
LARGEST_FONT, SMALLEST_FONT = 9, 7
LINE_SPACING = 1.35
LETTER_WIDTH = 0.64


@dataclass
class PictureGrid:
    """Pictures of width 1 in rows, each with ``n_lines`` lines of text below, or above.

    Parameters
    ----------
    n : int
        Pictures.
    n_columns : int
    height : float
        Of a picture, in parts of its width.
    n_lines : int
    inches : float
        Width of a picture in a figure of our own.
    is_text_above : bool
    """

    n: int
    n_columns: int
    height: float
    n_lines: int
    inches: float = INCHES_PER_PICTURE
    is_text_above: bool = False

    @property
    def n_rows(self):
        """Rows of pictures."""
        return -(-self.n // self.n_columns)

    @property
    def figure_size(self):
        """Inches that suit the pictures."""
        lines = self.n_lines * LARGEST_FONT * LINE_SPACING / 72
        return self.n_columns * self.inches, max(1.0, self.n_rows * (self.height * self.inches + lines))

    def fit(self, ax):
        """Choose the size of the letters for the axes as they are."""
        unit = self._measure(*_size_in_points(ax))
        self.text_height = self.n_lines * self.font_size * LINE_SPACING / unit
        self.n_letters = int(unit * (1 + GAP) / (LETTER_WIDTH * self.font_size))
        ax.set(xlim=(-GAP, self.n_columns * (1 + GAP)), ylim=(self.n_rows * self._step, -GAP), aspect="equal")

    def _measure(self, width, height):
        """Return a picture's width, and choose the letters' size, where there are so many points for all."""
        unit = width / (self.n_columns * (1 + GAP) + GAP)
        self.font_size = min(LARGEST_FONT, max(SMALLEST_FONT, LARGEST_FONT * unit / 72))
        text = self.n_lines * self.font_size * LINE_SPACING
        return max(1.0, min(unit, (height / self.n_rows - text) / (self.height + GAP)))

    def extent(self, i):
        """Return left, right, lower and upper edge of the i-th picture."""
        row, column = divmod(i, self.n_columns)
        left, top = column * (1 + GAP), row * self._step + self.text_height * self.is_text_above
        return left, left + 1, top + self.height, top

    @property
    def _step(self):
        return self.height + GAP + self.text_height


def arrange(ax, n, height, n_lines, n_columns, most_columns):
    """Return the grid for ``n`` pictures: in a figure of our own, or in given axes as large as they can be."""
    if n_columns or ax is None:
        return PictureGrid(n, n_columns or max(1, min(most_columns, n)), height, n_lines)
    grids = [PictureGrid(n, columns, height, n_lines) for columns in range(1, max(1, n) + 1)]
    return max(grids, key=lambda grid: grid._measure(*_size_in_points(ax)))


def _size_in_points(ax):
    box = ax.get_window_extent()
    return box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi


def say(label, n_letters, behind=""):
    """Return a label in at most ``n_letters`` letters, with something behind it that is never cut."""
    text = f"{label:.3g}" if isinstance(label, float) else str(label)
    room = max(3, n_letters - len(behind))
    return (text if len(text) <= room else f"{text[: room - 1]}…") + behind
