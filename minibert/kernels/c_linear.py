"""Linear layers in C, with what follows them done while the product is in the cache.

    (1)  y = x W^T + b                                   csrc/gemm.inc, csrc/float_amx.c
    (2)  q, k, v = the three thirds of x [Wq; Wk; Wv]^T + [bq; bk; bv]
    (3)  h = x W^T + b,  y = h Phi(h)                    csrc/fused.inc
    (4)  z = residual + dropout(x W^T + b),  xhat = (z - mean z) / sqrt(var z + eps),
         y = gamma xhat + beta

    (4') dz = (g - mean g - xhat mean(g xhat)) / sigma,  g = dy gamma,  dresidual = dz,
         dh = dropout'(dz)                               csrc/rows.inc
    (3') dh = dy (Phi(h) + h phi(h))
    (1') dx = dh W,   dW = dh^T x,   db = sum of dh over rows

All three products of (1) and (1') are one C function: it takes its left matrix with any strides,
so a transposed one too, and its right one packed. A block of rows goes through all steps of a
line before the next block is begun.

Error against float64: 1e-6 relative norm, 2e-6 behind LayerNorm.
"""

import numpy as np

from minibert.kernels import packs, pool
from minibert.kernels.arrays import F32, as_rows, cotangent_rows, linear_fits, plain, side_by_side
from minibert.kernels.c_dropout import drop_struct
from minibert.kernels.c_library import FLOAT, NULL, check, lib, read, write
from minibert.kernels.c_packing import STEP, Packed, packed

_SPEED = 3  # how many times faster a product is than `pool` thinks
FEW_ROWS = 128  # up to here threads share a product's outputs, above it its rows
_ROW_WORK = 40  # operations an element of what follows a product, see `pool.even_blocks`


def linear_forward(x, w, b):
    """y, and rows of x, w for the backward."""
    if not linear_fits(x, w, b):
        return NotImplemented
    return _linear(x, (w,), b)


def linear_backward(dy, cache):
    """dx, dw, db."""
    rows, w, x_shape = cache
    dy = cotangent_rows(dy, (*x_shape[:-1], len(w)))
    dx, db = _input_gradient(dy, w, lambda at: None)
    return dx.reshape(x_shape), weight_gradient(dy, rows), db


def qkv_forward(x, wq, bq, wk, bk, wv, bv):
    """(q, k, v), which are views of one array, and what linear_backward needs."""
    if not all(linear_fits(x, w, b) for w, b in ((wq, bq), (wk, bk), (wv, bv))):
        return NotImplemented
    y, cache = _linear(x, (wq, wk, wv), np.concatenate((bq, bk, bv)))
    ends = len(wq), len(wq) + len(wk)
    qkv = y[..., : ends[0]], y[..., ends[0] : ends[1]], y[..., ends[1] :]  # (2)
    return qkv, cache and (cache, ends)


def qkv_backward(dout, cache):
    """dx, dwq, dbq, dwk, dbk, dwv, dbv."""
    (rows, weights, x_shape), ends = cache
    dx, dw, db = linear_backward(side_by_side(*dout), (rows, np.concatenate(weights), x_shape))
    (dwq, dwk, dwv), (dbq, dbk, dbv) = np.split(dw, ends), np.split(db, ends)
    return dx, dwq, dbq, dwk, dbk, dwv, dbv


def linear_gelu_forward(x, w, b):
    """y, and rows of x, w, h for the backward."""
    if not linear_fits(x, w, b):
        return NotImplemented
    rows, b, weight = as_rows(x), plain(b), packed(w)
    (M, I), O = rows.shape, len(w)
    y = np.empty((M, O), F32)
    h = None if packs.current() else np.empty((M, O), F32)
    level, x_at, b_at, y_at = FLOAT.now, read(rows), read(b), write(y)
    h_at = NULL if h is None else write(h)

    def block(part):
        m, M, n, N = part
        i = m * O + n
        check(
            lib.minibert_linear_gelu(
                level, x_at + m * I, weight.from_output(n), b_at + n,
                NULL if h is None else h_at + i, y_at + i, O, M, N, I,
            )
        )  # (3)

    pool.run((block, _parts(M, O, I, O)), blas=False)
    return y.reshape(*x.shape[:-1], O), None if h is None else (rows, w, h, x.shape)


def linear_gelu_backward(dy, cache):
    """dx, dw, db."""
    rows, w, h, x_shape = cache
    dy = cotangent_rows(dy, (*x_shape[:-1], len(w)))
    dh, O = np.empty_like(h), len(w)
    level, dy_at, h_at, dh_at = FLOAT.now, read(dy), read(h), write(dh)

    def gelu(at):
        m, n = at.start * O, (at.stop - at.start) * O
        check(lib.minibert_gelu_gradient(level, dy_at + m, h_at + m, dh_at + m, n))  # (3')

    dx, db = _input_gradient(dh, w, gelu)
    return dx.reshape(x_shape), weight_gradient(dh, rows), db


def linear_add_layernorm_forward(x, w, b, residual, gamma, beta, eps=1e-12, drop=None):
    """y, and rows of x, w, xhat, 1/sigma, gamma and drop for the backward."""
    shape = *x.shape[:-1], len(w)
    if not (
        linear_fits(x, w, b) and residual.shape == shape and gamma.shape == beta.shape == b.shape
    ):
        return NotImplemented
    rows, residual, weight = as_rows(x), as_rows(residual), packed(w)
    b, gamma, beta = map(plain, (b, gamma, beta))
    (M, I), D = rows.shape, len(w)
    y = np.empty((M, D), F32)
    keeps = not packs.current()
    xhat, inv_sigma = (np.empty((M, D), F32), np.empty(M, F32)) if keeps else (None, None)
    level, x_at, residual_at, y_at = FLOAT.now, read(rows), read(residual), write(y)
    vectors = read(gamma), read(beta), eps
    b_at, xhat_at, sigma_at = read(b), keeps and write(xhat), keeps and write(inv_sigma)

    def block(at):
        m, mask = at.start, drop_struct(drop, at.start * D, M * D)
        kept = (xhat_at + m * D, sigma_at + m) if keeps else (NULL, NULL)
        check(
            lib.minibert_linear_add_layernorm(
                level, x_at + m * I, weight.at, b_at, residual_at + m * D, *vectors, mask, *kept,
                y_at + m * D, at.stop - m, D, I,
            )
        )  # (4)

    if M > FEW_ROWS:
        pool.run((block, _row_blocks(M, w.size, D)), blas=False)
    else:
        z, mask = xhat if keeps else y, drop_struct(drop, 0, M * D)
        kept = (xhat_at, sigma_at) if keeps else (NULL, NULL)
        _product(rows, weight, None, z)
        check(
            lib.minibert_add_layernorm(
                level, write(z), b_at, residual_at, *vectors, mask, *kept, y_at, M, D
            )
        )  # (4)
    cache = (rows, w, xhat, inv_sigma, gamma, drop, x.shape, shape) if keeps else None
    return y.reshape(shape), cache


def linear_add_layernorm_backward(dy, cache):
    """dx, dw, db, dresidual, dgamma, dbeta."""
    rows, w, xhat, inv_sigma, gamma, drop, x_shape, shape = cache
    dy = cotangent_rows(dy, shape)
    M, D = xhat.shape
    dz = np.empty((M, D), F32)
    dropped = drop is not None and drop.rate > 0.0
    dh = np.empty((M, D), F32) if dropped else dz
    blocks = _row_blocks(M, w.size, D)
    sums = np.zeros((len(blocks), 2, D), F32)
    number = {at.start: i for i, at in enumerate(blocks)}
    level, sums_at, gamma_at = FLOAT.now, write(sums), read(gamma)
    dy_at, xhat_at, sigma_at = map(read, (dy, xhat, inv_sigma))
    dz_at, dh_at = map(write, (dz, dh))

    def normalization(at):
        m, mask = at.start, drop_struct(drop, at.start * D, M * D)
        place = sums_at + number[m] * 2 * D
        check(
            lib.minibert_layernorm_gradient(
                level, dy_at + m * D, xhat_at + m * D, sigma_at + m, gamma_at, mask,
                dz_at + m * D, dh_at + m * D, place, place + D, at.stop - m, D,
            )
        )  # (4')

    dx, db = _input_gradient(dh, w, normalization, blocks)
    dgamma, dbeta = sums.sum(0)
    dw = weight_gradient(dh, rows)
    return dx.reshape(x_shape), dw, db, dz.reshape(shape), dgamma, dbeta


def weight_gradient(dy, rows):
    """dW of (1'): a block is some of its rows."""
    (M, O), I = dy.shape, rows.shape[1]
    dw, right = np.empty((O, I), F32), Packed(rows.T)
    level, dy_at, dw_at = FLOAT.now, read(dy), write(dw)

    def block(at):
        o = at.start
        check(
            lib.minibert_linear(
                level, dy_at + o, 1, O, right.at, NULL, dw_at + o * I, I, at.stop - o, I, M
            )
        )

    pool.run((block, pool.even_blocks(O, 2 * I * M // _SPEED, STEP)), blas=False)
    return dw


def _linear(x, weights, b):
    """(1) with weights that stand one below another."""
    rows, b, weight = as_rows(x), plain(b), packed(*weights)
    y = np.empty((len(rows), len(b)), F32)
    _product(rows, weight, b, y)
    w = weights[0] if len(weights) == 1 else weights
    cache = None if packs.current() else (rows, w, x.shape)
    return y.reshape(*x.shape[:-1], len(b)), cache


def _product(rows, weight, b, y):
    """(1), into y; b may be None."""
    (M, I), O = rows.shape, y.shape[1]
    level, x_at, y_at, b_at = FLOAT.now, read(rows), write(y), NULL if b is None else read(b)

    def block(part):
        m, M, n, N = part
        w_at, b_here = weight.from_output(n), NULL if b is None else b_at + n
        check(
            lib.minibert_linear(
                level, x_at + m * I, I, 1, w_at, b_here, y_at + m * O + n, O, M, N, I
            )
        )  # (1)

    pool.run((block, _parts(M, O, I, 0)), blas=False)


def _input_gradient(dh, w, before, blocks=None):
    """dx and db of (1'); `before` fills a block of dh."""
    (M, O), I = dh.shape, w.shape[1]
    dx, right = np.empty((M, I), F32), packed(plain(w).T)
    blocks = blocks or _row_blocks(M, w.size, O)
    sums = np.zeros((len(blocks), O), F32)
    level, dh_at, dx_at, sums_at = FLOAT.now, read(dh), write(dx), write(sums)

    def block(job):
        i, at = job
        m, n = at.start, at.stop - at.start
        before(at)
        check(lib.minibert_column_sums(level, dh_at + m * O, sums_at + i * O, n, O))
        check(
            lib.minibert_linear(
                level, dh_at + m * O, O, 1, right.at, NULL, dx_at + m * I, I, n, I, O
            )
        )

    pool.run((block, enumerate(blocks)), blas=False)
    return dx, sums.sum(0)


def _parts(M, O, I, width):
    """Parts (first row, rows, first output, outputs) of a product, one for each task.

    Weights are most of what a product with few rows has to fetch: its threads take some outputs
    each, so that each fetches only its own.
    """
    if M > FEW_ROWS:
        return [(at.start, at.stop - at.start, 0, O) for at in _row_blocks(M, O * I, width)]
    outputs = pool.even_blocks(O, 2 * M * I // _SPEED + _ROW_WORK * M * bool(width), STEP)
    return [(0, M, at.start, at.stop - at.start) for at in outputs]


def _row_blocks(M, size, width):
    """Blocks of rows for a product with so many weights, and `width` elements a row after it."""
    return pool.even_blocks(M, 2 * size // _SPEED + _ROW_WORK * width, STEP)
