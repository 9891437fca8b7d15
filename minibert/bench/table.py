"""Rows as lines of text, each complete by itself, so that they can be shown as they come."""

from minibert.bench.rows import OURS

WORK = 38  # characters


def columns(peers):
    """Titles and widths of the columns.

    Parameters
    ----------
    peers : sequence of str

    Returns
    -------
    list of (str, int)
    """
    return [
        ("work", -WORK),
        (OURS, 10),
        *((name, max(len(name), 9)) for name in peers),
        *((f"x {name}", len(name) + 2) for name in peers),
        *([("x best", 6)] if len(peers) > 1 else []),
        ("must", 9),
        ("go for", 9),
        ("reached", 7),
        ("of peak", 7),
        ("error", 7),
    ]


def header(peers):
    """The titles, and a rule below them."""
    titles = _line(peers, [title for title, _ in columns(peers)])
    return f"{titles}\n{'-' * len(titles)}"


def line(row, peers):
    """One row; its note stands on a line of its own."""
    cells = [row.work, _figure(row, OURS)]
    cells += [_figure(row, name) for name in peers]
    cells += [_ratio(row, row.ratios.get(name)) for name in peers]
    cells += [_ratio(row, row.ratio_to_best)] if len(peers) > 1 else []
    cells += [_wanted(row, "must"), _wanted(row, "go_for"), _reached(row)]
    cells += ["" if row.fraction is None else f"{row.fraction:.0%}"]
    cells += [f"{max(row.errors.values()):.0e}" if row.errors else ""]
    text = _line(peers, cells)
    return f"{text}\n    {row.note}" if row.note else text


def _line(peers, cells):
    widths = [width for _, width in columns(peers)]
    return "  ".join(
        cell.ljust(-width) if width < 0 else cell.rjust(width)
        for cell, width in zip(cells, widths, strict=True)
    ).rstrip()


def _figure(row, name):
    if name not in row.figures:
        return "skipped" if name == OURS else ""
    return f"{number(row.figures[name].median)} {row.unit}"


def _ratio(row, ratio):
    """The peer's time over ours; our memory as a share of the peer's."""
    if ratio is None:
        return ""
    return f"{1 / ratio:.2f} of" if row.unit == "MB" else f"{ratio:.2f}x"


def _wanted(row, which):
    wanted = None if row.goal is None else getattr(row.goal, which)
    if wanted is None:
        return ""
    return {
        "speedup": f">= {wanted:g}x",
        "share": f"<= {wanted:g} of",
        "limit": f"<= {wanted:g} {row.unit}",
    }[row.goal.kind]


def _reached(row):
    must = row.reached()
    if must is None:
        return ""
    return "go for" if row.reached("go_for") else "yes" if must else "no"


def number(x):
    """Three digits that count.

    Examples
    --------
    >>> number(0.12345), number(12.345), number(1234.5)
    ('0.123', '12.3', '1234')
    """
    return f"{x:.0f}" if abs(x) >= 100 else f"{x:.1f}" if abs(x) >= 10 else f"{x:.3g}"
