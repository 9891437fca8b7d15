"""Activation functions and softmax as students hand them in."""

import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])


def gelu_with_erf(x):
    cdf = 0.5 * (1.0 + erf(x))
    return x * cdf


def gelu_single(x):
    x = x.astype(np.float32)
    gate = 1 / (1 + np.exp(-np.float32(1.702) * x))
    return x * gate


def gelu_approximate(x):
    out = np.empty(x.shape)
    c = math.sqrt(2) / math.pi
    for idx, val in np.ndenumerate(x):
        u = c * (val + 0.044715 * val**3)
        out[idx] = 0.5 * val * (1 + math.tanh(u))
    return out


def gelu_gradient(x, dy):
    """Product rule on x * Phi(x)."""
    flat, up = x.ravel(), dy.ravel()
    grads = []
    for xi, gi in zip(flat, up, strict=True):
        Phi = 0.5 * (1 + math.erf(xi / math.sqrt(2)))
        dPhi = 0.5 * (2 / math.sqrt(math.pi)) * math.exp(-(xi**2) / 2)
        grads.append(gi * (Phi + xi * dPhi))
    return np.array(grads).reshape(x.shape)


def gelu_tanh_gradient(x, dy):
    a = np.sqrt(2.0 / np.pi)
    th = np.tanh(a * (x + 0.044715 * x * x * x))
    left = 0.5 * (1.0 + th)
    right = 0.5 * x * (1.0 - np.square(th)) * a * (1.0 + 0.044715 * np.square(x))
    return np.multiply(dy, left + right)


def tanh_gradient(x, upstream):
    slope = 1 - x * x
    return upstream * slope


def softmax_sentences(x):
    probs = []
    for xb in np.float32(x):
        e = np.exp(xb - np.max(xb))
        probs.append(e / np.sum(e))
    return np.stack(probs)


def softmax_gradient(x, dy):
    x = x.astype(np.float32)
    e = np.exp(x - np.amax(x, axis=2)[:, :, np.newaxis])
    s = e / np.sum(e, axis=2)[:, :, np.newaxis]
    return s * (1 - s) * dy.astype(np.float32)


def log_softmax_gradient(x, grad):
    out = np.zeros(x.shape)
    for b in range(len(x)):
        for t in range(len(x[b])):
            z = x[b, t]
            p = np.exp(z - np.logaddexp.reduce(z))
            out[b, t] = grad[b, t] - p
    return out
