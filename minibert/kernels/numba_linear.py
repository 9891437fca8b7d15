"""Linear layers: BLAS does the products, one block of rows at a time.

    (1)  y = x W^T + b
    (1') dx = dy W,   dW = dy^T x,   db = sum of dy over rows
    (2)  q, k, v = the three thirds of x [Wq; Wk; Wv]^T + [bq; bk; bv]

No loop written here could compete with BLAS. What can be saved is around it: all leading axes
become one (NumPy would call BLAS once a sequence), each block of rows stays in one core's cache,
and queries, keys and values are one product of three times the width.
"""

import numpy as np

from minibert.kernels import pool
from minibert.kernels.numba_jit import REORDER, jit


def linear_forward(x, w, b):
    rows = as_rows(x)
    y = np.empty((len(rows), len(w)), np.float32)

    def block(at):
        np.matmul(rows[at], w.T, out=y[at])
        _add_bias(y[at], b)

    pool.run((block, pool.row_blocks(len(rows), 2 * w.size)))
    return y.reshape(*x.shape[:-1], len(w)), (rows, w, x.shape)


def linear_backward(dy, cache):
    rows, w, x_shape = cache
    dy = as_rows(dy)
    dx = np.empty(rows.shape, np.float32)
    dw, db, *jobs = _weight_jobs(dy, rows)
    dx_blocks = pool.row_blocks(len(rows), 2 * w.size)
    pool.run((lambda at: np.matmul(dy[at], w, out=dx[at]), dx_blocks), *jobs)
    return dx.reshape(x_shape), dw, db


def qkv_forward(x, wq, bq, wk, bk, wv, bv):
    y, cache = linear_forward(x, np.concatenate((wq, wk, wv)), np.concatenate((bq, bk, bv)))
    ends = len(wq), len(wq) + len(wk)
    return tuple(np.split(y, ends, -1)), (cache, ends)  # (2) views of y


def qkv_backward(dout, cache):
    cache, ends = cache
    dx, dw, db = linear_backward(_side_by_side(*dout), cache)
    (dwq, dwk, dwv), (dbq, dbk, dbv) = np.split(dw, ends), np.split(db, ends)
    return dx, dwq, dbq, dwk, dbk, dwv, dbv


def as_rows(x):
    """(..., n) as float32 rows (M, n) without gaps; a copy only where needed."""
    return np.ascontiguousarray(x, np.float32).reshape(-1, x.shape[-1])


def weight_gradient(dy, rows):
    """dW and db of (1')."""
    dw, db, *jobs = _weight_jobs(dy, rows)
    pool.run(*jobs)
    return dw, db


def _weight_jobs(dy, rows):
    """dW and db, and the jobs that fill them: a block is some columns of the wider factor."""
    (M, O), I = dy.shape, rows.shape[1]
    dw, db = np.empty((O, I), np.float32), np.empty(O, np.float32)

    def outputs(at):
        np.matmul(dy[:, at].T, rows, out=dw[at])

    def inputs(at):
        np.matmul(dy.T, rows[:, at], out=dw[:, at])

    widest = max(O, I)
    columns = pool.blocks(widest, 128 if widest > 128 else 64)
    sums = (lambda _: _column_sums(dy, db)), (None,)
    return dw, db, (outputs if O >= I else inputs, columns), sums


def _side_by_side(*parts):
    """Arrays (..., n) as one (..., 3n). Free where they lie so in memory already."""
    first = parts[0]
    n = first.shape[-1] * first.itemsize
    start = first.__array_interface__["data"][0]
    adjacent = all(
        part.__array_interface__["data"][0] == start + i * n
        and (part.shape, part.strides, part.dtype) == (first.shape, first.strides, np.float32)
        for i, part in enumerate(parts)
    )
    if not adjacent or first.ndim < 2 or first.strides[-1] != 4 or first.strides[-2] != 3 * n:
        return np.concatenate(parts, -1)
    shape = *first.shape[:-1], 3 * first.shape[-1]
    return np.lib.stride_tricks.as_strided(first, shape, first.strides, writeable=False)


@jit(REORDER)
def _add_bias(y, b):
    M, O = y.shape
    for m in range(M):
        for o in range(O):
            y[m, o] += b[o]


@jit(REORDER)
def _column_sums(dy, db):
    M, O = dy.shape
    for o in range(O):
        db[o] = 0
    for m in range(M):
        for o in range(O):
            db[o] += dy[m, o]
