"""Linear layers: BLAS does the products, one block of rows at a time.

    (1)  y = x W^T + b
    (1') dx = dy W,   dW = dy^T x,   db = sum of dy over rows
    (2)  q, k, v = the three thirds of x [Wq; Wk; Wv]^T + [bq; bk; bv]

No loop written here could compete with BLAS. What can be saved is around it: all leading axes
become one (NumPy would call BLAS once a sequence), each block of rows stays in one core's cache,
and queries, keys and values are one product of three times the width.

Error against float64: 1e-6 relative norm, BLAS's own.
"""

import numpy as np

from minibert.kernels import pool
from minibert.kernels.arrays import F32, as_rows, cotangent_rows, linear_fits, plain, side_by_side
from minibert.kernels.numba_jit import REORDER, jit


def linear_forward(x, w, b):
    """y, and rows of x, w for the backward."""
    if not linear_fits(x, w, b):
        return NotImplemented
    rows, b = as_rows(x), plain(b)
    y = np.empty((len(rows), len(w)), F32)

    def block(at):
        np.matmul(rows[at], w.T, out=y[at])  # (1)
        _add_bias(y[at], b)

    pool.run((block, pool.row_blocks(len(rows), 2 * w.size)))
    return y.reshape(*x.shape[:-1], len(w)), (rows, w, x.shape)


def linear_backward(dy, cache):
    """dx, dw, db."""
    rows, w, x_shape = cache
    dy = cotangent_rows(dy, (*x_shape[:-1], len(w)))
    dx = np.empty(rows.shape, F32)
    dw, db, *jobs = _weight_jobs(dy, rows)

    def block(at):
        np.matmul(dy[at], w, out=dx[at])  # (1')

    pool.run((block, pool.row_blocks(len(rows), 2 * w.size)), *jobs)
    return dx.reshape(x_shape), dw, db


def qkv_forward(x, wq, bq, wk, bk, wv, bv):
    """(q, k, v), which are views of one array, and what linear_backward needs."""
    if not all(linear_fits(x, w, b) for w, b in ((wq, bq), (wk, bk), (wv, bv))):
        return NotImplemented
    y, cache = linear_forward(x, np.concatenate((wq, wk, wv)), np.concatenate((bq, bk, bv)))
    ends = len(wq), len(wq) + len(wk)
    return tuple(np.split(y, ends, -1)), (cache, ends)  # (2)


def qkv_backward(dout, cache):
    """dx, dwq, dbq, dwk, dbk, dwv, dbv."""
    cache, ends = cache
    dx, dw, db = linear_backward(side_by_side(*dout), cache)
    (dwq, dwk, dwv), (dbq, dbk, dbv) = np.split(dw, ends), np.split(db, ends)
    return dx, dwq, dbq, dwk, dbk, dwv, dbv


def weight_gradient(dy, rows):
    """dW and db of (1')."""
    dw, db, *jobs = _weight_jobs(dy, rows)
    pool.run(*jobs)
    return dw, db


def _weight_jobs(dy, rows):
    """dW and db, and the jobs that fill them: a block is some columns of the wider factor."""
    O, I = dy.shape[1], rows.shape[1]
    dw, db = np.empty((O, I), F32), np.empty(O, F32)

    def outputs(at):
        np.matmul(dy[:, at].T, rows, out=dw[at])  # (1')

    def inputs(at):
        np.matmul(dy.T, rows[:, at], out=dw[:, at])  # (1')

    def sums(_):
        _column_sums(dy, db)  # (1')

    columns = pool.row_blocks(max(O, I), 2 * min(O, I) * len(dy))
    return dw, db, (outputs if O >= I else inputs, columns), (sums, [slice(None)])


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
