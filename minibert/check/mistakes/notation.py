"""Short words that the formulas are written with."""

import numpy as np


def T(x):
    """The transpose of the last two axes, as `.T`; it is no letter of the formulas."""
    return np.swapaxes(x, -1, -2)


def total(x, axis=-1):
    """The sum over an axis that stays."""
    return x.sum(axis, keepdims=True)


def mean(x, axis=-1):
    """The mean over an axis that stays."""
    return x.mean(axis, keepdims=True)


def rows(x):
    """All axes but the last as one."""
    return x.reshape(-1, x.shape[-1])


def length(x):
    """The root of the sum of the squares of all entries."""
    return np.sqrt((x * x).sum())


def softmax(x, axis=-1):
    """exp(x) over its sum."""
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / total(e, axis)


def softmax_gradient(dp, p, axis=-1):
    """The gradient through `softmax`, from its result p."""
    return p * (dp - total(dp * p, axis))


def sigmoid(x):
    """The logistic function, 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def log_softmax(x, axis=-1):
    """x less the logarithm of the sum of exp(x)."""
    x = x - x.max(axis, keepdims=True)
    return x - np.log(total(np.exp(x), axis))


def onehot(labels, n):
    """1 at the label, 0 elsewhere; all 0 where the label is none of the n."""
    return (labels[..., None] == np.arange(n)).astype(np.float64)
