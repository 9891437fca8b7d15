"""GELU, alone and behind a linear layer, in one pass over memory.

    (1)  h = x W^T + b,   y = h Phi(h)
    (1') dh = dy (Phi(h) + h phi(h)),   then linear's dx = dh W, dW = dh^T x, db = sum of dh

Phi and phi share one exponential (see `numba_math.normal`), which the backward computes again
from h instead of storing it. Behind a linear layer a block of rows gets its product, bias and
GELU while it is in the cache.

Error against float64: 3e-7 relative norm; behind a linear layer BLAS's, 1e-6.
"""

import math

import numpy as np

from minibert.kernels import pool
from minibert.kernels.arrays import as_rows, cotangent_rows, linear_fits, plain
from minibert.kernels.numba_jit import REORDER, jit
from minibert.kernels.numba_linear import weight_gradient
from minibert.kernels.numba_math import normal

_DENSITY = np.float32(1.0 / math.sqrt(2.0 * math.pi))
_WORK = 130  # operations an element, see `pool.even_blocks`


def gelu_forward(x):
    """y, and x for the backward."""
    x = plain(x)
    y = np.empty_like(x)
    x_flat, y_flat = x.reshape(-1), y.reshape(-1)
    blocks = pool.row_blocks(x.size, _WORK)
    pool.run((lambda at: _gelu(x_flat[at], y_flat[at]), blocks), blas=False)
    return y, x


def gelu_backward(dy, cache):
    """dx."""
    x = cache
    dx = np.empty_like(x)
    dy_flat, x_flat, dx_flat = (
        cotangent_rows(dy, x.shape).reshape(-1),
        x.reshape(-1),
        dx.reshape(-1),
    )

    def block(at):
        _gelu_gradient(dy_flat[at], x_flat[at], dx_flat[at])

    pool.run((block, pool.row_blocks(x.size, _WORK)), blas=False)
    return dx


def linear_gelu_forward(x, w, b):
    """y, and rows of x, w, h for the backward."""
    if not linear_fits(x, w, b):
        return NotImplemented
    rows, b = as_rows(x), plain(b)
    M, O = len(rows), len(w)
    h, y = np.empty((M, O), np.float32), np.empty((M, O), np.float32)

    def block(at):
        np.matmul(rows[at], w.T, out=h[at])  # (1)
        _bias_gelu(h[at], b, y[at])

    pool.run((block, pool.row_blocks(M, 2 * w.size + _WORK * O)))
    return y.reshape(*x.shape[:-1], O), (rows, w, h, x.shape)


def linear_gelu_backward(dy, cache):
    """dx, dw, db."""
    rows, w, h, x_shape = cache
    dy = cotangent_rows(dy, (*x_shape[:-1], len(w)))
    dh, dx = np.empty_like(h), np.empty(rows.shape, np.float32)

    def block(at):
        _gelu_gradient(dy[at].reshape(-1), h[at].reshape(-1), dh[at].reshape(-1))
        np.matmul(dh[at], w, out=dx[at])  # (1')

    pool.run((block, pool.row_blocks(len(rows), 2 * w.size + _WORK * len(w))))
    return dx.reshape(x_shape), *weight_gradient(dh, rows)


@jit(REORDER)
def _gelu(x, y):
    for i in range(x.size):
        cdf, _ = normal(x[i])
        y[i] = x[i] * cdf  # (1)


@jit(REORDER)
def _bias_gelu(h, b, y):
    M, O = h.shape
    for m in range(M):
        for o in range(O):
            h[m, o] += b[o]
            cdf, _ = normal(h[m, o])
            y[m, o] = h[m, o] * cdf  # (1)


@jit(REORDER)
def _gelu_gradient(dy, x, dx):
    for i in range(x.size):
        cdf, e = normal(x[i])
        dx[i] = dy[i] * (cdf + x[i] * e * _DENSITY)  # (1')
