"""Embeddings in C: one pass that sums three table rows a token, and one that adds them back.

    (1)  e[b,l] = word[ids[b,l]] + position[l] + segment[segments[b,l]]
    (1') dword[ids[b,l]] += de[b,l],   dposition[l] += de[b,l],   dsegment[segments[b,l]] += de[b,l]

Tables in int8 give the bits of the formula. A plain loop adds repeated ids correctly, in the order
of the tokens, without sorting them.
"""

import numpy as np

from minibert.kernels import packs, pool
from minibert.kernels.arrays import F32, cotangent_rows, embedding_ids, plain
from minibert.kernels.c_library import NULL, ffi, lib, read, write
from minibert.kernels.suited import is_suited
from minibert.ops.packed import QTensor

_WORK = 10  # operations a number, see `pool.even_blocks`


def embedding_forward(word, position, segment, ids, segments=None, pad_id=0):
    """e, and ids, segments and the tables' shapes for the backward."""
    tables = word, position, segment
    checked = embedding_ids(tables, ids, segments)
    if checked is None:
        return NotImplemented  # the formula says what is wrong

    def make():
        arrays = [plain(t) for t in tables]
        return [ffi.new("minibert_table *", (read(w), len(w))) for w in arrays], arrays

    structs, _alive = packs.once("tables", tables, make)
    e = _embed(lib.minibert_embed, structs, checked, ids, word.shape[1], _WORK)
    cache = *checked, ids.shape, pad_id, word.shape, position.shape, segment.shape
    return NotImplemented if e is None else (e, cache)


def int8_embedding_forward(word, position, segment, ids, segments=None, pad_id=0):
    """e of tables that are all `QTensor`s, and what the formula's backward needs."""
    tables = word, position, segment
    if not is_suited((ids, segments), {}) or not all(isinstance(t, QTensor) for t in tables):
        return NotImplemented
    checked = embedding_ids(tables, ids, segments)
    if checked is None:
        return NotImplemented

    def make():
        if not all(t.q.dtype == np.int8 and t.scale.shape == t.shape[:1] for t in tables):
            return None
        arrays = [(np.ascontiguousarray(t.q), plain(t.scale)) for t in tables]
        structs = [ffi.new("minibert_int8_table *", (read(q), read(s), len(q))) for q, s in arrays]
        return structs, arrays

    found = packs.once("tables", tables, make)
    if found is None:
        return NotImplemented
    e = _embed(lib.minibert_embed_int8, found[0], checked, ids, word.shape[1], 2 * _WORK)
    if e is None:
        return NotImplemented
    if packs.without_gradients():
        return e, None
    kinds = np.zeros_like(ids) if segments is None else segments
    return e, (ids, kinds, pad_id, word.shape, position.shape, segment.shape)


def _embed(function, structs, checked, ids, D, work):
    """e; None where an id or a segment is in no table."""
    flat, kinds = checked
    M, L = flat.size, ids.shape[-1]
    e, complete = np.empty((M, D), F32), []
    ids_at, kinds_at, e_at = read(flat), NULL if kinds is None else read(kinds), write(e)

    def block(at):
        m, size = at.start, at.stop - at.start
        kinds_here = NULL if kinds is None else kinds_at + m
        done = function(*structs, ids_at + m, kinds_here, m, L, e_at + m * D, size, D)  # (1)
        complete.append(done == size)

    pool.run((block, pool.even_blocks(M, work * D)), blas=False)
    return e.reshape(*ids.shape, D) if all(complete) else None


def embedding_backward(de, cache):
    """dword, dposition, dsegment."""
    ids, kinds, ids_shape, pad_id, *shapes = cache
    D = shapes[0][1]
    de = cotangent_rows(de, (*ids_shape, D))
    tables = [np.zeros(shape, F32) for shape in shapes]
    lib.minibert_embed_gradient(
        read(de), read(ids), NULL if kinds is None else read(kinds), ids_shape[-1],
        *map(write, tables), ids.size, D,
    )  # (1')
    if pad_id is not None:
        tables[0][pad_id] = 0.0
    return tuple(tables)
