"""The machine's best rate: one large float32 product, by NumPy's BLAS and by our own kernels.

    (1)  rate = 2 M N K / seconds

No work that is made of matrix products can pass it, whoever wrote it; the fraction that a row
reaches says what is left to gain. The products take turns with the works, since a rate of another
moment may be that of a busier machine.
"""

import numpy as np
from threadpoolctl import threadpool_limits

from minibert import kernels as F
from minibert.bench.inputs import SEED

SIZE = 1536  # M = N = K


def products(threads):
    """The two products.

    Parameters
    ----------
    threads : int
        Of BLAS; our kernels have theirs already.

    Returns
    -------
    dict of str to callable
        "blas" and "minibert".
    """
    rng = np.random.default_rng(SEED)
    x, w = (rng.standard_normal((SIZE, SIZE), np.float32) for _ in range(2))
    out, b = np.empty_like(x), np.zeros(SIZE, np.float32)

    def blas():
        with threadpool_limits(threads, user_api="blas"):
            np.matmul(x, w.T, out=out)

    return {"blas": blas, "minibert": lambda: F.linear_forward(x, w, b)}


def rate(milliseconds):
    """Operations a second of a product that took so long."""
    return 2e3 * SIZE**3 / milliseconds  # (1)
