"""Scaled dot-product attention: BLAS for the products, one pass of Numba for what is between.

    (1)  s = Q K^T / sqrt(K)
    (2)  p = softmax(s + bias),   d = dropout(p)
    (3)  context = d V

    (3') dd = dcontext V^T,   dV = d^T dcontext
    (2') dp = dropout'(dd),   ds = (p (dp - sum(dp p)) + dscores) / sqrt(K)
    (1') dQ = ds K,   dK = ds^T Q

The work is cut by sequences, or by heads of one sequence where it is long. Within a block the
L x S numbers of a head are written by one product, turned by one pass into probabilities where
they stand, and read by the next product, while they are in the cache. The products read the heads
of q, k and v where they lie, with strides, and write the context so that joining the heads
is no copy; dq, dk and dv come out as the three parts of one array, as `qkv_backward` wants them.

Error against float64: 2e-6 relative norm.
"""

import math

import numpy as np

from minibert.kernels import pool
from minibert.kernels.numba_dropout import NO_DROPOUT, mask_numbers
from minibert.kernels.numba_jit import REORDER, jit
from minibert.kernels.numba_math import exp_nonpositive, keeps, row_max
from minibert.ops import Attended

F32, U32 = np.float32, np.uint32
_NONE = np.empty((0, 0, 0, 0), F32)
_NO_BIAS = np.zeros((1, 1, 1, 1), F32)
_WORK = 100  # operations a score, in units of a product's


def attention_forward(q, k, v, bias=None, *, drop=None, head_mask=None, want_scores=False):
    B, H, L, K = q.shape
    S = k.shape[2]
    p = np.empty((B, H, L, S), F32)
    scores = np.empty((B, H, L, S), F32) if want_scores else None
    context = _heads(B, L, H, K)
    bias, mask = _full_rows(bias, S), mask_numbers(drop)
    scale = F32(1.0 / math.sqrt(K))

    def block(at):
        np.matmul(q[at], k[at].swapaxes(-1, -2), out=p[at])  # (1)
        d = np.empty_like(p[at]) if mask != NO_DROPOUT else _NONE
        s = _NONE if scores is None else scores[at]
        _softmax(p[at], scale, bias[_within(at, bias)], s, d, _first(at, H, L * S), *mask)  # (2)
        np.matmul(d if mask != NO_DROPOUT else p[at], v[at], out=context[at])  # (3)

    pool.run((block, _blocks(B, H, L * S * (4 * K + _WORK))))
    cache = q, k, v, p, mask, head_mask, context
    if head_mask is not None:
        context = context * head_mask[:, None, None]
    return Attended(context, scores), cache


def attention_backward(dout, cache):
    dcontext, dscores = dout
    q, k, v, p, mask, head_mask, u = cache
    dhead_mask = None
    if head_mask is not None:
        dhead_mask = (dcontext * u).sum((0, 2, 3))
        dcontext = dcontext * head_mask[:, None, None]
    dcontext = np.asarray(dcontext, F32)
    dscores = None if dscores is None else np.ascontiguousarray(dscores, F32)
    B, H, L, K = q.shape
    S = k.shape[2]
    if L == S:
        dq, dk, dv = (d.swapaxes(1, 2) for d in np.empty((B, L, 3, H, K), F32).swapaxes(0, 2).swapaxes(1, 2))
    else:
        dq, dk, dv = _heads(B, L, H, K), _heads(B, S, H, K), _heads(B, S, H, K)
    scale = F32(1.0 / math.sqrt(K))

    def block(at):
        p_here = p[at]
        ds = np.empty_like(p_here)
        np.matmul(dcontext[at], v[at].swapaxes(-1, -2), out=ds)  # (3')
        d = np.empty_like(p_here) if mask != NO_DROPOUT else _NONE
        dscores_here = _NONE if dscores is None else dscores[at]
        _softmax_gradient(ds, p_here, d, dscores_here, scale, _first(at, H, L * S), *mask)  # (2')
        d = d if mask != NO_DROPOUT else p_here
        np.matmul(d.swapaxes(-1, -2), dcontext[at], out=dv[at])  # (3')
        np.matmul(ds, k[at], out=dq[at])  # (1')
        np.matmul(ds.swapaxes(-1, -2), q[at], out=dk[at])  # (1')

    pool.run((block, _blocks(B, H, L * S * (8 * K + _WORK))))
    return dq, dk, dv, dhead_mask


def _heads(B, L, H, K):
    """An empty (B,H,L,K) whose heads lie side by side in memory, token by token."""
    return np.empty((B, L, H, K), F32).swapaxes(1, 2)


def _blocks(B, H, work):
    """Pairs of slices (sequences, heads): several whole sequences, or some heads of one."""
    heads = max(1, pool.BLOCK_WORK // max(work, 1))
    if heads >= H:
        return [(b, slice(0, H)) for b in pool.blocks(B, heads // H)]
    return [(slice(b, b + 1), h) for b in range(B) for h in pool.blocks(H, heads)]


def _first(at, H, size):
    """The number of a block's first score."""
    return U32((at[0].start * H + at[1].start) * size)


def _full_rows(bias, S):
    """The bias with four axes, the last of length S; the others may be 1."""
    if bias is None:
        bias = _NO_BIAS
    bias = bias.reshape((1,) * (4 - bias.ndim) + bias.shape)
    return np.ascontiguousarray(np.broadcast_to(bias, (*bias.shape[:3], S)), F32)


def _within(at, bias):
    """The part of the bias that belongs to a block."""
    return tuple(here if n > 1 else slice(0, 1) for here, n in zip(at, bias.shape, strict=False))


@jit(REORDER)
def _softmax(s, scale, bias, scores, d, first, k0, k1, threshold, share):
    """(2), in place: s becomes p. scores and d are written unless they are empty."""
    N, H, L, S = s.shape
    for n in range(N):
        for h in range(H):
            for l in range(L):
                row = s[n, h, l]
                b = bias[
                    n if bias.shape[0] > 1 else 0,
                    h if bias.shape[1] > 1 else 0,
                    l if bias.shape[2] > 1 else 0,
                ]
                for j in range(S):
                    row[j] *= scale
                if scores.size:
                    scores[n, h, l, :] = row
                for j in range(S):
                    row[j] += b[j]
                largest = row_max(row)
                for j in range(S):
                    row[j] -= largest
            # Over all rows at once: what remains of a row after the last full vector would cost
            # as much as the row.
            head = s[n, h].reshape(-1)
            for i in range(head.size):
                head[i] = exp_nonpositive(head[i])
            for l in range(L):
                row = s[n, h, l]
                total = F32(0)
                for j in range(S):
                    total += row[j]
                inverse = F32(1.0) / total
                for j in range(S):
                    row[j] *= inverse
            if d.size:
                head_d = d[n, h].reshape(-1)
                head_first = U32(first + U32((n * H + h) * L * S))
                for i in range(head.size):
                    keep = keeps(U32(head_first + U32(i)), k0, k1, threshold)
                    head_d[i] = head[i] * (share if keep else F32(0))


@jit(REORDER)
def _softmax_gradient(ds, p, d, dscores, scale, first, k0, k1, threshold, share):
    """(2'), in place: ds comes in as dd. d is written unless it is empty."""
    N, H, L, S = p.shape
    for n in range(N):
        for h in range(H):
            if d.size:
                head_ds, head_p, head_d = ds[n, h].reshape(-1), p[n, h].reshape(-1), d[n, h].reshape(-1)
                head_first = U32(first + U32((n * H + h) * L * S))
                for i in range(head_p.size):
                    keep = keeps(U32(head_first + U32(i)), k0, k1, threshold)
                    kept = share if keep else F32(0)
                    head_d[i] = head_p[i] * kept
                    head_ds[i] *= kept
            for l in range(L):
                row_ds, row_p = ds[n, h, l], p[n, h, l]
                total = F32(0)
                for j in range(S):
                    total += row_ds[j] * row_p[j]
                for j in range(S):
                    row_ds[j] = row_p[j] * (row_ds[j] - total)
                if dscores.size:
                    row = dscores[n, h, l]
                    for j in range(S):
                        row_ds[j] += row[j]
                for j in range(S):
                    row_ds[j] *= scale
