"""Scaled dot-product attention in C, tiled, with an online softmax (csrc/attention.inc).

    (1)  s = Q K^T / sqrt(K)
    (2)  p = softmax(s + bias),   d = dropout(p)
    (3)  context = d V

Nothing of the size L x S is kept: of each row the logarithm of its sum of exponentials stays, from
which the backward computes p again. The C functions see the tokens of all sequences as one list of
rows, cut by offsets, so that sequences of one length and packed ones of any are the same to them.
They read the heads of q, k and v where they lie, and write the context so that joining the heads is
no copy; dq, dk and dv come out as the three parts of one array, as `qkv_backward` wants them.

The bias must be one number a key. Others (a causal mask) are left to the formula.

Error against float64: 2e-6 relative norm.
"""

import numpy as np

from minibert.kernels import packs, pool
from minibert.kernels.arrays import F32, attention_fits, plain
from minibert.kernels.c_dropout import drop_struct
from minibert.kernels.c_library import FLOAT, NULL, check, ffi, lib, offset, read
from minibert.ops import Attended

_WORK = 60  # operations a score beside the products, see `pool.even_blocks`


def attention_forward(q, k, v, bias=None, *, drop=None, head_mask=None, want_scores=False):
    """Attended, and what the backward needs."""
    if not (attention_fits(q, k, v, bias, head_mask) and one_a_key(bias)):
        return NotImplemented
    (B, H, L, _), S = q.shape, k.shape[2]
    if bias is not None:
        bias = plain(np.broadcast_to(bias, (B, 1, 1, S)))
    scores = np.empty((B, H, L, S), F32) if want_scores else None
    tokens = np.arange(B + 1) * L, np.arange(B + 1) * S
    u, cache = _forward(*map(_as_rows, (q, k, v)), bias, tokens, L * S, B * L * S, drop, scores)
    u = _as_sequences(u, B)
    context = u if head_mask is None else u * head_mask[:, None, None]
    return Attended(context, scores), cache and (cache, u, head_mask)


def attention_backward(dout, cache):
    """dq, dk, dv, dhead_mask."""
    dcontext, dscores = dout
    cache, u, head_mask = cache
    B, H, L, _ = u.shape
    S = cache.tokens[1][1]
    for d, shape in ((dcontext, u.shape), (dscores, (B, H, L, S))):
        if d is not None and d.shape != shape:
            raise ValueError(f"a cotangent is {d.shape}, the output was {shape}")
    dhead_mask = None
    if head_mask is not None:
        dhead_mask = (dcontext * u).sum((0, 2, 3))
        dcontext = dcontext * head_mask[:, None, None]
    dscores = None if dscores is None else plain(dscores)
    dqkv = _backward(_as_rows(dcontext), dscores, cache)
    return *(_as_sequences(d, B) for d in dqkv), dhead_mask


def packed_attention_forward(q, k, v, offsets, *, drop=None, head_mask=None):
    """context, and what the backward needs."""
    H, P, _ = q.shape
    if not (q.shape == k.shape == v.shape and are_offsets(offsets, P)):
        return NotImplemented
    if head_mask is not None and head_mask.shape != (H,):
        return NotImplemented
    offsets = np.ascontiguousarray(offsets, np.int64)
    squares = np.diff(offsets) ** 2  # scores of a head of each sequence
    most, all_ = int(squares.max()), int(squares.sum())
    u, cache = _forward(q, k, v, None, (offsets, offsets), most, all_, drop, None)
    context = u if head_mask is None else u * head_mask[:, None, None]
    return context, cache and (cache, u, head_mask)


def packed_attention_backward(dcontext, cache):
    """dq, dk, dv, dhead_mask."""
    cache, u, head_mask = cache
    if dcontext.shape != u.shape:
        raise ValueError(f"the cotangent is {dcontext.shape}, the output was {u.shape}")
    dhead_mask = None
    if head_mask is not None:
        dhead_mask = (dcontext * u).sum((1, 2))
        dcontext = dcontext * head_mask[:, None, None]
    return *_backward(dcontext, None, cache), dhead_mask


class _Call:
    """The argument of a C function, and what it points to.

    q, k, v and context are (H, rows, K); tokens are the offsets of the queries and of the keys,
    most and all_ the scores that a head has in the longest sequence and in all of them.
    """

    def __init__(self, q, k, v, bias, tokens, most, all_, drop, context, lse, scores):
        self.q, self.k, self.v, self.bias, self.lse = q, k, v, bias, lse
        self.tokens, self.drop, self.context = tokens, drop, context
        self.work = most * (4 * q.shape[2] + _WORK)  # of a head of a sequence
        self.c_drop = drop_struct(drop, 0, all_ * len(q))
        self.offsets = [read(t) for t in tokens]
        self.c = ffi.new("minibert_attention *")
        self.c.q, self.c.k, self.c.v, self.c.context = map(offset, (q, k, v, context))
        self.c.head, self.c.row, _ = _strides(q)
        self.c.context_head, self.c.context_row, _ = _strides(context)
        self.c.bias, self.c.lse, self.c.scores = (
            NULL if a is None else offset(a) for a in (bias, lse, scores)
        )
        self.c.drop, self.c.H, self.c.K = self.c_drop, len(q), q.shape[2]

    def blocks(self, factor=1):
        """(first sequence, after the last, first head, after the last) of each block."""
        B, H, work = len(self.tokens[0]) - 1, self.c.H, self.work * factor
        if work * H < pool.BLOCK_WORK and B > 1:
            return [(b.start, b.stop, 0, H) for b in pool.even_blocks(B, work * H)]
        heads = pool.even_blocks(H, work)
        return [(b, b + 1, h.start, h.stop) for b in range(B) for h in heads]


def _forward(q, k, v, bias, tokens, most, all_, drop, scores):
    """The context (H, rows, K), and a _Call for the backward."""
    q, k, v = _alike(q, k, v)
    (H, P, K), keeps = q.shape, not packs.current()
    context = np.empty((P, H, K), F32).swapaxes(0, 1)
    lse = np.empty(P * H, F32) if keeps else None
    call = _Call(q, k, v, bias, tokens, most, all_, drop, context, lse, scores)
    level = FLOAT.now

    def block(at):
        check(lib.minibert_attention_forward(level, call.c, *call.offsets, *at))

    pool.run((block, call.blocks()), blas=False)
    call.c.scores = NULL  # the backward computes them again
    return context, call if keeps else None


def _backward(dcontext, dscores, call):
    """dq, dk, dv, each (H, rows, K)."""
    H, P, K = call.q.shape
    (dcontext,) = _alike(dcontext, like=call.context)
    if call.k.shape[1] == P:
        dq, dk, dv = np.empty((P, 3, H, K), F32).transpose(1, 2, 0, 3)
    else:
        lengths = (a.shape[1] for a in (call.q, call.k, call.v))
        dq, dk, dv = (np.empty((n, H, K), F32).swapaxes(0, 1) for n in lengths)
    g, level = ffi.new("minibert_attention_gradient *"), FLOAT.now
    g.dcontext, g.dscores = offset(dcontext), NULL if dscores is None else offset(dscores)
    g.dq, g.dk, g.dv = map(offset, (dq, dk, dv))
    g.head, g.row, _ = _strides(dq)

    def block(at):
        check(lib.minibert_attention_backward(level, call.c, g, *call.offsets, *at))

    pool.run((block, call.blocks(3)), blas=False)
    return dq, dk, dv


def one_a_key(bias):
    """Whether a bias is one number a key: the same for all heads and queries."""
    return bias is None or all(n == 1 for n in bias.shape[-3:-1])


def are_offsets(offsets, P):
    """Whether they cut P rows into sequences of one token at least."""
    if offsets.ndim != 1 or len(offsets) < 2 or offsets.dtype.kind not in "iu":
        return False
    return offsets[0] == 0 and offsets[-1] == P and bool((offsets[1:] > offsets[:-1]).all())


def _as_rows(a):
    """(B,H,L,K) as (H, B*L, K); no copy where the sequences stand one after another."""
    return a.swapaxes(0, 1).reshape(a.shape[1], -1, a.shape[3])


def _as_sequences(a, B):
    """(H, B*L, K) as (B,H,L,K), which is no copy."""
    return a.reshape(len(a), B, -1, a.shape[2]).swapaxes(0, 1)


def _alike(*arrays, like=None):
    """float32 arrays (H, rows, K) with the same strides, the numbers of a head side by side."""
    like = arrays[0] if like is None else like
    wanted = like.strides
    in_numbers = wanted[2] == 4 and all(s % 4 == 0 for s in wanted)
    if in_numbers and all(a.strides == wanted and a.dtype == F32 for a in arrays):
        return arrays
    return [np.ascontiguousarray(a.swapaxes(0, 1), F32).swapaxes(0, 1) for a in arrays]


def _strides(a):
    """Strides in numbers, not bytes."""
    return (s // 4 for s in a.strides)
