"""Task heads and their losses, in loops."""

import math

import numpy as np

from minibert.check.spec.activations import (
    gelu_backward,
    gelu_forward,
    relu_backward,
    relu_forward,
)
from minibert.check.spec.dropout import dropout_forward
from minibert.check.spec.layernorm import layernorm_backward, layernorm_forward
from minibert.check.spec.linear import linear_backward, linear_forward
from minibert.check.spec.softmax import log_softmax_forward, softmax_forward


def classification_forward(pooled, keep, rate, w, b, pooler):
    """logits = y W^T + b, y = dropout(pooled), or relu(pooled) in TinyBERT's pooler; (B,D)."""
    y = relu_forward(pooled) if pooler == "tinybert" else dropout_forward(pooled, keep, rate)
    return linear_forward(y, w, b)


def classification_backward(dlogits, pooled, keep, rate, w, pooler):
    """dpooled (B,D), dw (C,D), db (C,)."""
    y = relu_forward(pooled) if pooler == "tinybert" else dropout_forward(pooled, keep, rate)
    dy, dw, db = linear_backward(dlogits, y, w)
    if pooler == "tinybert":
        return relu_backward(dy, pooled), dw, db
    return dropout_forward(dy, keep, rate), dw, db


def mlm_forward(x, w, b, gamma, beta, words, bias, eps):
    """logits = LN(gelu(x W^T + b)) E^T + bias for x (M,D); E, the word table, is words (V,D)."""
    a = gelu_forward(linear_forward(x, w, b))
    return linear_forward(layernorm_forward(a, gamma, beta, eps), words, bias)


def mlm_backward(dlogits, x, w, b, gamma, beta, words, bias, eps):
    """dx (M,D), dw, db, dgamma, dbeta, dwords (V,D), dbias (V,)."""
    h = linear_forward(x, w, b)
    a = gelu_forward(h)
    u = layernorm_forward(a, gamma, beta, eps)
    du, dwords, dbias = linear_backward(dlogits, u, words)
    da, dgamma, dbeta = layernorm_backward(du, a, gamma, eps)
    dx, dw, db = linear_backward(gelu_backward(da, h), x, w)
    return dx, dw, db, dgamma, dbeta, dwords, dbias


def tokens_forward(x, keep, rate, w, bias):
    """logits[b,t,c] = sum_d y[b,t,d] w[c,d] + bias[c], y = dropout(x), for x and keep (B,L,D)."""
    B, L, D = x.shape
    C = w.shape[0]
    y = dropout_forward(x, keep, rate)
    logits = np.empty((B, L, C), x.dtype)
    for b in range(B):
        for t in range(L):
            for c in range(C):
                logits[b, t, c] = bias[c]
                for d in range(D):
                    logits[b, t, c] += y[b, t, d] * w[c, d]
    return logits


def tokens_backward(dlogits, x, keep, rate, w):
    """dx (B,L,D), dw (C,D), dbias (C,): a token that was dropped in x_d passes nothing on in d."""
    B, L, D = x.shape
    dx, dw, dbias = np.zeros_like(x), np.zeros_like(w), np.zeros_like(w[:, 0])
    for b in range(B):
        for t in range(L):
            for c in range(w.shape[0]):
                dbias[c] += dlogits[b, t, c]
                for d in range(D):
                    if keep[b, t, d]:
                        dx[b, t, d] += dlogits[b, t, c] * w[c, d] / (1 - rate)
                        dw[c, d] += dlogits[b, t, c] * x[b, t, d] / (1 - rate)
    return dx, dw, dbias


def tokens_loss_forward(logits, labels):
    """Mean over the tokens whose label is not -100 of -log softmax(logits[b,t])[label]."""
    total, count = 0.0, 0
    for b in range(logits.shape[0]):
        logp = log_softmax_forward(logits[b])  # (L,C)
        for t in range(logits.shape[1]):
            if labels[b, t] != -100:
                total -= logp[t, labels[b, t]]
                count += 1
    return total / count


def tokens_loss_backward(logits, labels):
    """dlogits = (p - onehot(label)) / labelled tokens; 0 where there is no label."""
    B, L, C = logits.shape
    dlogits, count = np.zeros_like(logits), 0
    for b in range(B):
        for t in range(L):
            count += labels[b, t] != -100
    for b in range(B):
        p = softmax_forward(logits[b])
        for t in range(L):
            if labels[b, t] != -100:
                for c in range(C):
                    dlogits[b, t, c] = (p[t, c] - (c == labels[b, t])) / count
    return dlogits


def span_loss_forward(logits, labels):
    """Half of the loss of the starts plus half of that of the ends.

    Each is the mean over texts of -log softmax over the L places of logits[b,:,side]; a label at L
    or beyond leaves its text out, a negative one is place 0. Logits (B,L,2), labels (B,2).
    """
    B, L, _ = logits.shape
    loss = 0.0
    for side in range(2):
        total, count = 0.0, 0
        for b in range(B):
            place = max(labels[b, side], 0)
            if place < L:
                logp = log_softmax_forward(logits[b : b + 1, :, side])  # (1,L)
                total -= logp[0, place]
                count += 1
        if count > 0:
            loss += total / count / 2
    return loss


def span_loss_backward(logits, labels):
    """dlogits[b,t,side] = (p[b,t] - (t == place)) / (2 counted texts), p over the places t."""
    B, L, _ = logits.shape
    dlogits = np.zeros_like(logits)
    for side in range(2):
        count = 0
        for b in range(B):
            count += labels[b, side] < L
        for b in range(B):
            place = max(labels[b, side], 0)
            if place < L:
                p = softmax_forward(logits[b : b + 1, :, side])  # (1,L)
                for t in range(L):
                    dlogits[b, t, side] = (p[0, t] - (t == place)) / (2 * count)
    return dlogits


def best_span(start, end, context, max_answer, threshold):
    """(start, end, score, null - best, window) of the best span, or 0, 0 where null is better."""
    best, answer = -math.inf, None
    null, null_window = math.inf, 0
    for w in range(start.shape[0]):
        if start[w, 0] + end[w, 0] < null:
            null, null_window = start[w, 0] + end[w, 0], w
        for i in range(start.shape[1]):
            for j in range(i, min(i + max_answer, start.shape[1])):
                score = start[w, i] + end[w, j]
                if context[w, i] and context[w, j] and score > best:
                    best, answer = score, (i, j, w)
    if answer is None or null - best > threshold:
        return 0, 0, null, null - best, null_window
    i, j, w = answer
    return i, j, best, null - best, w
