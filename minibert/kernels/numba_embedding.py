"""Embeddings: one pass that sums three table rows a token, and one that adds them back.

    (1)  e[b,l] = word[ids[b,l]] + position[l] + segment[segments[b,l]]
    (1') dword[ids[b,l]] += de[b,l],   dposition[l] += de[b,l],   dsegment[segments[b,l]] += de[b,l]

A plain loop adds repeated ids correctly, in the order of the tokens, without sorting them.
"""

import numpy as np

from minibert.kernels.arrays import cotangent_rows, embedding_ids
from minibert.kernels.numba_jit import REORDER, jit


def embedding_forward(word, position, segment, ids, segments=None, pad_id=0):
    """e, and ids, segments and the tables' shapes for the backward."""
    checked = embedding_ids((word, position, segment), ids, segments)
    if checked is None:
        return NotImplemented  # the formula says what is wrong
    (flat, kinds), L = checked, ids.shape[-1]
    kinds = np.zeros_like(flat) if kinds is None else kinds
    if not (_within(flat, word) and _within(kinds, segment)):
        return NotImplemented
    word, position, segment = map(np.ascontiguousarray, (word, position, segment))
    e = np.empty((flat.size, word.shape[1]), np.float32)
    _embed(word, position, segment, flat, kinds, L, e)
    cache = flat, kinds, ids.shape, pad_id, word.shape, position.shape, segment.shape
    return e.reshape(*ids.shape, -1), cache


def embedding_backward(de, cache):
    """dword, dposition, dsegment."""
    ids, kinds, ids_shape, pad_id, *shapes = cache
    de = cotangent_rows(de, (*ids_shape, shapes[0][1]))
    dword, dposition, dsegment = (np.zeros(shape, np.float32) for shape in shapes)
    _add_back(de, ids, kinds, ids_shape[-1], dword, dposition, dsegment)
    if pad_id is not None:
        dword[pad_id] = 0.0
    return dword, dposition, dsegment


def _within(ids, table):
    return ids.min() >= 0 and ids.max() < len(table)


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
