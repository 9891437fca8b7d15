"""Activation functions, in loops."""

import math

import numpy as np


def erf(x):
    """2/sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (1 3 5 ... (2n+1)), in which nothing cancels."""
    y = np.empty_like(x)
    for i in np.ndindex(x.shape):
        if abs(x[i]) > 6:  # 1 to the last digit of float64; the terms would overflow
            y[i] = math.copysign(1.0, x[i])
            continue
        term, total, n = x[i], 0.0, 0
        while total + term != total:
            total += term
            n += 1
            term *= 2 * x[i] * x[i] / (2 * n + 1)
        y[i] = 2 / math.sqrt(math.pi) * math.exp(-x[i] * x[i]) * total
    return y


def gelu_forward(x):
    """y = x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2 the normal distribution; any shape."""
    y = np.empty_like(x)
    for i in np.ndindex(x.shape):
        y[i] = x[i] * 0.5 * (1 + math.erf(x[i] / math.sqrt(2)))
    return y


def gelu_backward(dy, x):
    """dx = dy (Phi(x) + x phi(x)), phi the normal density."""
    dx = np.empty_like(x)
    for i in np.ndindex(x.shape):
        Phi = 0.5 * (1 + math.erf(x[i] / math.sqrt(2)))
        phi = math.exp(-0.5 * x[i] * x[i]) / math.sqrt(2 * math.pi)
        dx[i] = dy[i] * (Phi + x[i] * phi)
    return dx


def gelu_tanh_forward(x):
    """y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): GPT-2's approximation, not BERT's GELU."""
    y = np.empty_like(x)
    for i in np.ndindex(x.shape):
        y[i] = 0.5 * x[i] * (1 + math.tanh(math.sqrt(2 / math.pi) * (x[i] + 0.044715 * x[i] ** 3)))
    return y


def gelu_tanh_backward(dy, x):
    """dx = dy (1/2 (1 + tanh u) + x/2 (1 - tanh^2 u) du/dx), u as in the forward."""
    dx = np.empty_like(x)
    for i in np.ndindex(x.shape):
        t = math.tanh(math.sqrt(2 / math.pi) * (x[i] + 0.044715 * x[i] ** 3))
        du = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x[i] ** 2)
        dx[i] = dy[i] * (0.5 * (1 + t) + 0.5 * x[i] * (1 - t * t) * du)
    return dx


def tanh_forward(x):
    """y = (e^x - e^-x) / (e^x + e^-x)."""
    y = np.empty_like(x)
    for i in np.ndindex(x.shape):
        y[i] = math.tanh(x[i])
    return y


def tanh_backward(dy, x):
    """dx = dy (1 - tanh(x)^2)."""
    dx = np.empty_like(x)
    for i in np.ndindex(x.shape):
        dx[i] = dy[i] * (1 - math.tanh(x[i]) ** 2)
    return dx


def relu_forward(x):
    """y = x where x > 0, else 0."""
    y = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        if x[i] > 0:
            y[i] = x[i]
    return y


def relu_backward(dy, x):
    """dx = dy where x > 0, else 0."""
    dx = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        if x[i] > 0:
            dx[i] = dy[i]
    return dx
