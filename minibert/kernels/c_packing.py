"""Weights in panels, as the C products read them (csrc/gemm.inc, csrc/float_amx.c).

    y = x w^T                w: (N, K), any strides

A panel holds some outputs of w, side by side for each k. Panels are independent, so that threads
pack some each; a weight of the model is packed once for all forwards (see `packs`).
"""

import numpy as np

from minibert.kernels import packs, pool
from minibert.kernels.arrays import plain, stacked
from minibert.kernels.c_library import FLOAT, check, ffi, lib, offset

STEP = 32  # outputs; every level's panels divide it
_WORK = 40  # operations a number that is packed, see `pool.even_blocks`


class Packed:
    """A packed matrix: `at`, the C pointer to it.

    Parameters
    ----------
    w : ndarray of float32 (N, K), any strides
    """

    def __init__(self, w):
        N, K = self.shape = w.shape
        w = w if all(s % 4 == 0 for s in w.strides) else plain(w)  # a field of records, say
        row, col = (s // 4 for s in w.strides)
        level = FLOAT.now
        size = lib.minibert_packed_size(level, N, K)
        self._memory = np.empty(size + 64, np.uint8)
        start = self._memory.__array_interface__["data"][0]
        self.at = ffi.cast("char *", start + -start % 64)
        source, self.level = offset(w), level

        def block(some):
            place = self.from_output(some.start)
            rows = some.stop - some.start
            check(lib.minibert_pack(level, source + some.start * row, row, col, place, rows, K))

        pool.run((block, pool.even_blocks(N, _WORK * K, STEP)), blas=False)

    def from_output(self, n):
        """The C pointer to output n, a multiple of STEP, and those after it."""
        return self.at + lib.minibert_packed_size(self.level, n, self.shape[1])


def packed(*weights):
    """One or several weights (N, K), one after another, as `Packed`; kept where that is allowed."""
    return packs.once(FLOAT.now, weights, lambda: Packed(stacked(weights)))
