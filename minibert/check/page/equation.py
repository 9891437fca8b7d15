"""An equation as an inline SVG: outlines in the colour of the text around it, no font needed."""

import functools
import html
import re

import numpy as np

from minibert.plot.canvas import styled

EM = 400  # units of the drawing per letter height; whole numbers are then fine enough
MARGIN = 16
GROUP = r"(?:\{(?:[^{}]|\{[^{}]*\})*\}|.)"
SUM = re.compile(rf"\\sum(?:[_^]{GROUP})*")
CLOSE = 79
# Matplotlib's path codes: the letter that SVG has for each, and the number of points.
LETTERS = {1: ("M", 1), 2: ("l", 1), 3: ("q", 2), 4: ("c", 3), CLOSE: ("z", 1)}


@functools.cache
@styled
def equation_svg(tex):
    """Typeset an equation with matplotlib's mathtext.

    Parameters
    ----------
    tex : str
        TeX without dollar signs, as far as mathtext knows it.

    Returns
    -------
    str
        An ``<svg>`` whose title is the TeX; it has no ids, so that any number fit on a page.

    Raises
    ------
    ValueError
        If mathtext cannot read it; the message shows where.
    ImportError
        Without matplotlib.

    Examples
    --------
    >>> equation_svg("y = x^2")[:21]
    '<svg class="equation"'
    """
    outlines = _outlines(tex)
    points = np.rint(outlines.vertices * (1, -1)).astype(int)  # SVG's y points downwards
    drawn = points[outlines.codes != CLOSE]
    left, top = (drawn.min(0) - MARGIN).tolist()
    width, height = (np.ptp(drawn, 0) + 2 * MARGIN).tolist()
    data = _path_data(points.tolist(), outlines.codes.tolist())
    return (
        f'<svg class="equation" role="img" width="{width / EM:.2f}em" height="{height / EM:.2f}em"'
        f' viewBox="{left} {top} {width} {height}"><title>{html.escape(tex)}</title>'
        f'<path fill="currentColor" d="{data}"/></svg>'
    )


def _outlines(tex):
    """The matplotlib path of all glyphs and rules."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if "$" in tex or not tex.strip():
        raise ValueError(f"cannot typeset {tex!r}: wanted one equation, without dollar signs")
    shown = f"${_display_style(tex)}$"
    try:
        return TextPath((0, 0), shown, size=EM, prop=FontProperties(math_fontfamily="stix"))
    except ValueError as error:
        raise ValueError(f"cannot typeset {tex!r}; mathtext says:\n{error}") from None


def _display_style(tex):
    """The TeX with room around sums, and large fractions outside of braces (roots, exponents)."""
    tex = SUM.sub(r"\\,\g<0>\\,", tex)
    parts, depth = [], 0
    for part in re.split(r"(\\frac(?![a-z])|\\.|[{}])", tex):
        depth += {"{": 1, "}": -1}.get(part, 0)
        parts.append(r"\dfrac" if part == r"\frac" and depth == 0 else part)
    return "".join(parts)


def _path_data(points, codes):
    """The outlines in SVG's letters, all points but the first of each relative to the last one."""
    written, x, y, place = [], 0, 0, 0
    while place < len(codes):
        letter, count = LETTERS[codes[place]]
        used = [] if letter == "z" else points[place : place + count]
        from_x, from_y = (0, 0) if letter == "M" else (x, y)
        numbers = (f"{px - from_x} {py - from_y}" for px, py in used)
        written.append(letter + " ".join(numbers))
        x, y = used[-1] if used else (x, y)
        place += count
    return "".join(written).replace(" -", "-")
