"""Self-attention of sequences of different lengths, packed: without padded tokens.

The P tokens of all B sequences stand one after another; those of sequence b, l_b of them, are rows
o_b to o_(b+1). A token sees those of its own sequence alone:

    (1)  context[:, o_b : o_(b+1)] = attention(q, k, v of rows o_b to o_(b+1)),  b = 0..B-1

which is what `attention` computes at the tokens of padded sequences, with a bias that hides the
padding. Work and memory grow with the sum of l_b^2 instead of B L^2. In dropout the scores of all
sequences are one row of numbers, sequence after sequence, each (H, l_b, l_b), so that no two of
them share a number:

    (2)  the first number of sequence b = H (l_0^2 + ... + l_(b-1)^2)

    (1') dq, dk, dv of rows o_b to o_(b+1) = attention'(dcontext of these rows);
         dm = the sum of the sequences' dm, where there is a mask over heads
"""

import math
from itertools import pairwise

import numpy as np

from minibert.ops.attention import Attended, attention_backward, attention_forward


def packed_attention_forward(q, k, v, offsets, *, drop=None, head_mask=None):
    """softmax(Q K^T / sqrt(K)) V for every head of every sequence.

    Parameters
    ----------
    q, k, v : ndarray (H,P,K)
    offsets : ndarray of int (B+1,)
        Sequence b has rows offsets[b] to offsets[b+1], at least one; the last offset is P.
    drop : Drop, optional
        Dropout on the probabilities. An explicit mask is one row of H * (sum of l_b^2), see (2).
    head_mask : ndarray (H,), optional
        Multiplies each head's context; its gradient is the head's importance.

    Returns
    -------
    context : ndarray (H,P,K)
    cache

    Raises
    ------
    ValueError
        The offsets do not cut the rows into sequences.

    Examples
    --------
    Two sequences, of one token and of two; a token alone attends to itself:

    >>> q = k = np.zeros((1, 3, 1))
    >>> v = np.array([[[5.0], [2.0], [4.0]]])
    >>> packed_attention_forward(q, k, v, np.array([0, 1, 3]))[0][0, :, 0]
    array([5., 3., 3.])
    """
    check_offsets(offsets, q.shape[1])
    context, caches, first = np.empty_like(q), [], 0
    for rows in _sequences(offsets):
        alone = (x[None, :, rows] for x in (q, k, v))  # 3 x (1,H,l,K)
        scores = 1, len(q), rows.stop - rows.start, rows.stop - rows.start  # (1,H,l,l)
        attended, cache = attention_forward(
            *alone, drop=drop and drop.part(first, scores), head_mask=head_mask
        )
        context[:, rows] = attended.context[0]  # (H,l,K)  (1)
        first += math.prod(scores)  # (2)
        caches.append(cache)
    return context, (offsets, caches)


def packed_attention_backward(dcontext, cache):
    """Gradients of `packed_attention_forward`.

    Parameters
    ----------
    dcontext : ndarray (H,P,K)
    cache

    Returns
    -------
    dq, dk, dv : ndarray (H,P,K)
    dhead_mask : ndarray (H,), or None where there was no head mask
    """
    offsets, caches = cache
    dq, dk, dv = (np.empty_like(dcontext) for _ in "qkv")
    dhead_mask = None
    for rows, one in zip(_sequences(offsets), caches, strict=True):
        dout = Attended(dcontext[None, :, rows], None)
        *dqkv, dm = attention_backward(dout, one)
        for whole, part in zip((dq, dk, dv), dqkv, strict=True):
            whole[:, rows] = part[0]  # (H,l,K)  (1')
        if dm is not None:
            dhead_mask = dm if dhead_mask is None else dhead_mask + dm  # (H,)  (1')
    return dq, dk, dv, dhead_mask


def check_offsets(offsets, P):
    """A ValueError unless the offsets cut P rows into sequences of at least one token."""
    if not (
        offsets.ndim == 1
        and len(offsets) > 1
        and np.issubdtype(offsets.dtype, np.integer)
        and offsets[0] == 0
        and offsets[-1] == P
        and (np.diff(offsets) > 0).all()
    ):
        raise ValueError(
            f"offsets is {offsets}; wanted integers that rise from 0 to the {P} rows, "
            "each sequence with at least one token"
        )


def _sequences(offsets):
    """The rows of each sequence, as slices."""
    return [slice(*ends) for ends in pairwise(offsets.tolist())]
