"""The plots: how cost grows with the batch and with the length, from measured rows only."""

from minibert import plot
from minibert.bench.rows import OURS


def draw(rows):
    """The figures that these rows are enough for: two points a line or more.

    Parameters
    ----------
    rows : dict of str to list of Row
        By suite.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        By name.
    """
    inference = [row for row in rows.get("inference", ()) if row.unit == "ms" and _is_full(row.at)]
    batches = [row for row in inference if row.at["length"] == 128]
    lengths = [row for row in inference if row.at["batch"] == 1]
    attention = rows.get("attention", ())
    times = [row for row in attention if row.unit == "ms"]
    memory = [row for row in attention if row.unit == "MB"]
    drawn = {
        "latency-batch": _lines(batches, "batch", "texts of 128 tokens", "ms"),
        "time-per-token": _lines(
            batches, "batch", "texts of 128 tokens", "μs a token", log_y=False, scaled=_per_token
        ),
        "latency-length": _lines(lengths, "length", "tokens of one text", "ms"),
        "attention-length": _lines(times, "length", "tokens", "ms"),
        "memory-length": _lines(
            memory, "length", "tokens", "MB beside q, k and v", log_x=False, log_y=False
        ),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _is_full(at):
    """Whether the batch has no padding."""
    return bool(at) and at["tokens"] == at["batch"] * at["length"]


def _per_token(milliseconds, at):
    return 1e3 * milliseconds / (at["batch"] * at["length"])


def _lines(rows, size, x_label, y_label, *, log_x=True, log_y=True, scaled=None):
    """One line an engine, ours first; None where there is too little to draw.

    What should be flat, or proportional to the size, is drawn from zero on.
    """
    curves = {OURS: ([], [])}
    for row in sorted(rows, key=lambda row: row.at[size]):
        for name, figure in row.figures.items():
            x, y = curves.setdefault(name, ([], []))
            x.append(row.at[size])
            y.append(scaled(figure.median, row.at) if scaled else figure.median)
    curves = {name: curve for name, curve in curves.items() if len(curve[0]) > 1}
    if not curves:
        return None
    figure = plot.lines(curves, x_label=x_label, y_label=y_label, log_x=log_x, log_y=log_y)
    (ax,) = figure.axes
    sizes = sorted({row.at[size] for row in rows})
    ax.set_xticks(sizes, [f"{n}" for n in sizes])
    if not log_y:
        ax.set_ylim(bottom=0)
    if not log_x:
        ax.set_xlim(left=0)
    return figure
