"""Attention, in loops; packed, it is that of one sequence after another."""

import math

import numpy as np


def attention_forward(q, k, v, bias, head_mask, keep=None, rate=0.0):
    """context (B,H,L,K) and scores (B,H,L,S) of q (B,H,L,K), k and v (B,H,S,K).

    scores = q k^T / sqrt K; p = softmax over the keys of scores + bias; context = head_mask p v,
    with dropout on p where there is a mask keep (B,H,L,S).
    """
    B, H, L, K = q.shape
    S = k.shape[2]
    scores, context = np.zeros((B, H, L, S), q.dtype), np.zeros((B, H, L, K), q.dtype)
    p = np.empty(S)
    for b in range(B):
        for h in range(H):
            for i in range(L):
                for j in range(S):
                    dot = 0.0
                    for c in range(K):
                        dot += q[b, h, i, c] * k[b, h, j, c]
                    scores[b, h, i, j] = dot / math.sqrt(K)
                top = (scores[b, h, i] + bias[b, h, i]).max()
                total = 0.0
                for j in range(S):
                    p[j] = math.exp(scores[b, h, i, j] + bias[b, h, i, j] - top)
                    total += p[j]
                for j in range(S):
                    d = p[j] / total
                    if keep is not None:
                        d *= keep[b, h, i, j] / (1 - rate)
                    for c in range(K):
                        context[b, h, i, c] += head_mask[h] * d * v[b, h, j, c]
    return context, scores


def attention_backward(dcontext, dscores, q, k, v, bias, head_mask, keep=None, rate=0.0):
    """dq, dk, dv and dhead_mask (H,); dscores (B,H,L,S) is what a loss on the scores adds."""
    B, H, L, K = q.shape
    S = k.shape[2]
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    dhead_mask = np.zeros(H, q.dtype)
    s, p, dp = np.empty(S), np.empty(S), np.empty(S)
    for b in range(B):
        for h in range(H):
            for i in range(L):
                for j in range(S):
                    s[j] = bias[b, h, i, j]
                    for c in range(K):
                        s[j] += q[b, h, i, c] * k[b, h, j, c] / math.sqrt(K)
                top, total = s.max(), 0.0
                for j in range(S):
                    p[j] = math.exp(s[j] - top)
                    total += p[j]
                mean_dp = 0.0
                for j in range(S):
                    p[j] /= total
                    dp[j], kept = 0.0, 1.0
                    if keep is not None:
                        kept = keep[b, h, i, j] / (1 - rate)
                    for c in range(K):
                        dhead_mask[h] += dcontext[b, h, i, c] * kept * p[j] * v[b, h, j, c]
                        dv[b, h, j, c] += dcontext[b, h, i, c] * head_mask[h] * kept * p[j]
                        dp[j] += dcontext[b, h, i, c] * head_mask[h] * kept * v[b, h, j, c]
                    mean_dp += p[j] * dp[j]
                for j in range(S):
                    ds = p[j] * (dp[j] - mean_dp) + dscores[b, h, i, j]
                    for c in range(K):
                        dq[b, h, i, c] += ds * k[b, h, j, c] / math.sqrt(K)
                        dk[b, h, j, c] += ds * q[b, h, i, c] / math.sqrt(K)
    return dq, dk, dv, dhead_mask


def packed_attention_forward(q, k, v, offsets, head_mask, keep=None, rate=0.0):
    """context (H,P,K) of q, k and v (H,P,K), whose rows offsets[b] to offsets[b+1] are sequence b.

    keep holds what dropout keeps of all scores in one row: of the first sequence's heads, queries
    and keys, then of the second's.
    """
    context, n = np.zeros_like(q), 0
    for b in range(len(offsets) - 1):
        rows = slice(offsets[b], offsets[b + 1])
        whole, n = _whole(q, rows, head_mask, keep, rate, n)
        alone = (x[None, :, rows] for x in (q, k, v))
        context[:, rows] = attention_forward(*alone, *whole)[0][0]
    return context


def packed_attention_backward(dcontext, q, k, v, offsets, head_mask, keep=None, rate=0.0):
    """dq, dk, dv and dhead_mask (H,)."""
    grads, n = [np.zeros_like(x) for x in (q, k, v, head_mask)], 0
    for b in range(len(offsets) - 1):
        rows = slice(offsets[b], offsets[b + 1])
        whole, n = _whole(q, rows, head_mask, keep, rate, n)
        alone = (x[None, :, rows] for x in (q, k, v))
        dscores = np.zeros_like(whole[0])
        *dqkv, dm = attention_backward(dcontext[None, :, rows], dscores, *alone, *whole)
        for whole_gradient, part in zip(grads, dqkv, strict=False):
            whole_gradient[:, rows] = part[0]
        grads[3] += dm
    return tuple(grads)


def _whole(q, rows, head_mask, keep, rate, n):
    """What attention takes besides q, k and v for a sequence alone; and where the next keeps on.

    No score has a bias; n numbers of keep belong to the sequences before.
    """
    l = rows.stop - rows.start
    shape = 1, len(q), l, l
    stop = n + len(q) * l * l
    kept = None if keep is None else keep[n:stop].reshape(shape)
    return (np.zeros(shape, q.dtype), head_mask, kept, rate), stop
