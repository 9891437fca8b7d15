"""Attention maps of two models side by side."""

import math

import numpy as np

from minibert.plot.canvas import new_figure, styled
from minibert.plot.fonts import readable


@styled
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
    figure = new_figure(9.2, sum(heights))
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
    texts, family = readable(tokens, [f"#{i}" for i in range(len(tokens))])
    size = min(max(0.8 * 72 * panel / len(tokens), 5), 8)
    every = math.ceil(len(tokens) * size / (72 * panel))
    style = {"family": family, "fontsize": size, "parse_math": False}
    ticks = range(0, len(tokens), every)
    return {"ticks": ticks, "texts": texts[::every], "style": style}


def _head_grid(heads):
    """Rows and columns for so many small maps, three a row at most."""
    columns = 2 if heads == 4 else min(3, heads)
    return math.ceil(heads / columns), columns


def _layers(attention):
    """A list of (H,L,L) arrays from such a list or from one array."""
    one = not isinstance(attention, (list, tuple))
    return [np.asarray(p) for p in ([attention] if one else attention)]
