"""Functions that do not get as far as numbers worth comparing."""

import numpy as np


def linear_layer(x, w, b):
    return np.matmul(x, w) + b


def layer_norm(x, gamma, beta):
    mean = x.mean(axis=-1)
    variance = ((x - mean) ** 2).mean(axis=-1)
    return gamma * (x - mean) / np.sqrt(variance + 1e-12) + beta


def attention_all_heads(q, k, v, bias):
    """Scaled dot-product attention."""
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(q.shape[-1]) + bias
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    context = e / e.sum(axis=-1, keepdims=True) @ v
    B, H, L, K = context.shape
    return context.transpose(0, 2, 1, 3).reshape(B, L, H * K)


def cross_entropy_rows(logits, labels):
    losses = []
    for z, y in zip(logits, labels, strict=True):
        losses.append(np.log(np.sum(np.exp(z))) - z[y])
    return np.array(losses)


def relu(x):
    x[x < 0] = 0
    return x


def causal_attention_weights(scores):
    n = scores.shape[-1]
    future = np.triu(np.ones((n, n))) == 1
    masked = np.where(future, -np.inf, scores)
    e = np.exp(masked - masked.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
