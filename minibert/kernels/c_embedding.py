"""Embeddings in C: one pass that sums three table rows a token, and one that adds them back.

    (1)  e[b,l] = word[ids[b,l]] + position[l] + segment[segments[b,l]]
    (1') dword[ids[b,l]] += de[b,l],   dposition[l] += de[b,l],   dsegment[segments[b,l]] += de[b,l]

Tables in int8 give the bits of the formula. A plain loop adds repeated ids correctly, in the order
of the tokens, without sorting them.
"""

import numpy as np

from minibert.kernels import pool
from minibert.kernels.arrays import F32, cotangent_rows, embedding_ids, plain
from minibert.kernels.c_library import ffi, lib, read, write
from minibert.kernels.suited import is_suited
from minibert.ops.packed import QTensor

_WORK = 10  # operations a number, see `pool.even_blocks`


def embedding_forward(word, position, segment, ids, segments=None, pad_id=0):
    """e, and ids, segments and the tables' shapes for the backward."""
    checked = embedding_ids(word, position, segment, ids, segments)
    if checked is None:
        return NotImplemented  # the formula says what is wrong
    (flat, kinds), L = checked, ids.shape[-1]
    word, position, segment = map(plain, (word, position, segment))
    M, D = flat.size, word.shape[1]
    e = np.empty((M, D), F32)
    tables = [*map(read, (word, position, segment))]
    ids_at, kinds_at, e_at = read(flat), read(kinds), write(e)

    def block(at):
        m = at.start
        lib.minibert_embed(*tables, ids_at + m, kinds_at + m, m, L, e_at + m * D, at.stop - m, D)

    pool.run((block, pool.even_blocks(M, _WORK * D)), blas=False)  # (1)
    cache = flat, kinds, ids.shape, pad_id, word.shape, position.shape, segment.shape
    return e.reshape(*ids.shape, D), cache


def int8_embedding_forward(word, position, segment, ids, segments=None, pad_id=0):
    """e of tables that are all `QTensor`s, and what the formula's backward needs."""
    tables = word, position, segment
    if not is_suited((ids, segments), {}):
        return NotImplemented
    if not all(isinstance(t, QTensor) and t.q.dtype == np.int8 for t in tables):
        return NotImplemented
    checked = embedding_ids(*(t.q for t in tables), ids, segments)
    if checked is None or not all(t.scale.shape == t.shape[:1] for t in tables):
        return NotImplemented  # the formula says what is wrong
    (flat, kinds), L, D = checked, ids.shape[-1], word.shape[1]
    e = np.empty((flat.size, D), F32)
    arrays = [(read(np.ascontiguousarray(t.q)), read(plain(t.scale))) for t in tables]
    structs = [ffi.new("minibert_int8_table *", pair) for pair in arrays], arrays  # kept alive
    ids_at, kinds_at, e_at = read(flat), read(kinds), write(e)

    def block(at):
        m, M = at.start, at.stop - at.start
        lib.minibert_embed_int8(*structs[0], ids_at + m, kinds_at + m, m, L, e_at + m * D, M, D)

    pool.run((block, pool.even_blocks(flat.size, 2 * _WORK * D)), blas=False)  # (1)
    segments = kinds.reshape(ids.shape)
    return e.reshape(*ids.shape, D), (ids, segments, pad_id, *(t.shape for t in tables))


def embedding_backward(de, cache):
    """dword, dposition, dsegment."""
    ids, kinds, ids_shape, pad_id, *shapes = cache
    D = shapes[0][1]
    de = cotangent_rows(de, (*ids_shape, D))
    tables = [np.zeros(shape, F32) for shape in shapes]
    lib.minibert_embed_gradient(
        read(de), read(ids), read(kinds), ids_shape[-1], *map(write, tables), ids.size, D
    )  # (1')
    if pad_id is not None:
        tables[0][pad_id] = 0.0
    return tuple(tables)
