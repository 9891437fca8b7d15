"""Loss curves of training stages."""

import numpy as np

from minibert.plot.axes import label_log
from minibert.plot.canvas import COLORS, check_some, grid, styled

NOT_LOSSES = ("step", "loss", "lr", "grad_norm", "tokens_per_s")


@styled
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
    check_some("histories", histories)
    for stage, rows in histories.items():
        check_some(f"histories[{stage!r}]", rows)
    parts = {stage: _parts(rows[0]) for stage, rows in histories.items()}
    names = dict.fromkeys(name for some in parts.values() for name in some)
    color = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    columns = min(len(histories), 3)
    figure, axes = grid(len(histories), columns, (min(8 / columns, 5), 2.4))
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
            label_log(ax.yaxis)
        ax.set_title(stage, parse_math=False)
        ax.set_xlabel("step")
        ax.xaxis.get_major_locator().set_params(integer=True)
        if parts[stage] != ["loss"]:
            ax.legend(handlelength=1.2, borderaxespad=0.2)
    axes[0].set_ylabel("loss")
    return figure


def _parts(row):
    """The parts of the loss in a row of a history; the loss itself where it has none."""
    return [name for name in row if name not in NOT_LOSSES] or ["loss"]
