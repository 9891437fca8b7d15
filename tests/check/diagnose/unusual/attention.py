"""Attention, of padded and of packed sequences, and masks."""

import math
from itertools import pairwise

import numpy as np

from .numeric import by_differences, softmax_jacobian
from .wrappers import Tensor


def streaming_attention(q, k, v, bias):
    """Keys in blocks of two: what is summed so far shrinks when a larger score turns up."""
    out = np.zeros(q.shape)
    top = np.full((*q.shape[:-1], 1), -np.inf)
    total = np.zeros_like(top)
    for j in range(0, k.shape[2], 2):
        s = q @ k[:, :, j : j + 2].swapaxes(2, 3) / math.sqrt(q.shape[-1]) + bias[..., j : j + 2]
        new = np.maximum(top, s.max(-1, keepdims=True))
        e, shrink = np.exp(s - new), np.exp(top - new)
        out = out * shrink + e @ v[:, :, j : j + 2]
        total = total * shrink + e.sum(-1, keepdims=True)
        top = new
    return out / total


def attention_divided_last(q, k, v, bias):
    """(numerators V) / denominator, with the scale shared between Q and K, by einsum."""
    share = q.shape[-1] ** -0.25
    s = np.einsum("bhik,bhjk->bhij", q * share, k * share) + bias
    e = np.exp(s - s.max(-1, keepdims=True))
    return np.einsum("bhij,bhjk->bhik", e, v) / np.einsum("bhij->bhi", e)[..., None]


def attention_steps_in_single_precision(q, k, v, bias, scale=None):
    """Gives its steps one by one, in float32; the scale is a parameter more."""
    q, k, v, bias = (np.asarray(a, np.float32) for a in (q, k, v, bias))
    s = q @ np.moveaxis(k, -1, -2) * np.float32(scale or 1 / math.sqrt(q.shape[-1]))
    yield "s", s
    u = s + bias
    u -= u.max(axis=-1, keepdims=True)
    p = np.exp(u)
    p /= p.sum(-1, keepdims=True)
    yield "p", p
    return p @ v


def attention_without_padding(q, k, v, bias):
    """Padded keys are left out, and each query is done alone, in plain Python."""
    B, H, L, K = q.shape
    out = np.empty(q.shape).tolist()
    for b in range(B):
        seen = np.flatnonzero(bias[b, 0, 0] == bias[b].max()).tolist()
        for h, i in np.ndindex(H, L):
            s = [math.fsum(q[b, h, i] * k[b, h, j]) / math.sqrt(K) for j in seen]
            e = [math.exp(t - max(s)) for t in s]
            for d in range(K):
                parts = [t * v[b, h, j, d] for t, j in zip(e, seen, strict=True)]
                out[b][h][i][d] = math.fsum(parts) / math.fsum(e)
    return out


def attention_with_infinities(q, k, v, bias):
    """-inf where the bias is not the largest; heads folded into the batch; a tensor."""
    B, H, L, K = q.shape
    q, k, v = (a.reshape(B * H, L, K) for a in (q, k, v))
    hidden = np.repeat(bias < bias.max(-1, keepdims=True), H, axis=0)[:, 0]
    s = np.where(hidden, -np.inf, q @ k.transpose(0, 2, 1) / np.sqrt(K))
    p = np.exp(s - np.logaddexp.reduce(s, axis=-1, keepdims=True))
    return Tensor((p @ v).reshape(B, H, L, K))


def attention_gradient_of_jacobians(q, k, v, bias, dcontext):
    """Query by query, through the softmax's matrix of derivatives."""
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    scale = 1 / math.sqrt(q.shape[-1])
    for b, h, i in np.ndindex(q.shape[:3]):
        s = k[b, h] @ q[b, h, i] * scale + bias[b, 0, 0]
        e = np.exp(s - s.max())
        p = e / e.sum()
        ds = softmax_jacobian(p) @ (v[b, h] @ dcontext[b, h, i]) * scale
        dq[b, h, i] = ds @ k[b, h]
        dk[b, h] += np.outer(ds, q[b, h, i])
        dv[b, h] += np.outer(p, dcontext[b, h, i])
    return dq, dk, dv


def attention_gradient_by_differences(q, k, v, bias, dcontext):
    """Central differences of the form that divides last; a list of three."""
    return by_differences(lambda *qkv: attention_divided_last(*qkv, bias), (q, k, v), dcontext)


def attention_with_cache(q, k, v, bias):
    """A pair: the context, and its logarithms of sums instead of its probabilities."""
    s = np.matmul(q, k.swapaxes(2, 3)) / math.sqrt(q.shape[3]) + bias
    sums = np.logaddexp.reduce(s, axis=3, keepdims=True)
    context = np.exp(s - sums) @ v
    return context, (q, k, v, bias, context, sums)


def attention_from_cache(dcontext, cache):
    """Probabilities made again; the row means of dp are those of context and dcontext."""
    q, k, v, bias, context, sums = cache
    scale = 1 / math.sqrt(q.shape[3])
    p = np.exp(q @ k.swapaxes(2, 3) * scale + bias - sums)
    mean = (context * dcontext).sum(-1, keepdims=True)
    ds = p * (dcontext @ v.swapaxes(2, 3) - mean) * scale
    return ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ dcontext


def packed_attention_in_a_rectangle(q, k, v, offsets, keep, rate):
    """Padded to the longest again, (B,H,longest,K), with -inf at padded keys; a tensor."""
    lengths = np.diff(offsets)
    there = np.arange(lengths.max()) < lengths[:, None]  # (B,longest)
    whole = np.zeros((3, len(q), *there.shape, q.shape[-1]))
    whole[:, :, there] = q, k, v
    q, k, v = whole.swapaxes(1, 2)  # 3 x (B,H,longest,K)
    s = np.where(there[:, None, None], q @ k.swapaxes(2, 3) / math.sqrt(q.shape[-1]), -np.inf)
    p = np.exp(s - np.logaddexp.reduce(s, axis=-1, keepdims=True))
    both = np.broadcast_to((there[:, :, None] & there[:, None])[:, None], p.shape)
    kept = np.zeros(p.shape)
    kept[both] = keep / (1 - rate)
    context = (p * kept) @ v  # (B,H,longest,K)
    return Tensor(context.swapaxes(0, 1)[:, there])


def packed_attention_token_by_token(q, k, v, offsets, keep, rate):
    """Each query alone, in plain Python, from the last; keep is read through an iterator."""
    out = np.zeros(q.shape)
    kept = iter(keep.tolist())
    for start, stop in pairwise(offsets):
        for h in range(len(q)):
            for i in range(start, stop):
                s = [math.fsum(q[h, i] * key) / math.sqrt(q.shape[2]) for key in k[h, start:stop]]
                e = [math.exp(t - max(s)) for t in s]
                for j, t in enumerate(e):
                    out[h, i] += next(kept) * t / math.fsum(e) / (1 - rate) * v[h, start + j]
    return out.tolist()


def packed_attention_gradient_of_jacobians(q, k, v, offsets, keep, rate, dcontext):
    """Query by query, through the softmax's matrix of derivatives; keep is used up on the way."""
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    scale = 1 / math.sqrt(q.shape[-1])
    for start, stop in pairwise(offsets):
        rows = slice(start, stop)
        for h, i in np.ndindex(len(q), stop - start):
            kept, keep = keep[: stop - start] / (1 - rate), keep[stop - start :]
            s = k[h, rows] @ q[h, start + i] * scale
            p = np.exp(s - s.max())
            p /= p.sum()
            ds = softmax_jacobian(p) @ (kept * (v[h, rows] @ dcontext[h, start + i])) * scale
            dq[h, start + i] = ds @ k[h, rows]
            dk[h, rows] += np.outer(ds, q[h, start + i])
            dv[h, rows] += np.outer(p * kept, dcontext[h, start + i])
    return dq, dk, dv


def packed_attention_without_dropout(q, k, v, offsets):
    """Takes no dropout; sequences of one length at once, in float32."""
    out, scale = np.empty_like(q), np.float32(q.shape[-1] ** -0.5)
    lengths = np.diff(offsets)
    for l in set(lengths.tolist()):
        rows = offsets[:-1][lengths == l][:, None] + np.arange(l)  # (n,l)
        a, b, c = (x.astype(np.float32)[:, rows] for x in (q, k, v))  # 3 x (H,n,l,K)
        s = a @ b.swapaxes(2, 3) * scale
        e = np.exp(s - s.max(-1, keepdims=True))
        out[:, rows] = e @ c / e.sum(-1, keepdims=True)
    return out


def padded_softmax_renormalised(scores, keep):
    """Zeros and ones on the numerators, then the sum."""
    kept = keep[:, None, None, :]
    top = np.where(kept, scores, -np.inf).max(-1, keepdims=True)
    e = np.exp(np.minimum(scores - top, 0.0)) * kept
    return e / e.sum(-1, keepdims=True)


def padded_softmax_of_the_lowest(scores, keep):
    """The lowest number of float32 at padded keys, not infinity; in float32."""
    s = scores.astype(np.float32)
    s = np.where(keep[:, None, None, :], s, np.finfo(np.float32).min)
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def padded_softmax_of_the_kept(scores, keep):
    """The rows without their padding through a softmax, put back among zeros; lists."""
    p = np.zeros(scores.shape)
    for b, kept in enumerate(keep):
        s = np.compress(kept, scores[b], axis=-1)
        p[b][..., kept] = np.exp(s - np.logaddexp.reduce(s, axis=-1, keepdims=True))
    return p.tolist()


def causal_softmax_accumulated(scores):
    """The running log-sum-exp of row i at place i is its normaliser."""
    running = np.logaddexp.accumulate(scores, axis=-1)
    normaliser = np.diagonal(running, axis1=-2, axis2=-1)[..., None]
    seen = np.tril(np.ones(scores.shape[-2:], bool))
    return np.exp(np.where(seen, scores - normaliser, -np.inf))


def causal_softmax_of_prefixes(scores):
    """Row i is a softmax of i + 1 numbers and then zeros."""
    p = np.zeros_like(scores)
    for i in range(scores.shape[-2]):
        s = scores[..., i, : i + 1]
        e = np.exp(s - s.max(-1, keepdims=True))
        p[..., i, : i + 1] = e / e[..., ::-1].sum(-1, keepdims=True)
    return Tensor(p)


def causal_softmax_of_a_large_number(scores, hidden=-1e9):
    """-1e9 instead of the later scores, which leaves nothing of them."""
    later = np.triu(np.ones_like(scores), 1) == 1
    s = np.where(later, hidden, scores)
    e = np.exp(s - np.amax(s, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)
