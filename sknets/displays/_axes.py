"""Where a display draws: the axes that it is given, or those of a new figure."""


def prepare_axes(ax, size):
    """Return ``ax``, or the axes of a new figure of ``size`` inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def draw_frames(ax, corners, width, height, style):
    """Draw a frame around each picture, given its upper left corner; higher pictures reach further down the axis."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    frames = [Rectangle((left, top), width, height) for left, top in corners]
    return ax.add_collection(PatchCollection(frames, **style), autolim=False)


def draw_scale(ax, limit, cmap):
    """Draw the scale of weights beside the axes, as far below zero as above, and return its norm."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    norm = Normalize(-limit, limit)
    ax.figure.colorbar(ScalarMappable(norm, cmap), ax=ax, label="weight", shrink=0.8)
    return norm


def show_whole_numbers(axis):
    """Put ticks at whole numbers only, at least one."""
    axis.get_major_locator().set_params(integer=True, min_n_ticks=1)
