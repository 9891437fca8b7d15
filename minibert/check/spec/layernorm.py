"""LayerNorm, in loops."""

import math

import numpy as np


def layernorm_forward(x, gamma, beta, eps):
    """y = gamma (x - mu) / sqrt(var + eps) + beta in each row of x (M,D); var divides by D."""
    y = np.empty_like(x)
    D = x.shape[1]
    for m in range(x.shape[0]):
        mu = 0.0
        for d in range(D):
            mu += x[m, d] / D
        var = 0.0
        for d in range(D):
            var += (x[m, d] - mu) ** 2 / D
        sigma = math.sqrt(var + eps)
        for d in range(D):
            y[m, d] = gamma[d] * (x[m, d] - mu) / sigma + beta[d]
    return y


def layernorm_backward(dy, x, gamma, eps):
    """dx (M,D), dgamma (D,), dbeta (D,), by the Jacobian of xhat.

    d xhat[d] / d x[j] = ((d == j) - 1/D - xhat[d] xhat[j] / D) / sigma: moving x[j] moves its own
    entry, the mean of all, and the deviation of all.
    """
    dx, dgamma, dbeta = np.zeros_like(x), np.zeros_like(gamma), np.zeros_like(gamma)
    D = x.shape[1]
    xhat = np.empty(D)
    for m in range(x.shape[0]):
        mu = 0.0
        for d in range(D):
            mu += x[m, d] / D
        var = 0.0
        for d in range(D):
            var += (x[m, d] - mu) ** 2 / D
        sigma = math.sqrt(var + eps)
        for d in range(D):
            xhat[d] = (x[m, d] - mu) / sigma
            dgamma[d] += dy[m, d] * xhat[d]
            dbeta[d] += dy[m, d]
        for d in range(D):
            for j in range(D):
                same = 1.0 if d == j else 0.0
                dx[m, j] += dy[m, d] * gamma[d] * (same - 1 / D - xhat[d] * xhat[j] / D) / sigma
    return dx, dgamma, dbeta
