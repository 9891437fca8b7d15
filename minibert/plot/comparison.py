"""Accuracy against size or time."""

import numpy as np

from minibert.plot.axes import label_log, label_points
from minibert.plot.canvas import COLORS, check_some, grid, styled
from minibert.plot.fonts import readable


@styled
def accuracy_against(rows, field, label, measure="accuracy"):
    """Accuracy against what it costs, each point labelled by its name.

    Parameters
    ----------
    rows : list of dict
        With "name", `measure` and `field`. A row without a positive value there is
        left out.
    field : str
        "bytes", "latency_ms_1" or "latency_ms_32"; drawn on a logarithmic axis.
    label : str
        Of that axis.
    measure : str
        The score; accuracy, in [0, 1], is shown in percent.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from_rows = [r for r in rows if r.get(measure) is not None and (r.get(field) or 0) > 0]
    check_some(f"rows with a positive {field!r}", from_rows)
    x = np.array([row[field] for row in from_rows], float)
    y = np.array([row[measure] for row in from_rows], float)
    figure, (ax,) = grid(1, 1, (6, 3.6))
    ax.scatter(x, y, s=30, color=COLORS[0], zorder=4)
    ax.set_xscale("log")
    ax.margins(0.12, 0.15)
    label_log(ax.xaxis, _bytes if field == "bytes" else "{x:g}")
    if measure == "accuracy":
        ax.yaxis.set_major_formatter("{x:.0%}" if np.ptp(y) > 0.05 else "{x:.1%}")
    ax.grid(axis="y", color="#dddddd", linewidth=0.6)
    ax.set_xlabel(label)
    ax.set_ylabel(measure)
    names = [str(row["name"]) for row in from_rows]
    texts, family = readable(names, [f"row {i + 1}" for i in range(len(names))])
    label_points(figure, ax, x, y, texts, family)
    return figure


def _bytes(n, _):
    """"2 MB" of 2000000, as a tick's label."""
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:g} {unit}"
        n /= 1000
    return f"{n:g} GB"
