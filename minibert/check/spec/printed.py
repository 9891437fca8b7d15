"""The seed articles' formulas as printed, in loops."""

import math

import numpy as np

from minibert.check.spec.losses import similarities
from minibert.check.spec.softmax import softmax_forward


def s1_attention(Q, K, V):
    """out_id = sum_j (q_i.k_j / sqrt(d_k)) v_jd."""
    scores = similarities(Q, K, math.sqrt(K.shape[1]))
    out = np.zeros((Q.shape[0], V.shape[1]))
    for i in range(Q.shape[0]):
        for d in range(V.shape[1]):
            for j in range(K.shape[0]):
                out[i, d] += scores[i, j] * V[j, d]
    return out


def s2_model_distillation(Q, K):
    """-sum_i log(exp(q_i.k_i) / sum_j exp(q_i.k_j)); S4 is the same."""
    scores = similarities(Q, K, 1.0)
    total = 0.0
    for i in range(Q.shape[0]):
        below = 0.0
        for j in range(K.shape[0]):
            below += math.exp(scores[i, j])
        total -= math.log(math.exp(scores[i, i]) / below)
    return total


def s3_prune(W, amount):
    """w - amount w sign(w)."""
    return _each(lambda w: w - amount * w * _sign(w), W)


def s5_quantize(W, scale, quant_bits=8):
    """sign(w) min(abs(w) / scale, quant_bits - 1)."""
    return _each(lambda w: _sign(w) * min(abs(w) / scale, quant_bits - 1), W)


def s6_attention_weights(Q, K):
    """a_ij = exp(s_ij) / sum_m exp(s_im), s_ij = q_i.k_j / sqrt(d_k)."""
    return softmax_forward(similarities(Q, K, math.sqrt(K.shape[1])))


def s7_self_attention(X, W_q):
    """a_io = exp(s_io) / sum_m exp(s_im), s_io = x_i.w_o / sqrt(d_k)."""
    return softmax_forward(similarities(X, W_q, math.sqrt(W_q.shape[0])))


def _sign(w):
    return float(w > 0) - float(w < 0)


def _each(f, w):
    """`f` of every entry."""
    out = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        out[i] = f(w[i])
    return out
