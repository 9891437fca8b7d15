"""Linear layers, in loops."""

import numpy as np


def linear_forward(x, w, b):
    """y[m,o] = sum_i x[m,i] w[o,i] + b[o], for x (M,I), w (O,I), b (O,)."""
    y = np.empty((x.shape[0], w.shape[0]), x.dtype)
    for m in range(x.shape[0]):
        for o in range(w.shape[0]):
            total = b[o]
            for i in range(x.shape[1]):
                total += x[m, i] * w[o, i]
            y[m, o] = total
    return y


def linear_backward(dy, x, w):
    """dx (M,I), dw (O,I), db (O,): each product x w in y passes dy on, times the other factor."""
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(w[:, 0])
    for m in range(x.shape[0]):
        for o in range(w.shape[0]):
            db[o] += dy[m, o]
            for i in range(x.shape[1]):
                dx[m, i] += dy[m, o] * w[o, i]
                dw[o, i] += dy[m, o] * x[m, i]
    return dx, dw, db
