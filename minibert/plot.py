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
    "axes.prop_cycle": "cycler('color', %r)" % (COLORS,),
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "figure.dpi": 150,
    "text.usetex": False,
    "text.parse_math": True,
}


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
    names = list(dict.fromkeys(name for some in parts.values() for name in some if name != "loss"))
    color = {"loss": "black"} | {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    columns = min(len(histories), 3)
    figure, axes = _grid(len(histories), columns, (8 / columns, 2.4))
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
            ax.plot(x, y, color=color[name], label=name, marker="" if len(y) > 1 else "o")
        _log_where_wide(ax.yaxis, np.concatenate(drawn))
        ax.set_title(stage, parse_math=False)
        ax.set_xlabel("step")
        ax.legend(handlelength=1.2, borderaxespad=0.2)
    axes[0].set_ylabel("loss")
    return figure


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
    titles = _title_pairs(titles, len(pairs))
    grids = [_head_grid(max(len(p) for p in pair)) for pair in pairs]
    panel = 3.6 / max(columns for _, columns in grids)  # inches
    heights = [rows * panel + 0.75 for rows, _ in grids]
    figure = _figure(8.2, sum(heights))
    blocks = figure.subfigures(
        len(pairs), 3, width_ratios=(1, 1, 0.13), height_ratios=heights, squeeze=False
    )
    top = max(p.max() for pair in pairs for p in pair)
    labels, family = _readable(tokens, [f"#{i}" for i in range(L)])
    for block, pair, title, grid in zip(blocks, pairs, titles, grids, strict=True):
        for side, p, text in zip(block[:2], pair, title, strict=True):
            _draw_heads(side, p, grid, labels, family, panel, top).set_text(text)
        scale = block[2].subplots()
        figure.colorbar(_draw_heads.image, cax=scale)
        scale.set_title("p", fontsize=7)
        scale.set_box_aspect(12)
    return figure


def weight_histograms(before, after):
    """Float weights and what int8 leaves of them, in units of each row's own quantization step.

    In these units a weight w is w / scale, and int8 can say the 255 whole numbers from -127 to
    127. On the left each of the 255 has a bar of its own: weights per step. On the right the
    middle is enlarged, with 16 bins a step for the float weights, so that one sees what rounding
    does: all weights within half a step of a whole number move onto it.

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
        for ax, bins_a_step, reach in ((whole, 1, LEVELS), (middle, 16, 4)):
            edges = np.arange(-reach * bins_a_step, reach * bins_a_step + 1) / bins_a_step
            if bins_a_step == 1:
                edges = np.append(edges, reach + 1) - 0.5  # one bin around each level
            density = np.histogram(steps, edges)[0] * bins_a_step
            shown = abs(levels) <= reach
            # Bars without gaps on the left, where a level is about two pixels wide.
            ax.bar(
                levels[shown], counts[shown], width=1.0 if ax is whole else 0.12,
                color=COLORS[0], linewidth=0, label="int8",
            )
            ax.stairs(density, edges, color=COLORS[1], linewidth=0.7, label="float")
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
    axes[0].legend(handlelength=1.2)
    for ax in axes[-2:]:
        ax.set_xlabel("weight / its row's step")
    return figure


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
    ax.scatter(x, y, s=30, color=COLORS[0], zorder=3)
    ax.set_xscale("log")
    ax.margins(0.12, 0.15)
    _label_log(ax.xaxis, "B" if field == "bytes" else "")
    ax.yaxis.set_major_formatter(_ticker().PercentFormatter(1, decimals=None))
    ax.grid(axis="y", color="#dddddd", linewidth=0.6)
    ax.set_xlabel(label)
    ax.set_ylabel("accuracy")
    names = [str(row["name"]) for row in from_rows]
    texts, family = _readable(names, [f"row {i + 1}" for i in range(len(names))])
    _label_points(figure, ax, x, y, texts, family)
    return figure


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
    for axis, is_log in ((ax.xaxis, log_x), (ax.yaxis, log_y)):
        if is_log:
            axis._set_axes_scale("log")
            _label_log(axis)
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
