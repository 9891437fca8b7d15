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
from minibert.kernels.numba_jit import EXACT, jit
from minibert.kernels.numba_linear import as_rows
from minibert.ops.int8 import MAX_INPUTS, TINY, QRows
from minibert.ops.int8 import quantize_affine as formula

F32, I32, I8 = np.float32, np.int32, np.int8
CHUNK = 1024
_WORK = 100  # operations an element, see `pool.even_blocks`
_TINY = F32(TINY)


def quantize_affine(x):
    rows = as_rows(x)
    M, K = rows.shape
    q, scale, zero = np.empty((M, K), I8), np.empty(M, F32), np.empty(M, I32)
    finite = np.empty(M, np.bool_)

    def block(at):
        _quantize(rows[at], q[at], scale[at], zero[at], finite[at])

    pool.run((block, pool.row_blocks(M, _WORK * K)))
    if not finite.all():
        formula(x)  # raises, and says why
    ones = (*x.shape[:-1], 1)
    return QRows(q.reshape(x.shape), scale.reshape(ones), zero.reshape(ones))


def int8_matmul(qx, qw):
    M, N = _rows(qx), len(qw)
    acc = np.empty((M, N), I32)

    def finish(at, parts):
        _sum_chunks(parts, acc[at])

    _products(qx, qw, finish)
    return acc.reshape(*qx.shape[:-1], N)


def int8_linear_forward(x, w, b):
    x = x if isinstance(x, QRows) else quantize_affine(x)
    y = np.empty((_rows(x.q), len(w.q)), F32)
    scale, zero = x.scale.reshape(-1), x.zero.reshape(-1)

    def finish(at, parts):
        _dequantize(parts, scale[at], zero[at], w.scale, w.row_sum, b, y[at])

    _products(x.q, w.q, finish)
    return y.reshape(*x.q.shape[:-1], -1), None


def _rows(q):
    return q.size // q.shape[-1]


def _products(qx, qw, finish):
    """finish(rows, (chunks, rows, out) float32), for every block of rows."""
    K = qx.shape[-1]
    if K > MAX_INPUTS:
        raise ValueError(f"{K} inputs may overflow int32; {MAX_INPUTS} cannot")
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
        finite[m] = bad == 0
        s = max((hi - lo) / F32(255), _TINY)
        z = F32(np.rint(F32(-128) - lo / s))
        scale[m], zero[m] = s, I32(z)
        for k in range(K):
            v = F32(np.rint(x[m, k] / s)) + z
            v = F32(-128) if v < F32(-128) else v
            q[m, k] = I8(F32(127) if v > F32(127) else v)


@jit(EXACT)
def _sum_chunks(parts, acc):
    C, M, N = parts.shape
    for m in range(M):
        for n in range(N):
            total = I32(0)
            for c in range(C):
                total = I32(total + I32(parts[c, m, n]))
            acc[m, n] = total


@jit(EXACT)
def _dequantize(parts, scale, zero, w_scale, row_sum, b, y):
    C, M, N = parts.shape
    for m in range(M):
        for n in range(N):
            total = I32(0)
            for c in range(C):
                total = I32(total + I32(parts[c, m, n]))
            total = I32(total - I32(zero[m] * row_sum[n]))
            y[m, n] = F32(total) * scale[m] * w_scale[n] + b[n]  # (2)
