"""All parameters at once: what an optimizer does to each number, on all threads.

The formulas are elementwise and bound by memory: 28 bytes of traffic a number for an update, 4 for
a norm. The arrays are cut into pieces of a fixed size, and the pieces of all arrays are handed to
the pool together: the threads wait for one another once, and the pieces, and thereby every bit, do
not depend on the number of threads.

Two thirds of tinybert-4l-312 are the word embeddings. Most rows of their gradient are zeros, but
their moments, and with them the words, go on moving: the formulas ask for every row, every step.
"""

import numpy as np

from minibert import kernels as F
from minibert.kernels import pool

PIECE = 131_072  # elements: half a megabyte of float32 in each of an optimizer's four arrays


def update_all(update, jobs):
    """Call update(p, g, m, v, *numbers) on every piece.

    Parameters
    ----------
    update : callable
        `kernels.adamw_update` or `kernels.bert_adam_update`; it overwrites p, m and v.
    jobs : iterable of tuple
        (p, g, m, v, numbers) for each parameter; p, m and v without gaps.
    """
    pieces = [
        (*(a[at] for a in flat), *numbers)
        for *arrays, numbers in jobs
        for flat in [[a.reshape(-1) for a in arrays]]
        for at in pool.blocks(flat[0].size, PIECE)
    ]
    pool.run((lambda piece: update(*piece), pieces), blas=False)


def squares(arrays):
    """Sum of squares of each array.

    Parameters
    ----------
    arrays : iterable of ndarray

    Returns
    -------
    list of float
    """
    arrays = [np.ravel(a) for a in arrays]
    pieces = [(i, at) for i, a in enumerate(arrays) for at in pool.blocks(a.size, PIECE)]
    parts = [0.0] * len(pieces)

    def one(job):
        n, (i, at) = job
        parts[n] = F.sum_of_squares(arrays[i][at])

    pool.run((one, enumerate(pieces)), blas=False)
    sums = [0.0] * len(arrays)
    for (i, _), part in zip(pieces, parts, strict=True):
        sums[i] += part
    return sums
