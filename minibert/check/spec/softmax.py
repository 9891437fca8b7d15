"""Softmax and its logarithm, in loops."""

import math

import numpy as np


def softmax_forward(s):
    """p[m,i] = exp(s[m,i]) / sum_j exp(s[m,j]), with the row's maximum taken off first."""
    p = np.empty_like(s)
    for m in range(s.shape[0]):
        top = s[m].max()
        total = 0.0
        for j in range(s.shape[1]):
            total += math.exp(s[m, j] - top)
        for i in range(s.shape[1]):
            p[m, i] = math.exp(s[m, i] - top) / total
    return p


def softmax_backward(dp, p):
    """ds[m,j] = sum_i dp[m,i] dp_i/ds_j, with dp_i/ds_j = p_i ((i == j) - p_j)."""
    ds = np.zeros_like(p)
    for m in range(p.shape[0]):
        for j in range(p.shape[1]):
            for i in range(p.shape[1]):
                same = 1.0 if i == j else 0.0
                ds[m, j] += dp[m, i] * p[m, i] * (same - p[m, j])
    return ds


def log_softmax_forward(s):
    """logp[m,i] = s[m,i] - log sum_j exp(s[m,j])."""
    logp = np.empty_like(s)
    for m in range(s.shape[0]):
        top = s[m].max()
        total = 0.0
        for j in range(s.shape[1]):
            total += math.exp(s[m, j] - top)
        for i in range(s.shape[1]):
            logp[m, i] = s[m, i] - top - math.log(total)
    return logp


def log_softmax_backward(dlogp, logp):
    """ds[m,j] = sum_i dlogp[m,i] dlogp_i/ds_j, with dlogp_i/ds_j = (i == j) - p_j."""
    ds = np.zeros_like(logp)
    for m in range(logp.shape[0]):
        for j in range(logp.shape[1]):
            for i in range(logp.shape[1]):
                same = 1.0 if i == j else 0.0
                ds[m, j] += dlogp[m, i] * (same - math.exp(logp[m, j]))
    return ds
