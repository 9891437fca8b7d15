"""The updates of AdamW and BertAdam in one pass over memory: the bits of minibert/ops/adam.py.

    (1)  m = beta1 m + (1 - beta1) g                        g stands for scale g throughout
    (2)  v = beta2 v + (1 - beta2) g^2

    AdamW     (3)  p = p (1 - lr decay)
              (4)  p = p - lr/(1 - beta1^t) m / (sqrt(v)/sqrt(1 - beta2^t) + eps)
    BertAdam  (6)  p = p - lr (m/(sqrt(v) + eps) + decay p)

The loops are those of csrc/adam.inc. The caller hands over blocks, and threads; nothing is cut
here.
"""

import numpy as np

from minibert.kernels.c_library import FLOAT, check, ffi, lib, read, write
from minibert.ops.adam import FLUSH_EVERY, adamw_factors

_TINY = float(np.finfo(np.float32).tiny)


def adamw_update(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.01, scale=1.0):
    """In place; nothing is returned."""
    if not _suited(p, g, m, v):
        return NotImplemented
    factors = adamw_factors(t, lr, beta1, beta2, decay)
    arrays = write(p), read(g), write(m), write(v), p.size
    common = _common(t, beta1, beta2, scale)
    check(lib.minibert_adamw(FLOAT.now, common, *factors, eps, *arrays))


def bert_adam_update(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-6, decay=0.01, scale=1.0):
    """In place; nothing is returned."""
    if not _suited(p, g, m, v):
        return NotImplemented
    arrays = write(p), read(g), write(m), write(v), p.size
    common = _common(t, beta1, beta2, scale)
    check(lib.minibert_bert_adam(FLOAT.now, common, lr, decay, eps, *arrays))


def sum_of_squares(x):
    """A float."""
    if not _suited(x):
        return NotImplemented
    total = ffi.new("double *")
    check(lib.minibert_sum_of_squares(FLOAT.now, read(x), total, x.size))
    return total[0]


def _suited(*arrays):
    """Whether the arrays are what the loops take: float32, of one shape, without gaps."""
    shape = arrays[0].shape
    return all(a.dtype == np.float32 and a.flags.c_contiguous and a.shape == shape for a in arrays)


def _common(t, beta1, beta2, scale):
    """The factors of (1) and (2), and below what moments become 0."""
    least = _TINY if t % FLUSH_EVERY == 0 else 0.0
    return ffi.new("minibert_moments *", (scale, beta1, 1 - beta1, beta2, 1 - beta2, least))
