"""Embeddings: one pass that sums three table rows a token, and one that adds them back.

    (1)  e[b,l] = word[ids[b,l]] + position[l] + segment[segments[b,l]]
    (1') dword[ids[b,l]] += de[b,l],   dposition[l] += de[b,l],   dsegment[segments[b,l]] += de[b,l]

A plain loop adds repeated ids correctly, in the order of the tokens, without sorting them.
"""

import numpy as np

from minibert.kernels.numba_jit import REORDER, jit
from minibert.kernels.numba_linear import as_rows
from minibert.ops.embedding import embedding_forward as formula


def embedding_forward(word, position, segment, ids, segments=None, pad_id=0):
    L = ids.shape[-1]
    flat = np.ascontiguousarray(ids).reshape(-1)
    kinds = np.zeros_like(flat) if segments is None else np.ascontiguousarray(segments).reshape(-1)
    if not (L <= len(position) and _within(flat, len(word)) and _within(kinds, len(segment))):
        formula(word, position, segment, ids, segments)  # raises, and says why
    flat, kinds = flat.astype(np.int64), kinds.astype(np.int64)
    e = np.empty((flat.size, word.shape[1]), np.float32)
    _embed(word, position, segment, flat, kinds, L, e)
    cache = flat, kinds, L, pad_id, word.shape, position.shape, segment.shape
    return e.reshape(*ids.shape, -1), cache


def embedding_backward(de, cache):
    ids, kinds, L, pad_id, *shapes = cache
    dword, dposition, dsegment = (np.zeros(shape, np.float32) for shape in shapes)
    _add_back(as_rows(de), ids, kinds, L, dword, dposition, dsegment)
    if pad_id is not None:
        dword[pad_id] = 0.0
    return dword, dposition, dsegment


def _within(ids, size):
    return ids.dtype.kind in "iu" and (ids.size == 0 or (ids.min() >= 0 and ids.max() < size))


@jit(REORDER)
def _embed(word, position, segment, ids, kinds, L, e):
    for m in range(len(ids)):
        w, p, s = word[ids[m]], position[m % L], segment[kinds[m]]
        for d in range(e.shape[1]):
            e[m, d] = w[d] + p[d] + s[d]  # (1)


@jit(REORDER)
def _add_back(de, ids, kinds, L, dword, dposition, dsegment):
    for m in range(len(ids)):
        w, p, s = dword[ids[m]], dposition[m % L], dsegment[kinds[m]]
        for d in range(de.shape[1]):
            w[d] += de[m, d]  # (1')
            p[d] += de[m, d]
            s[d] += de[m, d]
