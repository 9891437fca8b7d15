r"""How good predictions are.

Of n examples, with n_ck the number that have label c and were predicted as k; t_c = sum_k n_ck
labels and p_c = sum_k n_kc predictions of class c:

    (1)  accuracy = sum_c n_cc / n
    (2)  F1 of class c = 2 n_cc / (t_c + p_c), the harmonic mean of precision and recall
    (3)  Matthews = (n sum_c n_cc - sum_c t_c p_c) / sqrt((n^2 - sum_c t_c^2) (n^2 - sum_c p_c^2))

and where the labels y and the predictions x are numbers, with means my and mx:

    (4)  Pearson = sum (x - mx) (y - my) / sqrt(sum (x - mx)^2 sum (y - my)^2)
    (5)  Spearman = Pearson of the ranks; numbers that are equal share the mean of their ranks
    (6)  mean squared error = mean (x - y)^2

(2) is van Rijsbergen's F (1979), (3) for two classes Matthews (1975), for more Gorodkin (2004):
the correlation of the predictions with the labels, 0 for guessing whatever the mixture. GLUE
(Wang et al. 2018) reports (3) for CoLA, (1) and (2) for MRPC and QQP, (4) and (5) for STS-B.

Where a denominator is 0: F1 is 0 (the class occurs on neither side), Matthews is 0 (only one class
was predicted, or there is only one), as in scikit-learn; a correlation with a constant is NaN, as
in SciPy.
"""

import numpy as np


def accuracy(predicted, labels):
    """Share of the predictions that are right (1), in [0, 1].

    Examples
    --------
    >>> accuracy([0, 1, 2, 2], [0, 1, 2, 0])
    0.75
    """
    predicted, labels = _both(predicted, labels)
    return float((predicted == labels).mean())


def f1(predicted, labels, average="binary"):
    """F1 of class 1 among two (2), or the mean of the F1 of all classes; in [0, 1].

    Parameters
    ----------
    predicted, labels : array-like, (n,)
        Classes. "binary" takes 0 and 1 only.
    average : str
        "binary", or "macro": the mean over the classes that occur in `predicted` or `labels`.

    Raises
    ------
    ValueError
        If the sizes differ, `average` is another, or there is another class than 0 and 1.

    Examples
    --------
    >>> f1([0, 1, 1], [0, 1, 0])
    0.6666666666666666
    """
    predicted, labels = _both(predicted, labels)
    if average == "binary":
        for name, classes in (("predicted", predicted), ("labels", labels)):
            if not np.isin(classes, (0, 1)).all():
                raise ValueError(f'{name} has other classes than 0 and 1; try average="macro"')
        hits = int(((predicted == 1) & (labels == 1)).sum())
        both = int((predicted == 1).sum() + (labels == 1).sum())
        return 2 * hits / both if both else 0.0  # (2)
    if average != "macro":
        raise ValueError(f'average={average!r}; it is "binary" or "macro"')
    hits, p, t = _counts(predicted, labels)  # (C,)
    return float((2 * hits / (p + t)).mean())  # (2)


def matthews(predicted, labels):
    """Matthews' correlation coefficient (3) of two or more classes, in [-1, 1].

    Examples
    --------
    >>> matthews([0, 1, 1, 1], [0, 1, 1, 0]), matthews([1, 1, 1], [0, 1, 1])
    (0.5773502691896258, 0.0)
    """
    hits, p, t = (count.astype(float) for count in _counts(*_both(predicted, labels)))  # (C,)
    n = t.sum()
    spread = (n * n - (t * t).sum()) * (n * n - (p * p).sum())
    if spread == 0.0:
        return 0.0
    return float((n * hits.sum() - (t * p).sum()) / np.sqrt(spread))  # (3)


def pearson(predicted, labels):
    """Correlation of two rows of numbers (4), in [-1, 1]; NaN if one is constant.

    Examples
    --------
    >>> pearson([1, 2, 3, 5], [2, 4, 6, 10]), pearson([1, 1], [0, 1])
    (1.0, nan)
    """
    x, y = _numbers(predicted, labels)
    if (x == x[0]).all() or (y == y[0]).all():
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))  # (4)


def spearman(predicted, labels):
    """Correlation of the ranks (5), in [-1, 1]; NaN if one side is constant.

    Examples
    --------
    >>> spearman([1, 2, 3], [1, 10, 100])
    1.0
    """
    x, y = _numbers(predicted, labels)
    return pearson(average_ranks(x), average_ranks(y))  # (5)


def mean_squared_error(predicted, labels):
    """Mean squared difference (6), in the labels' unit squared.

    Examples
    --------
    >>> mean_squared_error([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    x, y = _numbers(predicted, labels)
    return float(((x - y) ** 2).mean())  # (6)


def average_ranks(x):
    """Ranks from 1; numbers that are equal share the mean of their ranks.

    >>> average_ranks([30, 10, 20, 20])
    array([4. , 1. , 2.5, 2.5])
    """
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)  # the highest rank of each group of equal numbers
    return (last - (counts - 1) / 2)[place]


def _counts(predicted, labels):
    """n_cc, p_c and t_c for each class that occurs, (C,) each."""
    n = len(labels)
    classes, place = np.unique(np.concatenate([predicted, labels]), return_inverse=True)
    C, p, t = len(classes), place[:n], place[n:]
    return tuple(np.bincount(rows, minlength=C) for rows in (t[p == t], p, t))


def _both(predicted, labels):
    """Two arrays of the same shape with something in them."""
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    if predicted.shape != labels.shape or not labels.size:
        raise ValueError(
            f"predicted is {predicted.shape}, labels {labels.shape}; give one of each per example"
        )
    return predicted, labels


def _numbers(predicted, labels):
    """Two rows of finite float64."""
    x, y = (a.astype(np.float64).ravel() for a in _both(predicted, labels))
    for name, a in (("predicted", x), ("labels", y)):
        if not np.isfinite(a).all():
            raise ValueError(f"{name} has NaN or infinity at {np.flatnonzero(~np.isfinite(a))[0]}")
    return x, y
