"""int8, in loops."""

import numpy as np


def quantize_symmetric(w):
    """q (O,I) in [-127,127] and scale (O,), w ~ scale q: a row's largest entry becomes 127."""
    q, scale = np.empty(w.shape, np.int8), np.empty(w.shape[0], np.float32)
    for o in range(w.shape[0]):
        top = np.float32(0)
        for i in range(w.shape[1]):
            top = max(top, abs(w[o, i]))
        scale[o] = max(top / np.float32(127), np.float32(1.2e-38))
        for i in range(w.shape[1]):
            q[o, i] = min(max(round(w[o, i] / scale[o]), -127), 127)  # round: half to even
    return q, scale


def quantize_affine(x):
    """q (M,I) in [-128,127], scale (M,) and zero (M,) with x ~ scale (q - zero).

    Each row's range, which always holds 0, becomes the 256 integers.
    """
    M = x.shape[0]
    q, scale, zero = np.empty(x.shape, np.int8), np.empty(M, np.float32), np.empty(M, np.int32)
    for m in range(M):
        low, high = np.float32(0), np.float32(0)
        for i in range(x.shape[1]):
            low, high = min(low, x[m, i]), max(high, x[m, i])
        scale[m] = max((high - low) / np.float32(255), np.float32(1.2e-38))
        zero[m] = round(-128 - low / scale[m])
        for i in range(x.shape[1]):
            q[m, i] = min(max(round(x[m, i] / scale[m]) + zero[m], -128), 127)
    return q, scale, zero


def int8_matmul(qx, qw):
    """acc[m,o] = sum_i qx[m,i] qw[o,i] in Python's integers, which never overflow."""
    acc = np.empty((qx.shape[0], qw.shape[0]), np.int32)
    for m in range(qx.shape[0]):
        for o in range(qw.shape[0]):
            acc[m, o] = sum(int(qx[m, i]) * int(qw[o, i]) for i in range(qx.shape[1]))
    return acc


def int8_linear_forward(x, w, b):
    """y = s_x s_w (acc - z_x r) + b with x and w quantized, r[o] = sum_i q_w[o,i]."""
    qx, s_x, z_x = quantize_affine(x)
    qw, s_w = quantize_symmetric(w)
    acc = int8_matmul(qx, qw)
    y = np.empty(acc.shape, x.dtype)
    for m in range(y.shape[0]):
        for o in range(y.shape[1]):
            r = sum(int(n) for n in qw[o])
            y[m, o] = s_x[m] * s_w[o] * (int(acc[m, o]) - int(z_x[m]) * r) + b[o]
    return y
