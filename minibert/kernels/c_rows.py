"""GELU and LayerNorm alone, and embeddings, in C (csrc/rows.inc).

    (1)  y = x Phi(x)                                     (1') dx = dy (Phi(x) + x phi(x))
    (2)  xhat = (x - mean x) / sqrt(var x + eps),  y = gamma xhat + beta
    (2') dx = (g - mean g - xhat mean(g xhat)) / sigma,   g = dy gamma

A row (token) is read from memory once. dgamma and dbeta are summed block by block, then over the
blocks in their order.

Error against float64: GELU 3e-7 relative norm, LayerNorm 1e-6.
"""

import numpy as np

from minibert.kernels import packs, pool
from minibert.kernels.arrays import F32, as_rows, cotangent_rows, plain
from minibert.kernels.c_library import FLOAT, NULL, check, lib, read, write

_WORK = 40  # operations an element, see `pool.even_blocks`


def gelu_forward(x):
    """y, and x for the backward."""
    x = plain(x)
    y = np.empty_like(x)
    level, x_at, y_at = FLOAT.now, read(x), write(y)

    def block(at):
        check(lib.minibert_gelu(level, x_at + at.start, y_at + at.start, at.stop - at.start))

    pool.run((block, pool.even_blocks(x.size, _WORK, 64)), blas=False)  # (1)
    return y, x


def gelu_backward(dy, cache):
    """dx."""
    x, dx = cache, np.empty_like(cache)
    dy = cotangent_rows(dy, x.shape)
    level, dy_at, x_at, dx_at = FLOAT.now, read(dy), read(x), write(dx)

    def block(at):
        m, n = at.start, at.stop - at.start
        check(lib.minibert_gelu_gradient(level, dy_at + m, x_at + m, dx_at + m, n))

    pool.run((block, pool.even_blocks(x.size, _WORK, 64)), blas=False)  # (1')
    return dx


def layernorm_forward(x, gamma, beta, eps=1e-12):
    """y, and xhat, 1/sigma, gamma for the backward."""
    if not gamma.shape == beta.shape == x.shape[-1:]:
        return NotImplemented
    rows, gamma, beta = as_rows(x), plain(gamma), plain(beta)
    M, D = rows.shape
    y, keeps = np.empty((M, D), F32), not packs.current()
    xhat, inv_sigma = (np.empty((M, D), F32), np.empty(M, F32)) if keeps else (None, None)
    level, x_at, vectors = FLOAT.now, read(rows), (read(gamma), read(beta), eps)
    xhat_at, sigma_at, y_at = keeps and write(xhat), keeps and write(inv_sigma), write(y)

    def block(at):
        m, n = at.start, at.stop - at.start
        i = m * D
        kept = (xhat_at + i, sigma_at + m) if keeps else (NULL, NULL)
        check(lib.minibert_layernorm(level, x_at + i, *vectors, *kept, y_at + i, n, D))

    pool.run((block, pool.even_blocks(M, _WORK * D)), blas=False)  # (2)
    return y.reshape(x.shape), (xhat, inv_sigma, gamma, x.shape) if keeps else None


def layernorm_backward(dy, cache):
    """dx, dgamma, dbeta."""
    xhat, inv_sigma, gamma, x_shape = cache
    dy, (M, D) = cotangent_rows(dy, x_shape), xhat.shape
    dx, blocks = np.empty((M, D), F32), pool.even_blocks(M, _WORK * D)
    sums = np.zeros((len(blocks), 2, D), F32)
    level, dx_at, sums_at = FLOAT.now, write(dx), write(sums)
    dy_at, xhat_at, sigma_at, gamma_at = map(read, (dy, xhat, inv_sigma, gamma))

    def block(job):
        i, at = job
        m, place = at.start, sums_at + i * 2 * D
        check(
            lib.minibert_layernorm_gradient(
                level, dy_at + m * D, xhat_at + m * D, sigma_at + m, gamma_at, NULL,
                dx_at + m * D, NULL, place, place + D, at.stop - m, D,
            )
        )

    pool.run((block, enumerate(blocks)), blas=False)  # (2')
    dgamma, dbeta = sums.sum(0)
    return dx.reshape(x_shape), dgamma, dbeta
