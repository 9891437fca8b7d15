"""Dropout in C (csrc/math.inc): the mask of minibert.ops.dropout, computed where it is used.

    (1)  y[n] = x[n] * (1 / (1 - rate) if keep[n] else 0)        (1') the same on dy
"""

import numpy as np

from minibert.kernels import pool
from minibert.kernels.arrays import plain
from minibert.kernels.c_library import FLOAT, NULL, check, ffi, lib, read, write
from minibert.ops.dropout import check_numbers

_WORK = 20  # operations an element, see `pool.even_blocks`


def drop_struct(drop, first, size):
    """The C form of a Drop for elements from number `first` on, of an array of `size`."""
    if drop is None or drop.rate == 0.0:
        return NULL
    check_numbers(drop, size)
    k0, k1 = drop.hash_keys()
    first = (drop.first + first) & 0xFFFFFFFF
    return ffi.new("minibert_drop *", (first, k0, k1, drop.threshold(), 1.0 / (1.0 - drop.rate)))


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
    y = np.empty_like(x)
    level, x_at, y_at = FLOAT.now, read(x), write(y)

    def block(at):
        i, mask = at.start, drop_struct(drop, at.start, x.size)
        check(lib.minibert_dropout(level, x_at + i, y_at + i, mask, at.stop - i))

    pool.run((block, pool.even_blocks(x.size, _WORK)), blas=False)
    return y
