"""LayerNorm, alone and at the end of a half block, in one pass over memory.

    (1)  z = residual + dropout(x W^T + b)              or z = x, alone
    (2)  xhat = (z - mean z) / sqrt(var z + eps)
    (3)  y = gamma xhat + beta

    (2') dz = (g - mean g - xhat mean(g xhat)) / sigma,     g = dy gamma
    (1') dresidual = dz,   dh = dropout'(dz),   then linear's dx = dh W, dW = dh^T x

A row (token) is read from memory once: its sums, its normalization and its dropout mask are
computed while it is in the first-level cache. xhat and 1/sigma are kept for the backward. dgamma
and dbeta are summed block by block, then over the blocks in their order.

Error against float64: 1e-6 relative norm; behind a linear layer 2e-6.
"""

import math

import numpy as np

from minibert.kernels import pool
from minibert.kernels.arrays import as_rows, cotangent_rows, linear_fits, plain
from minibert.kernels.numba_dropout import (
    NO_DROPOUT,
    drop_elements,
    first_number,
    mask_numbers,
)
from minibert.kernels.numba_jit import REORDER, jit
from minibert.kernels.numba_linear import weight_gradient
from minibert.kernels.numba_math import keeps

F32, U32 = np.float32, np.uint32
_WORK = 140  # operations an element, see `pool.even_blocks`


def layernorm_forward(x, gamma, beta, eps=1e-12):
    """y, and xhat, 1/sigma, gamma for the backward."""
    if not gamma.shape == beta.shape == x.shape[-1:]:
        return NotImplemented
    z, gamma, beta = as_rows(x), plain(gamma), plain(beta)
    M, D = z.shape
    xhat, y, inv_sigma = np.empty_like(z), np.empty_like(z), np.empty(M, F32)

    def block(at):
        _normalize(z[at], gamma, beta, F32(eps), xhat[at], inv_sigma[at], y[at])

    pool.run((block, pool.row_blocks(M, _WORK * D)), blas=False)
    return y.reshape(x.shape), (xhat, inv_sigma, gamma, x.shape)


def layernorm_backward(dy, cache):
    """dx, dgamma, dbeta."""
    xhat, inv_sigma, gamma, x_shape = cache
    dz, _, dgamma, dbeta = _backward(
        cotangent_rows(dy, x_shape), xhat, inv_sigma, gamma, NO_DROPOUT
    )
    return dz.reshape(x_shape), dgamma, dbeta


def linear_add_layernorm_forward(x, w, b, residual, gamma, beta, eps=1e-12, drop=None):
    """y, and rows of x, w, xhat, 1/sigma, gamma and the mask's numbers for the backward."""
    shape = *x.shape[:-1], len(w)
    if not (
        linear_fits(x, w, b) and residual.shape == shape and gamma.shape == beta.shape == b.shape
    ):
        return NotImplemented
    rows, residual_rows = as_rows(x), as_rows(residual)
    b, gamma, beta = map(plain, (b, gamma, beta))
    M, D = residual_rows.shape
    xhat, y, inv_sigma = np.empty((M, D), F32), np.empty((M, D), F32), np.empty(M, F32)
    mask, first = mask_numbers(drop, M * D), first_number(drop)

    def block(at):
        z = xhat[at]  # the product, then the sum, then the normalized row: all in one place
        np.matmul(rows[at], w.T, out=z)
        _add(z, b, residual_rows[at], U32(first + at.start * D), *mask)  # (1)
        _normalize(z, gamma, beta, F32(eps), z, inv_sigma[at], y[at])

    pool.run((block, pool.row_blocks(M, 2 * w.size + _WORK * D)))
    cache = rows, w, xhat, inv_sigma, gamma, mask, first, x.shape, shape
    return y.reshape(shape), cache


def linear_add_layernorm_backward(dy, cache):
    """dx, dw, db, dresidual, dgamma, dbeta."""
    rows, w, xhat, inv_sigma, gamma, mask, first, x_shape, shape = cache
    dx = np.empty(rows.shape, F32)
    dz, dh, dgamma, dbeta = _backward(
        cotangent_rows(dy, shape), xhat, inv_sigma, gamma, mask, first, w, dx
    )
    dw, db = weight_gradient(dh, rows)  # (1')
    return dx.reshape(x_shape), dw, db, dz.reshape(shape), dgamma, dbeta


def _backward(dy, xhat, inv_sigma, gamma, mask, first=0, w=None, dx=None):
    """dz, dropout'(dz), dgamma, dbeta; with w also dx = dropout'(dz) W."""
    M, D = xhat.shape
    dz = np.empty((M, D), F32)
    dh = np.empty((M, D), F32) if mask != NO_DROPOUT else dz
    blocks = pool.row_blocks(M, _WORK * D if w is None else 2 * w.size + _WORK * D)
    sums = np.zeros((len(blocks), 2, D), F32)

    def block(job):
        i, at = job
        _normalize_gradient(dy[at], xhat[at], inv_sigma[at], gamma, dz[at], sums[i])
        if dh is not dz:
            n = U32(first + at.start * D)
            drop_elements(dz[at].reshape(-1), dh[at].reshape(-1), n, *mask)
        if w is not None:
            np.matmul(dh[at], w, out=dx[at])  # (1')

    pool.run((block, enumerate(blocks)))
    dgamma, dbeta = sums.sum(0)
    return dz, dh, dgamma, dbeta


@jit(REORDER)
def _add(h, b, residual, first, k0, k1, threshold, share):
    """h = residual + dropout(h + b); first is the number of h's first element."""
    M, D = h.shape
    for m in range(M):
        if threshold == 0:
            for d in range(D):
                h[m, d] += b[d] + residual[m, d]
        else:
            for d in range(D):
                keep = keeps(U32(first + U32(m * D + d)), k0, k1, threshold)
                h[m, d] = residual[m, d] + (h[m, d] + b[d]) * (share if keep else F32(0))


@jit(REORDER)
def _normalize(z, gamma, beta, eps, xhat, inv_sigma, y):
    M, D = z.shape
    one_over_d = F32(1.0) / F32(D)
    for m in range(M):
        total = F32(0)
        for d in range(D):
            total += z[m, d]
        mu = total * one_over_d
        squares = F32(0)
        for d in range(D):
            squares += (z[m, d] - mu) * (z[m, d] - mu)
        inv = F32(1.0) / F32(math.sqrt(squares * one_over_d + eps))
        inv_sigma[m] = inv
        for d in range(D):
            xhat[m, d] = (z[m, d] - mu) * inv  # (2)
            y[m, d] = gamma[d] * xhat[m, d] + beta[d]  # (3)


@jit(REORDER)
def _normalize_gradient(dy, xhat, inv_sigma, gamma, dz, sums):
    M, D = dy.shape
    one_over_d = F32(1.0) / F32(D)
    for m in range(M):
        sum_g, sum_gx = F32(0), F32(0)
        for d in range(D):
            g = dy[m, d] * gamma[d]
            sum_g += g
            sum_gx += g * xhat[m, d]
        mean_g, mean_gx = sum_g * one_over_d, sum_gx * one_over_d
        for d in range(D):
            g = dy[m, d] * gamma[d]
            dz[m, d] = (g - mean_g - xhat[m, d] * mean_gx) * inv_sigma[m]  # (2')
            sums[0, d] += dy[m, d] * xhat[m, d]
            sums[1, d] += dy[m, d]
