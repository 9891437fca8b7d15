"""Softmax and cross-entropy over the last axis.

    (1)  p_i = exp(s_i - max s) / sum_j exp(s_j - max s)
    (1') ds_i = p_i (dp_i - sum_j dp_j p_j)

Cross-entropy with the labels y needs no matrix of targets: with z the logits, e the smoothing and
lse = max z + log sum exp(z - max z),

    (2)  loss of a row = lse - (1 - e) z_y - e mean(z)
    (2') dz = (p - (1 - e) onehot(y) - e / C) / rows

so that a row is read twice and nothing but lse is stored.

Error against float64: 1e-6 relative norm.
"""

import math

import numpy as np

from minibert.kernels import pool
from minibert.kernels.arrays import as_rows, cotangent_rows
from minibert.kernels.numba_jit import REORDER, jit
from minibert.kernels.numba_math import LOWEST_KEY, exp_nonpositive, ordered, unordered

F32 = np.float32
_WORK = 100  # operations an element, see `pool.even_blocks`


def softmax_forward(s):
    """p, and p for the backward."""
    rows = as_rows(s)
    p = np.empty_like(rows)
    blocks = pool.row_blocks(len(p), _WORK * p.shape[1])
    pool.run((lambda at: _softmax(rows[at], p[at]), blocks), blas=False)
    p = p.reshape(s.shape)
    return p, p


def softmax_backward(dp, cache):
    """ds."""
    p, dp = as_rows(cache), cotangent_rows(dp, cache.shape)
    ds = np.empty_like(p)

    def block(at):
        _softmax_gradient(dp[at], p[at], ds[at])

    pool.run((block, pool.row_blocks(len(p), _WORK * p.shape[1])), blas=False)
    return ds.reshape(cache.shape)


def softmax_cross_entropy_forward(logits, labels, *, ignore_index=-100, smoothing=0.0):
    """The loss, and logits, labels, lse and the row count for the backward."""
    if labels.shape != logits.shape[:-1]:
        return NotImplemented
    z, y = as_rows(logits), np.ascontiguousarray(labels, np.int64).reshape(-1)
    counted = y != ignore_index
    if not ((y[counted] >= 0) & (y[counted] < z.shape[1])).all():
        return NotImplemented  # the formula says which label is wrong
    n = max(int(counted.sum()), 1)
    losses, lse = np.empty(len(z), F32), np.empty(len(z), F32)
    y = np.where(counted, y, -1)

    def block(at):
        _cross_entropy(z[at], y[at], F32(smoothing), losses[at], lse[at])

    pool.run((block, pool.row_blocks(len(z), _WORK * z.shape[1])), blas=False)
    return losses.sum() / n, (z, y, F32(smoothing), lse, n, logits.shape)


def softmax_cross_entropy_backward(dloss, cache):
    """dlogits."""
    z, y, smoothing, lse, n, shape = cache
    dz = np.empty_like(z)

    def block(at):
        _cross_entropy_gradient(F32(dloss / n), z[at], y[at], smoothing, lse[at], dz[at])

    pool.run((block, pool.row_blocks(len(z), _WORK * z.shape[1])), blas=False)
    return dz.reshape(shape)


@jit(REORDER)
def _softmax(s, p):
    for m in range(len(s)):
        key = LOWEST_KEY
        for j in range(s.shape[1]):
            key = max(key, ordered(s[m, j]))
        largest = unordered(key)
        total = F32(0)
        for j in range(s.shape[1]):
            p[m, j] = exp_nonpositive(s[m, j] - largest)
            total += p[m, j]
        inverse = F32(1.0) / total
        for j in range(s.shape[1]):
            p[m, j] *= inverse  # (1)


@jit(REORDER)
def _softmax_gradient(dp, p, ds):
    for m in range(len(p)):
        total = F32(0)
        for j in range(p.shape[1]):
            total += dp[m, j] * p[m, j]
        for j in range(p.shape[1]):
            ds[m, j] = p[m, j] * (dp[m, j] - total)  # (1')


@jit(REORDER)
def _cross_entropy(z, y, smoothing, losses, lse):
    C = z.shape[1]
    for m in range(len(z)):
        losses[m] = lse[m] = 0
        if y[m] < 0:
            continue
        key = LOWEST_KEY
        for c in range(C):
            key = max(key, ordered(z[m, c]))
        largest = unordered(key)
        total, sum_z = F32(0), F32(0)
        for c in range(C):
            total += exp_nonpositive(z[m, c] - largest)
        for c in range(C):
            sum_z += z[m, c] - largest
        log_total = F32(math.log(total))
        lse[m] = largest + log_total
        label = z[m, y[m]] - largest
        losses[m] = log_total - label  # (2)
        if smoothing > 0:
            losses[m] += smoothing * (label - sum_z / F32(C))


@jit(REORDER)
def _cross_entropy_gradient(scale, z, y, smoothing, lse, dz):
    C = z.shape[1]
    for m in range(len(z)):
        if y[m] < 0:
            for c in range(C):
                dz[m, c] = 0
            continue
        for c in range(C):
            dz[m, c] = scale * (exp_nonpositive(z[m, c] - lse[m]) - smoothing / F32(C))
        dz[m, y[m]] -= scale * (F32(1.0) - smoothing)  # (2')
