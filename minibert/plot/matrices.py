"""Pictures of matrices, and named lines: what lessons draw."""

import numpy as np

from minibert.plot.axes import label_log
from minibert.plot.canvas import check_some, grid, styled
from minibert.plot.fonts import readable


@styled
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
    check_some("matrices", matrices)
    n = len(matrices)
    figure, axes = grid(n, n, (min(8 / n, 4), min(8 / n, 4) * 0.85))
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
                labels, family = readable(names, [f"#{i}" for i in range(len(names))])
                axis.set_ticks(
                    range(len(labels)), labels, rotation=turn, family=family, parse_math=False
                )
    axes[0].set_ylabel(row_label)
    return figure


@styled
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
    check_some("curves", curves)
    figure, (ax,) = grid(1, 1, (5.5, 3))
    for name, (x, y) in curves.items():
        ax.plot(x, y, label=name, marker="o" if len(x) <= 20 else "", markersize=3)
    if log_x:
        ax.set_xscale("log")
        label_log(ax.xaxis)
    if log_y:
        ax.set_yscale("log")
        label_log(ax.yaxis)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.legend(handlelength=1.2)
    return figure
