"""Mean squared error and cosine distance.

    (1)  mse = mean of (a - b)^2                    (1') da = 2 (a - b) / n,  db = -da
    (2)  cosine = mean over rows of 1 - cos(a, b),  cos = a.b / (|a| |b|)
    (2') da = -(b/|b| - cos a/|a|) / (|a| rows),  and the same with a and b exchanged

With `keep` only the rows where it is True count, in the sum and in the mean.
"""

import numpy as np


def mse_forward(a, b, keep=None):
    """Mean of (a - b)^2.

    Parameters
    ----------
    a, b : ndarray (..., D)
    keep : ndarray of bool (...), optional
        The rows that count; all where not given.

    Returns
    -------
    loss : scalar
    cache

    Examples
    --------
    >>> float(mse_forward(np.array([1., 3.]), np.array([1., 1.]))[0])
    2.0
    """
    difference = a - b if keep is None else (a - b) * keep[..., None]  # (...,D)
    n = a.size if keep is None else int(keep.sum()) * a.shape[-1]
    n = max(n, 1)
    return (difference * difference).sum() / n, (difference, n)  # (1)


def mse_backward(dloss, cache):
    """da and db of `mse_forward`."""
    difference, n = cache
    da = difference * (2.0 * dloss / n)  # (1')
    return da, -da


def cosine_forward(a, b, keep=None):
    """Mean over rows of 1 - cos(a, b).

    Parameters
    ----------
    a, b : ndarray (..., D)
    keep : ndarray of bool (...), optional
        The rows that count.

    Returns
    -------
    loss : scalar
    cache

    Notes
    -----
    A row of zeros has no direction; its norm is taken as at least 1e-8, as in PyTorch.
    """
    norm_a = np.maximum(np.sqrt((a * a).sum(-1, keepdims=True)), 1e-8)  # (...,1)
    norm_b = np.maximum(np.sqrt((b * b).sum(-1, keepdims=True)), 1e-8)  # (...,1)
    unit_a, unit_b = a / norm_a, b / norm_b  # (...,D)
    cos = (unit_a * unit_b).sum(-1, keepdims=True)  # (...,1)
    rows = np.ones(cos.shape, a.dtype) if keep is None else keep[..., None].astype(a.dtype)
    weight = rows / max(rows.sum(), 1)  # (...,1)
    loss = ((1.0 - cos) * weight).sum()  # (2)
    return loss, (unit_a, unit_b, norm_a, norm_b, cos, weight)


def cosine_backward(dloss, cache):
    """da and db of `cosine_forward`."""
    unit_a, unit_b, norm_a, norm_b, cos, weight = cache
    share = weight * dloss
    da = -share * (unit_b - cos * unit_a) / norm_a  # (...,D)  (2')
    db = -share * (unit_a - cos * unit_b) / norm_b  # (...,D)  (2')
    return da, db
