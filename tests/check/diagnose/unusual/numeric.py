"""Gradients of a function by its own values."""

import numpy as np


def by_differences(forward, inputs, upstream, h=2e-4):
    """Gradients of <upstream, forward(*inputs)> by central differences, extrapolated to h = 0.

    With the differences at h and 2 h, (4 d(h) - d(2h)) / 3 has an error of h^4 only.
    """
    inputs = [np.array(x, np.float64) for x in inputs]
    gradients = []
    for x in inputs:
        gradient = np.empty_like(x)
        for i in np.ndindex(x.shape):
            kept, slopes = x[i], []
            for step in (h, 2 * h):
                x[i] = kept + step
                above = np.array(forward(*inputs))
                x[i] = kept - step
                below = np.array(forward(*inputs))
                slopes.append((upstream * (above - below)).sum() / (2 * step))
            x[i] = kept
            gradient[i] = (4 * slopes[0] - slopes[1]) / 3
        gradients.append(gradient)
    return gradients


def by_complex_step(forward, x, upstream, h=1e-100):
    """The gradient of <upstream, forward(x)> from the imaginary parts of forward(x + i h)."""
    gradient = np.empty(x.shape)
    z = x.astype(np.complex128)
    for i in np.ndindex(x.shape):
        z[i] = complex(x[i], h)
        gradient[i] = (upstream * np.imag(forward(z))).sum() / h
        z[i] = x[i]
    return gradient


def softmax_jacobian(p):
    """dp_i/dx_j = p_i (1 where i = j) - p_i p_j of one row (C), as a matrix."""
    return np.diag(p) - np.outer(p, p)
