"""The scores that fit a task, each with its bootstrap interval."""

from functools import partial
from typing import NamedTuple

import numpy as np

from minibert.eval.bootstrap import bootstrap_interval
from minibert.eval.metrics import accuracy, f1, matthews, mean_squared_error, pearson, spearman

TWO_CLASSES = {"accuracy": accuracy, "f1": f1, "matthews": matthews}
MORE_CLASSES = {
    "accuracy": accuracy,
    "f1_macro": partial(f1, average="macro"),
    "matthews": matthews,
}
REGRESSION = {"pearson": pearson, "spearman": spearman, "mse": mean_squared_error}


class Score(NamedTuple):
    """A metric's value, and the interval from `low` to `high` around it."""

    value: float
    low: float
    high: float


def scores(predicted, labels, task, *, classes=None, n=1000, level=0.95, seed=0):
    """Every metric that fits the task.

    Parameters
    ----------
    predicted, labels : array-like, (examples,)
        Class numbers from 0, or numbers.
    task : str
        "classification" or "regression".
    classes : int, optional
        How many classes the task has; otherwise two if only 0 and 1 occur.
    n, level, seed
        As for `bootstrap_interval`. All metrics see the same resamples.

    Returns
    -------
    dict of str to Score
        Two classes: "accuracy", "f1" (of class 1), "matthews". More: "accuracy", "f1_macro",
        "matthews". Regression: "pearson", "spearman", "mse".

    Raises
    ------
    ValueError
        If the sizes differ, there is no example, or the task is another.

    Examples
    --------
    >>> list(scores([0, 1, 1, 0], [0, 1, 0, 0], "classification"))
    ['accuracy', 'f1', 'matthews']
    """
    metrics = _metrics(predicted, labels, task, classes)
    return {
        name: Score(
            metric(predicted, labels),
            *bootstrap_interval(metric, predicted, labels, n=n, level=level, seed=seed),
        )
        for name, metric in metrics.items()
    }


def _metrics(predicted, labels, task, classes):
    """Names and functions for a task."""
    if task == "regression":
        return REGRESSION
    if task != "classification":
        raise ValueError(f'task={task!r}; it is "classification" or "regression"')
    if classes is None:
        both = np.concatenate([np.ravel(predicted), np.ravel(labels)])
        classes = 2 if np.isin(both, (0, 1)).all() else len(np.unique(both))
    return TWO_CLASSES if classes == 2 else MORE_CLASSES


def format_scores(scores, level=0.95):
    """The scores as lines for a terminal; `level` is what the intervals were made with.

    >>> print(format_scores({"accuracy": Score(0.8312, 0.808, 0.8541)}))
    accuracy   0.831   95% interval 0.808 to 0.854
    """
    width = max(8, *map(len, scores))
    return "\n".join(
        f"{name:<{width}} {_number(s.value)}   {level:.0%} interval {_number(s.low).strip()} "
        f"to {_number(s.high).strip()}"
        for name, s in scores.items()
    )


def _number(x):
    """Seven columns wide: three decimals, or as many digits as a large number needs."""
    return f"{x:7.3f}" if not abs(x) >= 1000 else f"{x:7.4g}"
