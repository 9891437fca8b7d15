"""int8 products alone: a linear layer's, at the sizes of the models' layers, on one thread.

    (1)  acc = q_x q_w^T                                                 int32, exact
    (2)  y = s_x s_w (acc - zero * row_sum) + b                          float32

Activations are quantized before and our weights are packed, as in a model; ours ends with (2), and
PyTorch's `_int_mm`, which has nothing to dequantize with, with (1). That is in PyTorch's favour.
"""

from contextlib import contextmanager

import numpy as np

from minibert import kernels as F
from minibert.bench import goals, inputs, peers
from minibert.bench.compare import agree
from minibert.bench.rows import OURS, Row
from minibert.bench.timing import geometric_mean

TOKENS = 4096  # M
LAYERS = ((312, 312), (1200, 312), (312, 1200), (3072, 768))  # outputs N, inputs K

columns = peers.torch_alone


def rows(run):
    """The rows, as they are measured: one a layer, then their geometric mean.

    Parameters
    ----------
    run : Run

    Yields
    ------
    Row
    """
    found = []
    for N, K in LAYERS:
        with _one_thread(run):
            found.append(_time(run, N, K))
        yield found[-1]
    yield mean(found)


def mean(rows):
    """One row for several: its times are geometric means, and hence its ratios are, too.

    Parameters
    ----------
    rows : list of Row

    Returns
    -------
    Row
    """
    figures = {
        name: geometric_mean([row.figures[name] for row in rows]) for name in rows[0].figures
    }
    work = f"int8 GEMM, geometric mean of {len(rows)}"
    return Row(work, figures, goal=goals.INT8_PRODUCTS)


def _time(run, N, K):
    work = f"int8 GEMM ({TOKENS},{N},{K}), 1 thread"
    x, w, b = random_layer(TOKENS, N, K)
    packs = F.Packs()

    def ours():
        with F.inference(packs):
            return F.int8_linear_forward(x, w, b)[0]

    works, errors, note = {OURS: ours}, {}, ""
    if "torch" in run.peers:
        works["torch"] = peers.torch_int8_product(x.q, w.q)
        errors["torch"] = _compare(work, x, w, b, ours(), works["torch"]())
        note = "; torch: _int_mm, which does not dequantize"
    figures = run.time(works)["figures"]
    rate = 2e-6 * TOKENS * N * K / figures[OURS].median
    return Row(
        work,
        figures,
        goal=goals.INT8_PRODUCT,
        errors=errors,
        at={"tokens": TOKENS, "outputs": N, "inputs": K},
        note=f"{rate:.0f} GOP/s{note}",
    )


def _compare(work, x, w, b, y, product):
    """The error of our exact product, which may have none, once what is timed is right as well."""
    dequantized = (product - x.zero * w.row_sum) * x.scale * w.scale + b  # (2)
    agree(work, "torch", [(y, dequantized)])
    return agree(work, "torch", [(F.int8_matmul(x.q, w.q), product)], limit=0.0)  # (1)


def random_layer(M, N, K):
    """Activations (QRows of M), weights (QTensor of N by K) and a bias (N,)."""
    rng = np.random.default_rng((inputs.SEED, M, N, K))
    x, w, b = (rng.standard_normal(shape, np.float32) for shape in ((M, K), (N, K), N))
    return F.quantize_affine(x), F.quantize_symmetric(w), b


@contextmanager
def _one_thread(run):
    """All engines on one thread, and back on those of the run."""
    try:
        F.set_threads(1)
        peers.set_threads(run.peers, 1)
        yield
    finally:
        F.set_threads(run.threads)
        peers.set_threads(run.peers, run.threads)
