"""The machine's best rate: one large float32 product, by NumPy's BLAS and by our own kernels.

    rate = 2 M N K / seconds

No work that is made of matrix products can pass it, whoever wrote it; the fraction that a row
reaches says what is left to gain.
"""

import numpy as np
from threadpoolctl import threadpool_limits

from minibert import kernels as F
from minibert.bench.inputs import SEED
from minibert.bench.timing import interleaved

SIZE = 1536  # M = N = K


def measure(threads):
    """Operations a second, best of several runs.

    Parameters
    ----------
    threads : int
        Of BLAS; our kernels have theirs already.

    Returns
    -------
    dict of str to float
        "blas" and "minibert".
    """
    rng = np.random.default_rng(SEED)
    x, w = (rng.standard_normal((SIZE, SIZE), np.float32) for _ in range(2))
    out, b = np.empty_like(x), np.zeros(SIZE, np.float32)

    def blas():
        with threadpool_limits(threads, user_api="blas"):
            np.matmul(x, w.T, out=out)

    works = {"blas": blas, "minibert": lambda: F.linear_forward(x, w, b)}
    times = interleaved(works, seconds=0.0, least=7, most=7)
    return {name: 2e3 * SIZE**3 / time.least for name, time in times.items()}
