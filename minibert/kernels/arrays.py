"""How kernels want their arrays: float32, in rows, without gaps."""

import numpy as np

F32 = np.float32


def plain(a):
    """The array, or a copy of it: float32, without gaps, not read-only.

    Numba compiles a kernel once for every kind of array that it meets, which takes seconds.
    """
    return a if a.dtype == F32 and a.flags.carray else np.require(a, F32, "CW")


def as_rows(x):
    """(..., n) as `plain` rows (M, n)."""
    return plain(x).reshape(-1, x.shape[-1])


def cotangent_rows(dy, shape):
    """`as_rows` of a cotangent, whose shape must be that of the output."""
    if dy.shape != shape:
        raise ValueError(f"the cotangent is {dy.shape}, the output was {shape}: they must be equal")
    return as_rows(dy)


def stacked(weights):
    """Weights one below another; one alone is not copied."""
    return weights[0] if len(weights) == 1 else np.concatenate(weights)


def linear_fits(x, w, b):
    """Whether the shapes are those of a linear layer."""
    return w.ndim == 2 and x.shape[-1] == w.shape[1] and b.shape == w.shape[:1]


def embedding_ids(tables, ids, segments):
    """ids and segments (None where not given) as flat int64, not yet held against the tables' rows.

    None where shapes or kinds cannot be right.
    """
    sizes = {t.shape[1:] for t in tables}
    if len(sizes) > 1 or len(tables[0].shape) != 2 or tables[1].shape[0] < ids.shape[-1]:
        return None
    if segments is not None and segments.shape != ids.shape:
        return None
    if not all(a is None or a.dtype.kind in "iu" for a in (ids, segments)):
        return None
    return _flat(ids), None if segments is None else _flat(segments)


def _flat(ids):
    return np.ascontiguousarray(ids, np.int64).reshape(-1)


def attention_fits(q, k, v, bias, head_mask):
    """Whether the shapes are those of attention."""
    if not (q.ndim == k.ndim == 4 and k.shape == v.shape == (*q.shape[:2], k.shape[2], q.shape[3])):
        return False
    if head_mask is not None and head_mask.shape != q.shape[1:2]:
        return False
    return bias_fits(bias, (*q.shape[:3], k.shape[2]))


def bias_fits(bias, sizes):
    """Whether a bias, or None, broadcasts to scores of these sizes (B,H,L,S)."""
    return bias is None or (
        bias.ndim <= 4
        and all(n in (1, size) for n, size in zip(bias.shape[::-1], sizes[::-1], strict=False))
    )


def side_by_side(*parts):
    """Arrays (..., n) as one (..., 3n); free where they lie so in memory already."""
    first, width = parts[0], parts[0].shape[-1] * 4
    start, gap = first.__array_interface__["data"][0], 3 * width
    adjacent = first.ndim > 1 and first.strides[-2:] == (gap, 4)
    for i, part in enumerate(parts):
        same = (part.shape, part.strides, part.dtype) == (first.shape, first.strides, F32)
        adjacent &= same and part.__array_interface__["data"][0] == start + i * width
    if not adjacent:
        return np.concatenate(parts, -1)
    shape = *first.shape[:-1], gap // 4
    return np.lib.stride_tricks.as_strided(first, shape, first.strides)


def keep_freed_memory():
    """Let the C library keep freed memory, as far as it does so by itself.

    A training step allocates and frees the same tens of megabytes again and again; given back to
    the system each time, a tenth of the step goes into getting them again, page by page. glibc
    keeps what it once saw freed in blocks of that size, up to 32 MB. (Nothing is written here, so
    that no memory is really taken.)
    """
    np.empty(31 << 20, np.uint8)
