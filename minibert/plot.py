"""Figures: loss curves, attention maps, weight histograms, accuracy against size or time.

Every function takes plain numbers and names, and returns a `matplotlib.figure.Figure`, which a
notebook shows and `save` writes. pyplot is not used, so nothing is left in a global list of figures
and no window opens. The colours are those of Okabe and Ito (2008), told apart by colour-blind
readers as well.
"""

import functools
import io
import math
import os
import re
from pathlib import Path

import numpy as np

__all__ = [
    "accuracy_against",
    "attention_maps",
    "heatmaps",
    "lines",
    "loss_curves",
    "save",
    "weight_histograms",
]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#777777"
NOT_LOSSES = ("step", "loss", "lr", "grad_norm", "tokens_per_s")
LEVELS = 127  # int8 weights are q * scale with q in [-127, 127]
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
CJK_FONTS = re.compile(
    r"CJK|Source Han|Noto (Sans|Serif) (SC|TC|HK|JP|KR)|WenQuanYi|Droid Sans Fallback|AR PL"
    r"|Sarasa|LXGW|SimHei|SimSun|YaHei|JhengHei|MingLiU|KaiTi|FangSong|PingFang|Heiti|Songti|Hiragino"
    r"|Arial Unicode|Unifont|Meiryo|Yu Gothic|Malgun|IPA"
)


def _styled(draw):
    """Run a function under `STYLE`, whatever the user's settings, which come back afterwards."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        with _matplotlib().rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


@_styled
def loss_curves(histories):
    """One panel a training stage, one line a part of the loss.

    Where a stage has many steps, the thick line is a moving average and the thin one the steps
    themselves. A panel whose values span more than a factor of 10 is logarithmic.

    Parameters
    ----------
    histories : dict of str to list of dict
        Rows of `minibert.train.fit` by the name of the stage: "step", "loss" and any named parts.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There is no stage, or one without rows.
    """
    _check_some("histories", histories)
    for stage, rows in histories.items():
        _check_some(f"histories[{stage!r}]", rows)
    parts = {stage: _parts(rows[0]) for stage, rows in histories.items()}
    names = dict.fromkeys(name for some in parts.values() for name in some)
    color = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    columns = min(len(histories), 3)
    figure, axes = _grid(len(histories), columns, (min(8 / columns, 5), 2.4))
    for ax, (stage, rows) in zip(axes, histories.items(), strict=True):
        step = np.array([row["step"] for row in rows])
        drawn = []
        for name in parts[stage]:
            y = np.array([row[name] for row in rows], float)
            drawn.append(y)
            window = max(1, len(y) // 25)
            if window > 1:
                ax.plot(step, y, color=color[name], linewidth=0.5, alpha=0.3)
            x, y = (np.convolve(a, np.full(window, 1 / window), "valid") for a in (step, y))
            marker = "." if len(y) == 1 else ""
            ax.plot(x, y, color=color[name], label=name, marker=marker)
        drawn = np.concatenate(drawn)
        if drawn.min() > 0 and drawn.max() > 10 * drawn.min():
            ax.set_yscale("log")
            _label_log(ax.yaxis)
        ax.set_title(stage, parse_math=False)
        ax.set_xlabel("step")
        ax.xaxis.get_major_locator().set_params(integer=True)
        if parts[stage] != ["loss"]:
            ax.legend(handlelength=1.2, borderaxespad=0.2)
    axes[0].set_ylabel("loss")
    return figure


@_styled
def attention_maps(tokens, teacher, student, titles=("teacher", "student")):
    """Attention probabilities of two models side by side, a small map for every head.

    Rows are queries, columns keys; all maps share one colour scale. A token that no installed
    font can write is labelled by its place in the text, as "#3".

    Parameters
    ----------
    tokens : list of str
        L of them, no padding.
    teacher, student : ndarray (H,L,L), or lists of such arrays, one for each layer to be shown
        Numbers of heads may differ, numbers of layers must not.
    titles : pair of str, or list of such pairs
        What stands above the two sides; with several layers one pair for each.

    Returns
    -------
    matplotlib.figure.Figure
    """
    sides = [_layers(a) for a in (teacher, student)]
    if len(sides[0]) != len(sides[1]):
        raise ValueError(
            f"teacher has {len(sides[0])} layers, student {len(sides[1])}: give as many of each, "
            "the teacher's being those that the student's layers learn from"
        )
    pairs = list(zip(*sides, strict=True))
    L = len(tokens)
    for p in (p for pair in pairs for p in pair):
        if p.ndim != 3 or p.shape[1:] != (L, L):
            raise ValueError(f"attention has shape {p.shape}; with {L} tokens wanted (H,{L},{L})")
    titles = titles if isinstance(titles[0], (tuple, list)) else [titles] * len(pairs)
    if len(titles) != len(pairs):
        raise ValueError(f"titles has {len(titles)} pairs for {len(pairs)} layers")
    grids = [_head_grid(max(len(p) for p in pair)) for pair in pairs]
    panel = 3.7 / max(columns for _, columns in grids)  # inches, a side being 4.3 wide
    heights = [rows * panel + 0.7 for rows, _ in grids]
    figure = _figure(9.2, sum(heights))
    blocks = figure.subfigures(
        len(pairs), 3, width_ratios=(4.3, 4.3, 0.6), height_ratios=heights, squeeze=False
    )
    # Even attention, 1/L everywhere, is not to look strong.
    top = max(2 / L, *(p.max() for pair in pairs for p in pair))
    labels = _token_labels(tokens, panel)
    for block, pair, title, grid in zip(blocks, pairs, titles, grids, strict=True):
        for side, p, text in zip(block[:2], pair, title, strict=True):
            side.suptitle(text, parse_math=False, fontsize=9)
            image = _draw_heads(side, p, grid, labels, top)
        figure.colorbar(image, cax=block[2].add_axes((0.05, 0.3, 0.18, 0.4)))
    return figure


def _draw_heads(side, p, grid, labels, top):
    """The maps of one layer (H,L,L), labelled along the left and the lower edge."""
    rows, columns = grid
    axes = side.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax in axes.flat[len(p) :]:
        ax.set_visible(False)
    for head, ax in zip(p, axes.flat, strict=False):
        image = ax.imshow(head, cmap="Blues", vmin=0, vmax=top)
        ax.tick_params(length=0, pad=1)
        ax.spines[:].set(visible=True, color="#bbbbbb", linewidth=0.5)
        ax.xaxis.set_ticks(labels["ticks"], labels["texts"], rotation=90, **labels["style"])
        ax.yaxis.set_ticks(labels["ticks"], labels["texts"], **labels["style"])
        ax.label_outer()
    for ax in axes.flat[max(0, len(p) - columns) : len(p)]:
        ax.tick_params(labelbottom=True)  # also above an empty place of the grid
    return image


def _token_labels(tokens, panel):
    """What stands along a map `panel` inches wide: fewer labels where all would overlap."""
    texts, family = _readable(tokens, [f"#{i}" for i in range(len(tokens))])
    size = min(max(0.8 * 72 * panel / len(tokens), 5), 8)
    every = math.ceil(len(tokens) * size / (72 * panel))
    style = {"family": family, "fontsize": size, "parse_math": False}
    ticks = range(0, len(tokens), every)
    return {"ticks": ticks, "texts": texts[::every], "style": style}


def _head_grid(heads):
    """Rows and columns for so many small maps, three a row at most."""
    columns = 2 if heads == 4 else min(3, heads)
    return math.ceil(heads / columns), columns


@_styled
def weight_histograms(before, after):
    """Float weights and what int8 leaves of them, in units of each row's own quantization step.

    In these units a weight w is w / scale, and int8 can say the 255 whole numbers from -127 to
    127. On the left each of the 255 has a bar of its own: weights per step. On the right the
    middle is enlarged, so that one sees what rounding does: all weights within half a step of a
    whole number move onto it. Float weights have a bin for five steps on the left, and four bins a
    step on the right.

    Parameters
    ----------
    before, after : dict of str to ndarray (out, in)
        Matrices by name, in float and dequantized from int8 (q * scale, one scale a row or one
        for the whole matrix).

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The names or shapes differ, or `after` does not lie on 255 levels.
    """
    _check_some("before", before)
    if before.keys() != after.keys():
        odd = sorted(before.keys() ^ after.keys())[0]
        raise ValueError(f"{odd!r} is in only one of before and after")
    figure, axes = _grid(2 * len(before), 2, (4, 1.9), width_ratios=(2.4, 1))
    for name, whole, middle in zip(before, axes[::2], axes[1::2], strict=True):
        steps, q = _in_steps(name, np.asarray(before[name]), np.asarray(after[name]))
        levels = np.arange(-LEVELS, LEVELS + 1)
        counts = np.bincount((q + LEVELS).reshape(-1), minlength=len(levels))
        # On the left a level is two or three pixels wide, too narrow for gaps between bars.
        whole.stairs(counts, np.append(levels, LEVELS + 1) - 0.5, fill=True, color=COLORS[0])
        near = abs(levels) <= 4
        middle.bar(levels[near], counts[near], width=0.15, color=COLORS[0])
        for ax, bins_a_step, reach in ((whole, 0.2, LEVELS), (middle, 4, 4)):
            edges = np.linspace(-reach - 0.5, reach + 0.5, round((2 * reach + 1) * bins_a_step) + 1)
            density = np.histogram(steps, edges)[0] / (edges[1] - edges[0])
            ax.stairs(density, edges, color=COLORS[1], linewidth=1)
            ax.set_xlim(edges[0] - 0.5, edges[-1] + 0.5)
            ax.set_ylim(bottom=0)
        used = int((counts > 0).sum())
        error = math.sqrt(np.square(steps - q).mean() / max(np.square(steps).mean(), 1e-300))
        whole.set_title(
            f"{name}\n{used} of 255 levels in use, rounding error {error:.2%} (rms)",
            loc="left", parse_math=False,
        )
        middle.set_title("the middle", loc="left")
        middle.set_xticks(range(-4, 5))
        whole.set_ylabel("weights per step")
    axes[0].legend(axes[0].patches, ["int8", "float"], handlelength=1.2)
    for ax in axes[-2:]:
        ax.set_xlabel("weight / its row's step")
    return figure


@_styled
def accuracy_against(rows, field, label):
    """Accuracy against what it costs, each point labelled by its name.

    Parameters
    ----------
    rows : list of dict
        With "name", "accuracy" (0 to 1) and `field`. A row without a positive value there is
        left out.
    field : str
        "bytes", "latency_ms_1" or "latency_ms_32"; drawn on a logarithmic axis.
    label : str
        Of that axis.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from_rows = [r for r in rows if r.get("accuracy") is not None and (r.get(field) or 0) > 0]
    _check_some(f"rows with a positive {field!r}", from_rows)
    x = np.array([row[field] for row in from_rows], float)
    y = np.array([row["accuracy"] for row in from_rows], float)
    figure, (ax,) = _grid(1, 1, (6, 3.6))
    ax.scatter(x, y, s=30, color=COLORS[0], zorder=4)
    ax.set_xscale("log")
    ax.margins(0.12, 0.15)
    _label_log(ax.xaxis, _bytes if field == "bytes" else "{x:g}")
    ax.yaxis.set_major_formatter("{x:.0%}" if np.ptp(y) > 0.05 else "{x:.1%}")
    ax.grid(axis="y", color="#dddddd", linewidth=0.6)
    ax.set_xlabel(label)
    ax.set_ylabel("accuracy")
    names = [str(row["name"]) for row in from_rows]
    texts, family = _readable(names, [f"row {i + 1}" for i in range(len(names))])
    _label_points(figure, ax, x, y, texts, family)
    return figure


@_styled
def heatmaps(matrices, rows=None, columns=None, *, row_label="", column_label=""):
    """Matrices as pictures in a row, each with its own colour scale.

    A matrix with negative entries gets two colours that meet in white at zero.

    Parameters
    ----------
    matrices : dict of str to ndarray (m,n)
        By title.
    rows, columns : list of str, optional
        Names of the rows and columns, the same for all matrices.
    row_label, column_label : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    _check_some("matrices", matrices)
    n = len(matrices)
    figure, axes = _grid(n, n, (min(8 / n, 4), min(8 / n, 4) * 0.85))
    for ax, (title, matrix) in zip(axes, matrices.items(), strict=True):
        matrix = np.asarray(matrix)
        top = max(np.abs(matrix).max(), 1e-300)
        signed = matrix.min() < 0
        image = ax.imshow(
            matrix, cmap="RdBu_r" if signed else "Blues", vmin=-top if signed else 0, vmax=top
        )
        figure.colorbar(image, ax=ax, shrink=0.75)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        ax.set_title(title)
        ax.set_xlabel(column_label)
        for axis, names, turn in ((ax.xaxis, columns, 90), (ax.yaxis, rows, 0)):
            if names is not None:
                labels, family = _readable(names, [f"#{i}" for i in range(len(names))])
                axis.set_ticks(
                    range(len(labels)), labels, rotation=turn, family=family, parse_math=False
                )
    axes[0].set_ylabel(row_label)
    return figure


@_styled
def lines(curves, *, x_label, y_label, log_x=False, log_y=False):
    """Named lines in one panel.

    Parameters
    ----------
    curves : dict of str to (x, y)
    x_label, y_label : str
    log_x, log_y : bool

    Returns
    -------
    matplotlib.figure.Figure
    """
    _check_some("curves", curves)
    figure, (ax,) = _grid(1, 1, (5.5, 3))
    for name, (x, y) in curves.items():
        ax.plot(x, y, label=name, marker="o" if len(x) <= 20 else "", markersize=3)
    if log_x:
        ax.set_xscale("log")
        _label_log(ax.xaxis)
    if log_y:
        ax.set_yscale("log")
        _label_log(ax.yaxis)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.legend(handlelength=1.2)
    return figure


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
        with _matplotlib().rc_context({"svg.hashsalt": "minibert"}):
            figure.savefig(temporary, format=kind, facecolor="white", metadata=undated[kind])
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _matplotlib():
    """The package, imported on first use."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            f"figures need matplotlib, which cannot be imported here ({error}); "
            "install it with: pip install matplotlib"
        ) from error
    return matplotlib


def _figure(width, height):
    """An empty figure of this size in inches, which a notebook shows as the value of a cell."""
    _matplotlib()
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


def _grid(n, columns, size, **gridspec):
    """A figure with n panels, each of this size in inches, and the panels in a list."""
    rows = math.ceil(n / columns)
    figure = _figure(columns * size[0], rows * size[1])
    axes = list(figure.subplots(rows, columns, squeeze=False, gridspec_kw=gridspec).flat)
    for ax in axes[n:]:
        ax.remove()
    return figure, axes[:n]


def _check_some(name, values):
    if not values:
        raise ValueError(f"{name}: there is nothing to draw")


def _parts(row):
    """The parts of the loss in a row of a history; the loss itself where it has none."""
    return [name for name in row if name not in NOT_LOSSES] or ["loss"]


def _layers(attention):
    """A list of (H,L,L) arrays from such a list or from one array."""
    one = not isinstance(attention, (list, tuple))
    return [np.asarray(p) for p in ([attention] if one else attention)]


def _in_steps(name, w, dequantized):
    """w / scale, and the whole numbers that int8 makes of it; finds the scale from the values."""
    if w.shape != dequantized.shape or w.ndim != 2:
        raise ValueError(
            f"{name}: shapes {w.shape} before and {dequantized.shape} after; wanted (out,in) twice"
        )
    size = np.abs(dequantized.astype(np.float64))
    for largest in (size.max(1, keepdims=True), size.max(keepdims=True)):
        scale = np.where(largest > 0, largest / LEVELS, 1.0)
        q = dequantized / scale
        if np.abs(q - np.rint(q)).max() < 1e-2:
            return w / scale, np.rint(q).astype(int)
    raise ValueError(
        f"{name}: the values after do not lie on the 255 levels q * scale, q from -127 to 127, "
        "with one scale a row or one for all; give the dequantized int8 weights"
    )


def _label_log(axis, write="{x:g}"):
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


def _bytes(n, _):
    """"2 MB" of 2000000, as a tick's label."""
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:g} {unit}"
        n /= 1000
    return f"{n:g} GB"


def _label_points(figure, ax, x, y, texts, family):
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


def _readable(texts, substitutes):
    """The texts, each that no installed font can write exchanged for its substitute, and the fonts.

    Asking the fonts beforehand is what avoids empty boxes, and matplotlib's warning about them.
    """
    family = list(STYLE["font.family"])
    known = _characters(family[0])
    missing = {c for text in texts for c in text} - known
    if missing:
        best = max(_cjk_families(), key=lambda name: len(missing & _characters(name)), default=None)
        if best is not None and missing & _characters(best):
            family.append(best)
            known = known | _characters(best)
    pairs = zip(texts, substitutes, strict=True)
    return [a if a.strip() and known.issuperset(a) else b for a, b in pairs], family


def _cjk_families():
    """Names of the installed fonts that are known to have Chinese characters."""
    from matplotlib import font_manager

    return sorted({f.name for f in font_manager.fontManager.ttflist if CJK_FONTS.search(f.name)})


@functools.lru_cache
def _characters(family):
    """The characters that a font can write."""
    from matplotlib import font_manager

    path = font_manager.findfont(font_manager.FontProperties(family=family))
    return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
