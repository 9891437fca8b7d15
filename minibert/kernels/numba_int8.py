"""The int8 ops without C: the same bits as minibert.ops.int8, from float32 BLAS.

A product of two int8 is at most 2^14, and float32 holds every whole number to 2^24: the sum of
1024 products is exact in float32, in whatever order BLAS adds them.

    (1)  acc = sum over chunks of 1024 inputs of q_x q_w^T
    (2)  y = s_x s_w (acc - zero * row_sum) + b

Quantizing needs three passes over a row that is in the cache. Nothing here is reordered or
contracted, so that every rounding is NumPy's.
"""

import numpy as np

from minibert.kernels import pool
from minibert.kernels.arrays import as_rows, plain
from minibert.kernels.numba_jit import EXACT, jit
from minibert.ops.int8 import MAX_INPUTS, MAX_LINEAR_INPUTS, TINY, QRows

F32, I32, I8 = np.float32, np.int32, np.int8
CHUNK = 1024
_WORK = 100  # operations an element, see `pool.even_blocks`
_TINY = F32(TINY)


def quantize_affine(x):
    """QRows: q, scale and zero of every row."""
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.ndim == 0 or x.size == 0:
        return NotImplemented
    rows = as_rows(x)
    M, K = rows.shape
    q, scale, zero = np.empty((M, K), I8), np.empty(M, F32), np.empty(M, I32)
    finite = np.empty(M, np.bool_)

    def block(at):
        _quantize(rows[at], q[at], scale[at], zero[at], finite[at])

    pool.run((block, pool.row_blocks(M, _WORK * K)))
    if not finite.all():
        return NotImplemented  # the formula says what is wrong
    ones = (*x.shape[:-1], 1)
    return QRows(q.reshape(x.shape), scale.reshape(ones), zero.reshape(ones))


def int8_matmul(qx, qw):
    """qx qw^T in int32."""
    if not _fits(qx, qw, MAX_INPUTS):
        return NotImplemented
    acc = np.empty((_rows(qx), len(qw)), I32)

    def finish(at, parts):
        _sum_chunks(parts, acc[at])

    _products(qx, qw, finish)
    return acc.reshape(*qx.shape[:-1], len(qw))


def int8_linear_forward(x, w, b):
    """y, and no cache."""
    x = x if isinstance(x, QRows) else quantize_affine(x)
    if x is NotImplemented or not _fits(x.q, w.q, MAX_LINEAR_INPUTS):
        return NotImplemented
    N = len(w.q)
    if b.dtype != F32 or not b.shape == w.scale.shape == (N,):
        return NotImplemented
    y, b = np.empty((_rows(x.q), N), F32), plain(b)
    scale, zero = plain(x.scale).reshape(-1), np.require(x.zero, I32, "CW").reshape(-1)
    w_scale, row_sum = plain(w.scale), np.require(w.row_sum, I32, "CW")

    def finish(at, parts):
        _dequantize(parts, scale[at], zero[at], w_scale, row_sum, b, y[at])

    _products(x.q, w.q, finish)
    return y.reshape(*x.q.shape[:-1], N), None


def _fits(qx, qw, limit):
    """Whether the shapes and types are those of a product that int32 can hold."""
    return (
        qx.dtype == qw.dtype == I8
        and qw.ndim == 2
        and qx.ndim > 0
        and qx.size > 0
        and qw.size > 0
        and qx.shape[-1] == qw.shape[1] <= limit
    )


def _rows(q):
    return q.size // q.shape[-1]


def _products(qx, qw, finish):
    """finish(rows, (chunks, rows, out) float32), for every block of rows."""
    K = qx.shape[-1]
    rows, chunks = qx.reshape(-1, K), pool.blocks(K, CHUNK)
    w = qw.T.astype(F32)  # (K,N)

    def block(at):
        x = rows[at].astype(F32)
        finish(at, np.stack([x[:, chunk] @ w[chunk] for chunk in chunks]))  # (1)

    pool.run((block, pool.row_blocks(len(rows), 2 * qw.size)))


@jit(EXACT)
def _quantize(x, q, scale, zero, finite):
    M, K = x.shape
    for m in range(M):
        lo, hi, bad = F32(0), F32(0), F32(0)
        for k in range(K):
            lo = x[m, k] if x[m, k] < lo else lo
            hi = x[m, k] if x[m, k] > hi else hi
            bad += x[m, k] - x[m, k]  # 0, and NaN for a NaN or an infinity
        s = max((hi - lo) / F32(255), _TINY)
        finite[m] = bad == 0 and s < F32(np.inf)
        if not finite[m]:
            continue
        z = F32(np.rint(F32(-128) - lo / s))
        scale[m], zero[m] = s, I32(z)
        for k in range(K):
            v = F32(np.rint(x[m, k] / s)) + z
            v = F32(-128) if v < F32(-128) else v
            q[m, k] = I8(F32(127) if v > F32(127) else v)


@jit(EXACT)
def _total(parts, m, n):
    total = I32(0)
    for c in range(len(parts)):
        total = I32(total + I32(parts[c, m, n]))
    return total


@jit(EXACT)
def _sum_chunks(parts, acc):
    _, M, N = parts.shape
    for m in range(M):
        for n in range(N):
            acc[m, n] = _total(parts, m, n)


@jit(EXACT)
def _dequantize(parts, scale, zero, w_scale, row_sum, b, y):
    _, M, N = parts.shape
    for m in range(M):
        for n in range(N):
            total = I32(_total(parts, m, n) - I32(zero[m] * row_sum[n]))
            y[m, n] = F32(total) * scale[m] * w_scale[n] + b[n]  # (2)
