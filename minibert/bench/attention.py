"""Attention alone: one text of 128 to 4096 tokens, 12 heads of 26, as in the 4-layer TinyBERT.

The time grows with L^2 for everybody. The memory need not: the scores of 4096 tokens alone are
805 MB in float32, which a tiled attention never holds.
"""

import numpy as np

from minibert import kernels as F
from minibert.bench import goals, inputs, memory, peers
from minibert.bench.compare import agree
from minibert.bench.rows import OURS, Row

HEADS, HEAD_SIZE = 12, 26
LENGTHS = (128, 256, 512, 1024, 2048, 4096)
LONGEST = LENGTHS[-1]

columns = peers.torch_alone


def rows(run):
    """The rows, as they are measured.

    Parameters
    ----------
    run : Run

    Yields
    ------
    Row
    """
    for length in (LENGTHS[0], 1024) if run.quick else LENGTHS:
        yield _time(run, length)
    for length in (LONGEST,) if run.quick else LENGTHS[2:]:
        yield _memory(run, length)


def _time(run, length):
    work = f"attention (1,{HEADS},{length},{HEAD_SIZE})"
    q, k, v = random_qkv(length)
    works, errors = {OURS: lambda: F.attention_forward(q, k, v)[0].context}, {}
    if "torch" in run.peers:
        works["torch"] = peers.torch_attention(q, k, v)
        errors["torch"] = agree(work, "torch", [(works[OURS](), works["torch"]())])
    return Row(
        work,
        **run.time(works, operations=4 * length**2 * HEADS * HEAD_SIZE),
        errors=errors,
        at={"length": length},
        note="torch: scaled_dot_product_attention" if length == LENGTHS[0] and errors else "",
    )


def _memory(run, length):
    found = memory.measure(run, "attention", length)
    goal = goals.ATTENTION_MEMORY if length == LONGEST else None
    note = "peak of the process during a call, less what it held before" if goal else ""
    return Row(
        f"attention (1,{HEADS},{length},{HEAD_SIZE}), memory",
        found,
        unit="MB",
        goal=goal,
        at={"length": length},
        note=note if found else memory.UNKNOWN,
    )


def random_qkv(length):
    """Three arrays (1,H,L,K), as the projections of a trained model spread."""
    rng = np.random.default_rng((inputs.SEED, length))
    shape = (1, HEADS, length, HEAD_SIZE)
    return tuple(1.5 * rng.standard_normal(shape, np.float32) for _ in range(3))
