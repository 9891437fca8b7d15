"""Softmax and its logarithm, over the last axis.

    (1)  p_i = exp(s_i - max s) / sum_j exp(s_j - max s)
    (2)  log p_i = s_i - max s - log sum_j exp(s_j - max s)

Subtracting the maximum changes nothing in exact arithmetic and keeps exp from overflowing.

    (1') ds_i = p_i (dp_i - sum_j dp_j p_j)
    (2') ds_i = dlogp_i - p_i sum_j dlogp_j
"""

import numpy as np


def softmax_forward(s):
    """Probabilities p of the scores s.

    Parameters
    ----------
    s : ndarray (..., n)

    Returns
    -------
    p : ndarray (..., n)
        Each row sums to 1.
    cache

    Examples
    --------
    >>> softmax_forward(np.zeros(4))[0]
    array([0.25, 0.25, 0.25, 0.25])
    """
    e = np.exp(s - s.max(-1, keepdims=True))  # (...,n)
    p = e / e.sum(-1, keepdims=True)  # (...,n)  (1)
    return p, p


def softmax_backward(dp, cache):
    """ds of `softmax_forward`, (..., n)."""
    p = cache
    return p * (dp - (dp * p).sum(-1, keepdims=True))  # (...,n)  (1')


def log_softmax_forward(s):
    """Log-probabilities of the scores s; exact where softmax would underflow to 0.

    Parameters
    ----------
    s : ndarray (..., n)

    Returns
    -------
    logp : ndarray (..., n)
        Natural logarithms.
    cache
    """
    shifted = s - s.max(-1, keepdims=True)  # (...,n)
    logp = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))  # (...,n)  (2)
    return logp, logp


def log_softmax_backward(dlogp, cache):
    """ds of `log_softmax_forward`, (..., n)."""
    p = np.exp(cache)
    return dlogp - p * dlogp.sum(-1, keepdims=True)  # (...,n)  (2')
