"""Dropout: the mask is a hash of the element's number, computed in the loop that uses it.

    (1)  y[n] = x[n] * (1 / (1 - rate) if keep[n] else 0)        (1') the same on dy

The bits are those of minibert.ops.dropout: the hash has no state, so that the numbers of a block
need nothing but the number of its first element.
"""

import numpy as np

from minibert.kernels import pool
from minibert.kernels.arrays import plain
from minibert.kernels.numba_jit import EXACT, jit
from minibert.kernels.numba_math import keeps
from minibert.ops.dropout import check_numbers

F32, U32 = np.float32, np.uint32
NO_DROPOUT = U32(0), U32(0), U32(0), F32(1.0)  # every hash is at least the threshold 0
_WORK = 60  # operations an element, see `pool.even_blocks`


def mask_numbers(drop, size):
    """(key 0, key 1, threshold, 1 / (1 - rate)) of a Drop, or of none; see also `first_number`."""
    if drop is None or drop.rate == 0.0:
        return NO_DROPOUT
    check_numbers(drop, size)
    k0, k1 = drop.hash_keys()
    return U32(k0), U32(k1), U32(drop.threshold()), F32(1.0 / (1.0 - drop.rate))


def first_number(drop):
    """The number of the array's first element, which the masks' numbers are counted from."""
    return 0 if drop is None else drop.first


def dropout_forward(x, drop):
    """y, and drop for the backward."""
    if drop is None or drop.rate == 0.0:
        return x, None
    return _drop(x, drop), drop


def dropout_backward(dy, cache):
    """dx."""
    return dy if cache is None else _drop(dy, cache)


def _drop(x, drop):
    x = plain(x)
    y, mask = np.empty_like(x), mask_numbers(drop, x.size)
    x_flat, y_flat = x.reshape(-1), y.reshape(-1)

    def block(at):
        drop_elements(x_flat[at], y_flat[at], U32(drop.first + at.start), *mask)

    pool.run((block, pool.row_blocks(x.size, _WORK)), blas=False)
    return y


@jit(EXACT)
def drop_elements(x, y, first, k0, k1, threshold, share):
    """y = dropout of x, whose first element has the number `first`."""
    for i in range(x.size):
        keep = keeps(U32(first + U32(i)), k0, k1, threshold)
        y[i] = x[i] * (share if keep else F32(0))  # (1)
