"""Quantizers as students hand them in."""

import numpy as np


def quantize_weights(w):
    biggest = max(np.abs(w).max(), 127 * 1.2e-38)
    s = biggest / 127.0
    q = np.zeros(w.shape, dtype=np.int8)
    for r in range(w.shape[0]):
        for c in range(w.shape[1]):
            q[r, c] = min(127, max(-127, round(w[r, c] / s)))
    return q, np.array([s] * w.shape[0])


def to_int8(w):
    """One scale for each row."""
    scales = []
    codes = []
    for row in w:
        s = max(float(np.max(np.abs(row))) / 128, 1.2e-38)
        scales.append(s)
        codes.append(np.clip(row / s, -127, 127).astype(np.int8))
    return np.stack(codes), np.array(scales)


def quantize_activations(x):
    lo = np.minimum(np.min(x, axis=-1, keepdims=True), 0.0)
    hi = np.maximum(np.max(x, axis=-1, keepdims=True), 0.0)
    step = np.maximum((hi - lo) / 255.0, 1.2e-38)
    zero_point = np.round(-lo / step)
    q = np.round(x / step) + zero_point
    q = np.clip(q, -128, 127)
    return q.astype(np.int8), step, zero_point.astype(np.int64)
