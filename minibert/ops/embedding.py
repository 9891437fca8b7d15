"""Embeddings: word + position + segment (Devlin et al. 2018, figure 2).

    (1)  e[b,l] = word[ids[b,l]] + position[l] + segment[segments[b,l]]

Each table row collects the gradients of all places that looked it up:

    (1') dword[i] = sum of de[b,l] over all (b,l) with ids[b,l] = i;  likewise the others

The row of [PAD] gets none from look-ups (``padding_idx`` in Hugging Face's BERT); the position
and segment rows do get theirs from padded places.
"""

import numpy as np

from minibert.ops.packed import QTensor


def embedding_forward(word, position, segment, ids, segments=None, pad_id=0):
    """The sum of three table rows for every token.

    Parameters
    ----------
    word : ndarray or QTensor (V,D)
    position : ndarray or QTensor (positions, D)
        Learned; see `sinusoidal_positions` for the fixed ones.
    segment : ndarray or QTensor (segments, D)
    ids : ndarray of int (B,L)
    segments : ndarray of int (B,L), optional
        Zeros where not given.
    pad_id : int
        The word whose row gets no gradient; None: there is no such word.

    Returns
    -------
    e : ndarray (B,L,D)
    cache

    Raises
    ------
    ValueError
        An id is outside its table, or the sequence is longer than the position table.
    """
    L = ids.shape[-1]
    if position.shape[0] < L:
        raise ValueError(
            f"ids has {L} tokens a row, the model has {position.shape[0]} positions: "
            "truncate the text"
        )
    segments = np.zeros_like(ids) if segments is None else segments
    if segments.shape != ids.shape:
        raise ValueError(f"segments is {segments.shape}, ids {ids.shape}: one segment for each id")
    _check_ids("ids", ids, word.shape[0], "does the vocabulary belong to this model?")
    _check_ids("segments", segments, segment.shape[0], "segment ids are 0 and 1 in BERT")
    places = np.arange(L)
    e = _rows(word, ids) + _rows(position, places) + _rows(segment, segments)  # (B,L,D)  (1)
    return e, (ids, segments, pad_id, word.shape, position.shape, segment.shape)


def embedding_backward(de, cache):
    """Gradients of `embedding_forward`.

    Returns
    -------
    dword : ndarray (V,D)
    dposition : ndarray (positions, D)
    dsegment : ndarray (segments, D)
    """
    ids, segments, pad_id, word_shape, position_shape, segment_shape = cache
    dword = _scatter_add(de, ids, word_shape)  # (V,D)  (1')
    if pad_id is not None:
        dword[pad_id] = 0.0
    dposition = np.zeros(position_shape, de.dtype)
    dposition[: ids.shape[-1]] = de.sum(0)  # (L,D)  (1')
    dsegment = _scatter_add(de, segments, segment_shape)  # (segments,D)  (1')
    return dword, dposition, dsegment


def sinusoidal_positions(length, hidden):
    """The fixed position encoding of Vaswani et al. 2017, section 3.5.

    PE[l, 2i] = sin(l / 10000^(2i/D)),  PE[l, 2i+1] = cos(l / 10000^(2i/D))

    Returns
    -------
    ndarray of float64 (L,D)

    Examples
    --------
    >>> sinusoidal_positions(2, 2).round(3)
    array([[0.   , 1.   ],
           [0.841, 0.54 ]])
    """
    if hidden % 2:
        raise ValueError(f"hidden is {hidden}; sines and cosines come in pairs: make it even")
    l = np.arange(length)[:, None]
    angle = l / 10000.0 ** (np.arange(0, hidden, 2) / hidden)  # (L,D/2)
    return np.stack((np.sin(angle), np.cos(angle)), -1).reshape(length, hidden)


def _rows(table, ids):
    return table.rows(ids) if isinstance(table, QTensor) else table[ids]


def _scatter_add(rows, ids, shape):
    """A table of this shape with every row added where its id says; ids may repeat.

    ``table[ids] += rows`` would keep only the last of several rows with one id. Sorting by id
    turns the sums into runs of neighbours, which is many times faster than np.add.at.
    """
    table = np.zeros(shape, rows.dtype)
    flat = ids.reshape(-1)
    order = np.argsort(flat, kind="stable")
    unique, starts = np.unique(flat[order], return_index=True)
    if len(unique):
        table[unique] = np.add.reduceat(rows.reshape(-1, shape[1])[order], starts, axis=0)
    return table


def _check_ids(name, ids, size, hint):
    if not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"{name} has dtype {ids.dtype}; indices are integers")
    if ids.size and not (ids.min() >= 0 and ids.max() < size):
        raise ValueError(f"{name} spans {ids.min()} to {ids.max()}, the table has {size}: {hint}")
