"""Mean squared error in C (csrc/squares.inc).

    (1)  mse = mean of (a - b)^2                    (1') da = 2 (a - b) / n,  db = -da

Each array is read once in the forward, and the difference once in the backward. With `keep` the
formula does it.

Error against float64: 3e-7.
"""

import numpy as np

from minibert.kernels import pool
from minibert.kernels.arrays import F32, plain
from minibert.kernels.c_library import FLOAT, check, lib, read, write

_WORK = 40  # operations an element, most of them waiting for memory; see `pool.even_blocks`


def mse_forward(a, b, keep=None):
    """The loss, and a - b for the backward."""
    if keep is not None or a.shape != b.shape:
        return NotImplemented
    a, b = plain(a), plain(b)
    d, blocks = np.empty_like(a), pool.even_blocks(a.size, _WORK, 64)
    sums = np.empty(len(blocks))
    level, a_at, b_at, d_at, sums_at = FLOAT.now, read(a), read(b), write(d), write(sums)

    def block(job):
        i, at = job
        m, n = at.start, at.stop - at.start
        check(lib.minibert_difference(level, a_at + m, b_at + m, d_at + m, sums_at + i, n))

    pool.run((block, enumerate(blocks)), blas=False)
    return F32(sums.sum() / a.size), d  # (1)


def mse_backward(dloss, cache):
    """da, db."""
    d = cache
    da, db = np.empty_like(d), np.empty_like(d)
    level, factor, d_at = FLOAT.now, float(2.0 * dloss / d.size), read(d)
    da_at, db_at = write(da), write(db)

    def block(at):
        m, n = at.start, at.stop - at.start
        check(lib.minibert_difference_gradient(level, d_at + m, factor, da_at + m, db_at + m, n))

    pool.run((block, pool.even_blocks(d.size, _WORK, 64)), blas=False)  # (1')
    return da, db
