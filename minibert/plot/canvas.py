"""An empty figure in one style, whatever the user's settings, and the file it ends in."""

import functools
import io
import math
import os
from pathlib import Path

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#777777"
STYLE = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": f"cycler('color', {COLORS})",
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "figure.dpi": 150,
    "text.usetex": False,
    "text.parse_math": True,
}


def styled(draw):
    """Run a function under `STYLE`, whatever the user's settings, which come back afterwards."""

    @functools.wraps(draw)
    def wrapped(*args, **kwargs):
        with import_matplotlib().rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapped


def import_matplotlib():
    """The package, imported on first use."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            f"figures need matplotlib, which cannot be imported here ({error}); "
            "install it with: pip install matplotlib"
        ) from error
    return matplotlib


def new_figure(width, height):
    """An empty figure of this size in inches, which a notebook shows as the value of a cell."""
    import_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    FigureCanvasAgg(figure)
    # IPython knows how to show a Figure only where pyplot was imported.
    figure._repr_png_ = functools.partial(_png, figure)
    return figure


def _png(figure):
    written = io.BytesIO()
    figure.savefig(written, format="png", facecolor="white")
    return written.getvalue()


def grid(n, columns, size, **gridspec):
    """A figure with n panels, each of this size in inches, and the panels in a list."""
    rows = math.ceil(n / columns)
    figure = new_figure(columns * size[0], rows * size[1])
    axes = list(figure.subplots(rows, columns, squeeze=False, gridspec_kw=gridspec).flat)
    for ax in axes[n:]:
        ax.remove()
    return figure, axes[:n]


def check_some(name, values):
    """Raise a ValueError where there is nothing to draw."""
    if not values:
        raise ValueError(f"{name}: there is nothing to draw")


def save(figure, path):
    """Write a figure; the ending of the name says in which format (.png, .svg, .pdf).

    The file appears under its name only when it is complete. The same figure gives the same
    bytes: no date and no version is written into it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path

    Returns
    -------
    Path
    """
    path = Path(path)
    kind = path.suffix[1:].lower()
    undated = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    if kind not in undated:
        raise ValueError(f"path ends in {path.suffix!r}; a figure is .png, .svg or .pdf")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with import_matplotlib().rc_context({"svg.hashsalt": "minibert"}):
            figure.savefig(temporary, format=kind, facecolor="white", metadata=undated[kind])
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
