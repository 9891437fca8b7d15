"""Quantization to int8, and the linear layer on int8 (Jacob et al. 2018, sections 2.1 and 2.3).

Weights are symmetric, one scale a row (output channel), so that zero stays zero:

    (1)  scale = max|w| / 127          q = clip(rint(w / scale), -127, 127)

Activations are affine, one scale and zero point a row (token), so that all 256 codes are used:

    (2)  lo = min(x, 0)    hi = max(x, 0)    scale = (hi - lo) / 255
         zero = rint(-128 - lo / scale)
    (3)  q = clip(rint(x / scale) + zero, -128, 127)                    x is about scale (q - zero)

rint rounds ties to even. The product of two such matrices is exact in int32; zero leaves the sum:

    (4)  acc = q_x q_w^T
    (5)  y = s_x s_w (acc - zero * row_sum) + b,      row_sum = sum over inputs of q_w

int32 holds the sum (4) of up to 131,071 inputs, and the difference in (5) of up to 65,793.
Rounding has no gradient that is worth anything; training uses straight-through surrogates, which
are not here.
"""

import numpy as np

from minibert.ops.packed import QRows, QTensor

TINY = 1.2e-38  # guards the division by a scale of zero; about the smallest normal float32
MAX_INPUTS = 131_071  # 128 * 128 * MAX_INPUTS < 2^31
MAX_LINEAR_INPUTS = 65_793  # 255 * 128 * MAX_LINEAR_INPUTS < 2^31


def quantize_symmetric(w):
    """Weights to int8, each row with its own scale.

    Parameters
    ----------
    w : ndarray of float (out, in)

    Returns
    -------
    QTensor

    Raises
    ------
    ValueError
        w has a NaN or an infinity.

    Examples
    --------
    >>> quantize_symmetric(np.array([[-2.0, 0.5, 1.0]], np.float32)).q
    array([[-127,   32,   64]], dtype=int8)
    """
    w = np.asarray(w, np.float32)
    _check_finite("w", w)
    scale = np.maximum(np.abs(w).max(1) / np.float32(127), np.float32(TINY))  # (out,)  (1)
    q = np.clip(np.rint(w / scale[:, None]), -127, 127).astype(np.int8)  # (out,in)  (1)
    return QTensor(q, scale)


def quantize_affine(x):
    """Activations to int8, each row with its own scale and zero point.

    Parameters
    ----------
    x : ndarray of float (..., in)

    Returns
    -------
    QRows
        q int8 (..., in), scale float32 (..., 1), zero int32 (..., 1).

    Raises
    ------
    ValueError
        x has a NaN or an infinity, or a row whose range float32 cannot hold.
    """
    x = np.asarray(x, np.float32)
    _check_finite("x", x)
    lo = np.minimum(x.min(-1, keepdims=True), 0)  # (...,1)  (2)
    hi = np.maximum(x.max(-1, keepdims=True), 0)  # (...,1)  (2)
    with np.errstate(over="ignore"):  # answered below
        scale = np.maximum((hi - lo) / np.float32(255), np.float32(TINY))  # (...,1)  (2)
    if not np.isfinite(scale).all():
        raise ValueError("x has a row whose range, highest minus lowest, float32 cannot hold")
    zero = np.rint(np.float32(-128) - lo / scale)  # (...,1)  (2)
    q = np.clip(np.rint(x / scale) + zero, -128, 127).astype(np.int8)  # (...,in)  (3)
    return QRows(q, scale, zero.astype(np.int32))


def int8_matmul(qx, qw):
    """qx qw^T in int32, exact.

    Parameters
    ----------
    qx : ndarray of int8 (..., in)
    qw : ndarray of int8 (out, in)

    Returns
    -------
    ndarray of int32 (..., out)
    """
    if qx.shape[-1] > MAX_INPUTS:
        raise ValueError(f"{qx.shape[-1]} inputs may overflow int32; {MAX_INPUTS} cannot")
    # Every partial sum is below 2^31, so float64 (53 bits) is exact, and BLAS is used.
    return (qx.astype(np.float64) @ qw.T.astype(np.float64)).astype(np.int32)  # (4)


def int8_linear_forward(x, w, b):
    """y = x W^T + b with W in int8, and x quantized on the way in.

    Parameters
    ----------
    x : ndarray of float (..., in) or QRows
    w : QTensor (out, in)
    b : ndarray (out,)

    Returns
    -------
    y : ndarray of float32 (..., out)
    cache
        None: there is no gradient through int8.
    """
    if w.shape[1] > MAX_LINEAR_INPUTS:
        raise ValueError(f"{w.shape[1]} inputs may overflow int32; {MAX_LINEAR_INPUTS} cannot")
    x = x if isinstance(x, QRows) else quantize_affine(x)
    acc = int8_matmul(x.q, w.q) - x.zero * w.row_sum  # (...,out) int32  (4)
    y = acc.astype(np.float32) * x.scale * w.scale + b  # (...,out)  (5)
    return y, None


def _check_finite(name, array):
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has a NaN or an infinity, which int8 cannot hold")
