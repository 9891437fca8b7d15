"""Attention of packed sequences: the blocks of `numba_attention`, one sequence after another.

    (1)  s, p, d and context of the rows of a sequence, as there (1) to (3)
    (1') dq, dk, dv of its rows, as there (3') to (1')

A block is a sequence or, of a long one, some of its heads; what is little work in all is one block.
The probabilities of all sequences stand in one row, so that a score's number in dropout is its
place there. dq, dk and dv come out as the three parts of one array, as `qkv_backward` wants them.

Error against float64: 2e-6 relative norm.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from minibert.kernels import pool
from minibert.kernels.numba_attention import NONE, WORK, attend, attend_gradient
from minibert.kernels.numba_dropout import first_number, mask_numbers
from minibert.ops.packed_attention import check_offsets

F32 = np.float32


def packed_attention_forward(q, k, v, offsets, *, drop=None, head_mask=None):
    """context, and q, k, v, p and the mask's numbers for the backward."""
    if q.ndim != 3 or not q.shape == k.shape == v.shape:
        return NotImplemented
    if head_mask is not None and head_mask.shape != q.shape[:1]:
        return NotImplemented
    H, P, K = q.shape
    check_offsets(offsets, P)
    context = np.empty((P, H, K), F32).swapaxes(0, 1)
    lengths = np.diff(offsets)
    p = np.empty(H * int((lengths**2).sum()), F32)
    nothing_hidden = np.zeros((1, 1, 1, lengths.max()), F32)
    mask, first = mask_numbers(drop, p.size), first_number(drop)

    def block(parts):
        for part in parts:
            inputs, number = map(part.rows_of, (q, k, v)), first + part.place
            p_here, context_here = part.scores_of(p), part.rows_of(context)
            bias = nothing_hidden[..., : p_here.shape[-1]]
            attend(*inputs, bias, NONE, p_here, context_here, number, mask)  # (1)

    pool.run((block, _blocks(offsets, H, 4 * K + WORK)))
    cache = q, k, v, offsets, p, mask, first, head_mask, context
    if head_mask is not None:
        context = context * head_mask[:, None, None]
    return context, cache


def packed_attention_backward(dcontext, cache):
    """dq, dk, dv, dhead_mask."""
    q, k, v, offsets, p, mask, first, head_mask, u = cache
    if dcontext.shape != q.shape:
        raise ValueError(f"the cotangent is {dcontext.shape}, the output was {q.shape}")
    dhead_mask = None
    if head_mask is not None:
        dhead_mask = (dcontext * u).sum((1, 2))
        dcontext = dcontext * head_mask[:, None, None]
    dcontext = dcontext.astype(F32, copy=False)
    H, P, K = q.shape
    dq, dk, dv = np.empty((P, 3, H, K), F32).transpose(1, 2, 0, 3)  # (3,H,P,K)

    def block(parts):
        for part in parts:
            inputs, grads = map(part.rows_of, (q, k, v)), map(part.rows_of, (dq, dk, dv))
            d, p_here, number = part.rows_of(dcontext), part.scores_of(p), first + part.place
            attend_gradient(d, NONE, *inputs, p_here, *grads, number, mask)  # (1')

    pool.run((block, _blocks(offsets, H, 8 * K + WORK)))
    return dq, dk, dv, dhead_mask


class _Part(NamedTuple):
    """Some heads of one sequence."""

    heads: slice
    rows: slice
    place: int  # of its first score among all

    def rows_of(self, x):
        """(1,heads,l,K) of x (H,P,K)."""
        return x[None, self.heads, self.rows]

    def scores_of(self, p):
        """(1,heads,l,l) of the one row."""
        heads, l = self.heads.stop - self.heads.start, self.rows.stop - self.rows.start
        return p[self.place : self.place + heads * l * l].reshape(1, heads, l, l)


def _blocks(offsets, H, work):
    """Lists of parts; `work` is that of a score."""
    parts, place = [], 0
    for start, stop in pairwise(offsets.tolist()):
        size = (stop - start) ** 2
        for heads in pool.even_blocks(H, size * work):
            parts.append(_Part(heads, slice(start, stop), place + heads.start * size))
        place += H * size
    return [parts] if place * work <= pool.LEAST_WORK else [[part] for part in parts]
