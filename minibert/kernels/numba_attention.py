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

Two habits make the pass three times faster. A step is finished for all rows of a head before the
next one starts, since a row has to wait for its own maximum and sum, but not for another's. And
exp and the dropout mask run over the head as one row, since what remains of a short row after the
last full vector would cost as much as the row.

Error against float64: 2e-6 relative norm.
"""

import math

import numpy as np

from minibert.kernels import pool
from minibert.kernels.arrays import attention_fits, plain
from minibert.kernels.numba_dropout import NO_DROPOUT, first_number, mask_numbers
from minibert.kernels.numba_jit import REORDER, jit
from minibert.kernels.numba_math import LOWEST_KEY, exp_nonpositive, keeps, ordered, unordered
from minibert.ops import Attended

F32, U32 = np.float32, np.uint32
NONE = np.empty((0, 0, 0, 0), F32)
_NO_BIAS = np.zeros((1, 1, 1, 1), F32)
WORK = 200  # operations a score, see `pool.even_blocks`


def attention_forward(q, k, v, bias=None, *, drop=None, head_mask=None, want_scores=False):
    """Attended, and q, k, v, p and the mask's numbers for the backward."""
    if not attention_fits(q, k, v, bias, head_mask):
        return NotImplemented
    (B, H, L, K), S = q.shape, k.shape[2]
    p = np.empty((B, H, L, S), F32)
    scores = np.empty((B, H, L, S), F32) if want_scores else None
    context = _heads(B, L, H, K)
    bias, mask, first = _full_rows(bias, S), mask_numbers(drop, p.size), first_number(drop)

    def block(at):
        s = NONE if scores is None else scores[at]
        number = first + _before(at, H, L * S)
        attend(q[at], k[at], v[at], bias[_within(at, bias)], s, p[at], context[at], number, mask)

    pool.run((block, _blocks(B, H, L * S * (4 * K + WORK))))
    cache = q, k, v, p, mask, first, head_mask, context
    if head_mask is not None:
        context = context * head_mask[:, None, None]
    return Attended(context, scores), cache


def attention_backward(dout, cache):
    """dq, dk, dv, dhead_mask."""
    dcontext, dscores = dout
    q, k, v, p, mask, first, head_mask, u = cache
    for d, like in ((dcontext, q), (dscores, p)):
        if d is not None and d.shape != like.shape:
            raise ValueError(f"a cotangent is {d.shape}, the output was {like.shape}")
    dhead_mask = None
    if head_mask is not None:
        dhead_mask = (dcontext * u).sum((0, 2, 3))
        dcontext = dcontext * head_mask[:, None, None]
    dcontext = dcontext.astype(F32, copy=False)
    dscores = None if dscores is None else plain(dscores)
    (B, H, L, K), S = q.shape, k.shape[2]
    if L == S:
        dq, dk, dv = np.empty((B, L, 3, H, K), F32).transpose(2, 0, 3, 1, 4)  # (3,B,H,L,K)
    else:
        dq, dk, dv = (_heads(B, n, H, K) for n in (L, S, S))

    def block(at):
        ds = NONE if dscores is None else dscores[at]
        number = first + _before(at, H, L * S)
        inputs, grads = (q[at], k[at], v[at]), (dq[at], dk[at], dv[at])
        attend_gradient(dcontext[at], ds, *inputs, p[at], *grads, number, mask)

    pool.run((block, _blocks(B, H, L * S * (8 * K + WORK))))
    return dq, dk, dv, dhead_mask


def attend(q, k, v, bias, scores, p, context, number, mask):
    """(1) to (3) of a block, whose first score has this number; scores may be `NONE`."""
    scale, dropped = F32(1.0 / math.sqrt(q.shape[-1])), mask != NO_DROPOUT
    d = np.empty_like(p) if dropped else NONE
    np.matmul(q, k.swapaxes(-1, -2), out=p)  # (1)
    _softmax(p, scale, bias, scores, d, U32(number), *mask)  # (2)
    np.matmul(d if dropped else p, v, out=context)  # (3)


def attend_gradient(dcontext, dscores, q, k, v, p, dq, dk, dv, number, mask):
    """(3') to (1') of a block; dscores may be `NONE`."""
    scale, dropped = F32(1.0 / math.sqrt(q.shape[-1])), mask != NO_DROPOUT
    ds, d = np.empty_like(p), np.empty_like(p) if dropped else NONE
    np.matmul(dcontext, v.swapaxes(-1, -2), out=ds)  # (3')
    _softmax_gradient(ds, p, d, dscores, scale, U32(number), *mask)  # (2')
    np.matmul((d if dropped else p).swapaxes(-1, -2), dcontext, out=dv)  # (3')
    np.matmul(ds, k, out=dq)  # (1')
    np.matmul(ds.swapaxes(-1, -2), q, out=dk)  # (1')


def _heads(B, L, H, K):
    """An empty (B,H,L,K) whose heads lie side by side in memory, token by token."""
    return np.empty((B, L, H, K), F32).swapaxes(1, 2)


def _blocks(B, H, work):
    """Pairs of slices (sequences, heads): several whole sequences, or some heads of one."""
    if work * H < pool.BLOCK_WORK:
        return [(b, slice(0, H)) for b in pool.even_blocks(B, work * H)]
    return [(slice(b, b + 1), h) for b in range(B) for h in pool.even_blocks(H, work)]


def _before(at, H, size):
    """How many scores are before those of a block."""
    return (at[0].start * H + at[1].start) * size


def _full_rows(bias, S):
    """The bias with four axes, the last of length S; the others may be 1."""
    if bias is None:
        bias = _NO_BIAS
    bias = bias.reshape((1,) * (4 - bias.ndim) + bias.shape)
    if bias.shape[3] != S:
        bias = bias.repeat(S, 3)
    return plain(bias)


def _within(at, bias):
    """The part of the bias that belongs to a block."""
    return tuple(here if n > 1 else slice(0, 1) for here, n in zip(at, bias.shape, strict=False))


@jit(REORDER)
def _softmax(s, scale, bias, scores, d, first, k0, k1, threshold, share):
    """(2), in place: s becomes p. scores and d are written unless they are empty."""
    N, H, L, S = s.shape
    inverse = np.empty(L, F32)
    for n in range(N):
        for h in range(H):
            bn, bh = n if bias.shape[0] > 1 else 0, h if bias.shape[1] > 1 else 0
            for l in range(L):
                if scores.size:
                    for j in range(S):
                        scores[n, h, l, j] = s[n, h, l, j] * scale
                bl = l if bias.shape[2] > 1 else 0
                key = LOWEST_KEY
                for j in range(S):
                    s[n, h, l, j] = s[n, h, l, j] * scale + bias[bn, bh, bl, j]
                    key = max(key, ordered(s[n, h, l, j]))
                largest = unordered(key)
                for j in range(S):
                    s[n, h, l, j] -= largest
            p = s[n, h].reshape(-1)
            for i in range(p.size):
                p[i] = exp_nonpositive(p[i])
            for l in range(L):
                total = F32(0)
                for j in range(S):
                    total += s[n, h, l, j]
                inverse[l] = F32(1.0) / total
            for l in range(L):
                for j in range(S):
                    s[n, h, l, j] *= inverse[l]
            if d.size:
                kept, head = d[n, h].reshape(-1), U32(first + U32((n * H + h) * L * S))
                for i in range(p.size):
                    keep = keeps(U32(head + U32(i)), k0, k1, threshold)
                    kept[i] = p[i] * (share if keep else F32(0))


@jit(REORDER)
def _softmax_gradient(ds, p, d, dscores, scale, first, k0, k1, threshold, share):
    """(2'), in place: ds comes in as dd. d is written unless it is empty."""
    N, H, L, S = p.shape
    total = np.empty(L, F32)
    for n in range(N):
        for h in range(H):
            if d.size:
                dp, whole, kept = ds[n, h].reshape(-1), p[n, h].reshape(-1), d[n, h].reshape(-1)
                head = U32(first + U32((n * H + h) * L * S))
                for i in range(dp.size):
                    keep = keeps(U32(head + U32(i)), k0, k1, threshold)
                    factor = share if keep else F32(0)
                    kept[i] = whole[i] * factor
                    dp[i] *= factor
            for l in range(L):
                sum_l = F32(0)
                for j in range(S):
                    sum_l += ds[n, h, l, j] * p[n, h, l, j]
                total[l] = sum_l
            for l in range(L):
                for j in range(S):
                    ds[n, h, l, j] = p[n, h, l, j] * (ds[n, h, l, j] - total[l])
                if dscores.size:
                    for j in range(S):
                        ds[n, h, l, j] += dscores[n, h, l, j]
                for j in range(S):
                    ds[n, h, l, j] *= scale
