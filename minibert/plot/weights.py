"""Weights in float and what int8 leaves of them."""

import math

import numpy as np

from minibert.plot.canvas import COLORS, check_some, grid, styled

LEVELS = 127  # int8 weights are q * scale with q in [-127, 127]


@styled
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
    check_some("before", before)
    if before.keys() != after.keys():
        odd = sorted(before.keys() ^ after.keys())[0]
        raise ValueError(f"{odd!r} is in only one of before and after")
    figure, axes = grid(2 * len(before), 2, (4, 1.9), width_ratios=(2.4, 1))
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
