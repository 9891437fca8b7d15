"""Labels along an axis and beside points."""

import math

import numpy as np

from minibert.plot.canvas import GREY


def label_log(axis, write="{x:g}"):
    """Round numbers along a logarithmic axis, enough of them where it is short."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    if decades < 1:
        axis.set_major_locator(MaxNLocator(4))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.5 else (1,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(write)


def label_points(figure, ax, x, y, texts, family):
    """A text beside every point, where it covers no other text and no point."""
    figure.draw_without_rendering()  # settles the layout, which the labels must not change
    figure.set_layout_engine("none")
    renderer, pixels = figure.canvas.get_renderer(), figure.dpi / 72  # in a point
    points = ax.transData.transform(np.column_stack((x, y)))
    taken = [(a - 4 * pixels, b - 4 * pixels, a + 4 * pixels, b + 4 * pixels) for a, b in points]
    panel = ax.bbox.extents

    def covered(offset):
        box = _beside(point, offset, size, pixels)
        return sum(_shared(box, other) for other in taken) + _shared(box, box) - _shared(box, panel)

    for place, point, text in zip(zip(x, y, strict=True), points, texts, strict=True):
        probe = figure.text(0, 0, text, family=family, parse_math=False)
        size = probe.get_window_extent(renderer).size
        probe.remove()
        offset = min(_OFFSETS, key=covered)  # the first of the best
        taken.append(_beside(point, offset, size, pixels))
        near = math.hypot(*offset) < 10
        ax.annotate(
            text, place, offset, textcoords="offset points", family=family, parse_math=False,
            ha=_aligned(offset[0], "right", "left"), va=_aligned(offset[1], "top", "bottom"),
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            arrowprops=None if near else {"arrowstyle": "-", "color": GREY, "linewidth": 0.5},
        )


_OFFSETS = [
    (distance * math.cos(turn * math.pi / 4), distance * math.sin(turn * math.pi / 4))
    for distance in (6, 14, 24, 36, 50)  # points
    for turn in (0, 4, 2, 6, 1, 3, 7, 5)
]


def _aligned(offset, negative, positive):
    """Where a text that lies on this side of its point has its anchor."""
    return "center" if abs(offset) < 0.1 else negative if offset < 0 else positive


def _beside(point, offset, size, pixels):
    """The box (x0, y0, x1, y1) of a text of this size, so far from a point."""
    low = []
    for at, away, extent in zip(point, offset, size, strict=True):
        share = {"center": 0.5, "before": 1, "after": 0}[_aligned(away, "before", "after")]
        low.append(at + away * pixels - share * extent)
    return (*low, low[0] + size[0], low[1] + size[1])


def _shared(a, b):
    """Area that two boxes share."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)
