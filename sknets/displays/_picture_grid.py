"""Where pictures and their captions stand, so that nothing overlaps at any size of the figure."""

from dataclasses import dataclass

import numpy as np

# Between two pictures, in parts of their width.
GAP = 0.12

# In a figure of our own: as wide as a label of 16 letters below it.
INCHES_PER_PICTURE = 1.28

# In points; the largest letters belong to pictures of this width and wider ones.
LARGEST_FONT, SMALLEST_FONT = 8.5, 7
FULL_SIZE = 76
LINE_SPACING = 1.35


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
        # Letters that are fitted to few pixels are a little wider than they are drawn.
        self._text_width = 0.95 * unit
        ax.set(xlim=(-GAP, self.n_columns * (1 + GAP)), ylim=(self.n_rows * self._step, -GAP), aspect="equal")

    def _measure(self, width, height):
        """Return a picture's width, and choose the letters' size, where there are so many points for all."""
        unit = width / (self.n_columns * (1 + GAP) + GAP)
        text = self.n_lines * LARGEST_FONT * LINE_SPACING
        unit = max(1.0, min(unit, (height / self.n_rows - text) / (self.height + GAP)))
        self.font_size = min(LARGEST_FONT, max(SMALLEST_FONT, LARGEST_FONT * unit / FULL_SIZE))
        return unit

    def extent(self, i):
        """Return left, right, lower and upper edge of the i-th picture."""
        row, column = divmod(i, self.n_columns)
        left, top = column * (1 + GAP), row * self._step + self.text_height * self.is_text_above
        return left, left + 1, top + self.height, top

    def say(self, label, before="", behind=""):
        """Return a label that fits below a picture, with something before and behind it that is never cut."""
        label = f"{label:.3g}" if isinstance(label, float | np.floating) else str(label)
        text = f"{before}{label}{behind}"
        while len(label) > 1 and _width_in_points(text, self.font_size) > self._text_width:
            label = label[:-1]
            text = f"{before}{label.rstrip()}…{behind}"
        return text

    @property
    def _step(self):
        return self.height + GAP + self.text_height


def arrange(ax, n, height, n_lines, n_columns, most_columns):
    """Return the grid for ``n`` pictures: for a figure of our own, or the largest in given axes with few gaps."""
    if n_columns or ax is None:
        return PictureGrid(n, n_columns or max(1, min(most_columns, n)), height, n_lines)
    grids = [PictureGrid(n, columns, height, n_lines) for columns in range(1, max(1, n) + 1)]
    size = _size_in_points(ax)
    return max(grids, key=lambda grid: grid._measure(*size) * n / (grid.n_rows * grid.n_columns))


def _size_in_points(ax):
    figure = ax.get_figure(root=True)
    if figure.get_layout_engine() is not None:
        # Before it is laid out, the axes have another size than in the end.
        figure.draw_without_rendering()
    box = ax.get_window_extent()
    return box.width * 72 / figure.dpi, box.height * 72 / figure.dpi


def _width_in_points(text, font_size):
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    return text_to_path.get_text_width_height_descent(text, FontProperties(size=font_size), ismath=False)[0]
