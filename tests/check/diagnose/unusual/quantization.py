"""int8."""

from fractions import Fraction

import numpy as np


def quantize_symmetric_with_round(w):
    """Python's round, which takes ties to even; lists."""
    q, scale = [], []
    for row in w.tolist():
        s = max(max(map(abs, row)) / 127, 1.2e-38)
        scale.append(s)
        q.append([max(-127, min(127, round(t / s))) for t in row])
    return q, scale


def quantize_symmetric_of_signs(w):
    """Sizes and signs apart; a tie is seen by its half and goes to the even neighbour."""
    scale = np.fmax(np.fmax(w.max(1), -w.min(1)) / 127, 1.2e-38)
    size = np.abs(w) / scale[:, None]
    below = np.floor(size)
    up = (size - below > 0.5) | ((size - below == 0.5) & (below % 2 == 1))
    q = np.copysign(np.minimum(below + up, 127), w).astype(np.int8)
    return q, scale


def quantize_affine_of_tokens(x):
    """Token by token; round and bytes: the codes are counted from 0 and shifted at the end."""
    q = np.empty(x.shape, np.int8)
    scale, zero = np.empty((*x.shape[:2], 1)), np.empty((*x.shape[:2], 1), np.int64)
    for i in np.ndindex(x.shape[:2]):
        lo, hi = min(0.0, *x[i]), max(0.0, *x[i])
        scale[i] = s = max((hi - lo) / 255, 1.2e-38)
        zero[i] = z = round(-128 - lo / s)
        codes = [min(255, max(0, round(t / s) + int(z) + 128)) for t in x[i].tolist()]
        q[i] = np.array(codes) - 128
    return q, scale, zero


def int8_linear_of_fractions(qx, sx, zx, qw, sw, b):
    """Exact rational numbers, rounded once at the end; lists."""
    B, L, _ = qx.shape
    out = []
    for i in np.ndindex(B, L):
        s, z = Fraction(float(sx[i][0])), int(zx[i][0])
        codes = [int(c) - z for c in qx[i]]
        row = []
        for f, weights in enumerate(qw.tolist()):
            acc = sum(c * w for c, w in zip(codes, weights, strict=True))
            row.append(float(s * Fraction(float(sw[f])) * acc + Fraction(float(b[f]))))
        out.append(row)
    return np.reshape(out, (B, L, len(b))).tolist()


def int8_linear_of_real_numbers(qx, sx, zx, qw, sw, b):
    """x and W are made real numbers again, and multiplied as such."""
    x = sx * (qx.astype(np.float64) - zx)
    w = sw[:, None] * qw
    return np.einsum("bld,fd->blf", x, w) + b


def int8_linear_of_bits(qx, sx, zx, qw, sw, b):
    """The weights bit by bit, in two's complement: a product is a sum of shifted sums."""
    x, bits = qx.astype(np.int64) - zx.astype(np.int64), qw.astype(np.int64) & 0xFF
    acc = sum((x @ ((bits >> n) & 1).T) * (-128 if n == 7 else 1 << n) for n in range(8))
    return np.multiply(acc, sx) * sw + b
