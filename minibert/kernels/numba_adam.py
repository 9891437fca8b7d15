"""The updates of AdamW and BertAdam in one pass over memory: the bits of minibert/ops/adam.py.

    (1)  m = beta1 m + (1 - beta1) g                        g stands for scale g throughout
    (2)  v = beta2 v + (1 - beta2) g^2

    AdamW     (3)  p = p (1 - lr decay)
              (4)  p = p - lr/(1 - beta1^t) m / (sqrt(v)/sqrt(1 - beta2^t) + eps)
    BertAdam  (6)  p = p - lr (m/(sqrt(v) + eps) + decay p)

All is elementwise and rounds where NumPy does, so that no bit differs. A number takes 28 bytes of
memory traffic, and that is what bounds it on large tables; within the cache it is the square root
and the two divisions. The caller hands over blocks; nothing is cut here.

The sum of squares is added in float64, whose range a float32 square cannot leave.
"""

import math

import numpy as np

from minibert.kernels.numba_jit import EXACT, REORDER, jit
from minibert.ops.adam import FLUSH_EVERY, adamw_factors

F32, F64 = np.float32, np.float64
_TINY = np.finfo(F32).tiny


def adamw_update(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.01, scale=1.0):
    """In place; nothing is returned."""
    flat = _flat(p, g, m, v)
    if flat is None:
        return NotImplemented
    factors = *adamw_factors(t, lr, beta1, beta2, decay), eps
    _adamw(*flat, *map(F32, (*factors, *_moment_numbers(t, beta1, beta2, scale))))


def bert_adam_update(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-6, decay=0.01, scale=1.0):
    """In place; nothing is returned."""
    flat = _flat(p, g, m, v)
    if flat is None:
        return NotImplemented
    _bert_adam(*flat, *map(F32, (lr, decay, eps, *_moment_numbers(t, beta1, beta2, scale))))


def sum_of_squares(x):
    """A float."""
    if x.dtype != F32 or not x.flags.carray:
        return NotImplemented
    return _squares(x.reshape(-1))


def _flat(*arrays):
    """The arrays as one row each; None where one is of another kind than the loops take."""
    suited = all(a.dtype == F32 and a.flags.carray and a.shape == arrays[0].shape for a in arrays)
    return [a.reshape(-1) for a in arrays] if suited else None


def _moment_numbers(t, beta1, beta2, scale):
    """The factors of (1) and (2), and below what moments become 0."""
    least = _TINY if t % FLUSH_EVERY == 0 else 0.0
    return scale, beta1, 1 - beta1, beta2, 1 - beta2, least


@jit(EXACT)
def _adamw(p, g, m, v, shrink, rate, root, eps, scale, beta1, rest1, beta2, rest2, least):
    for i in range(p.size):
        g_i = g[i] * scale
        m_i = m[i] * beta1 + g_i * rest1  # (1)
        v_i = v[i] * beta2 + g_i * g_i * rest2  # (2)
        step = m_i / (F32(math.sqrt(v_i)) / root + eps) * rate
        p[i] = p[i] * shrink - step  # (3), (4)
        m[i] = F32(0) if abs(m_i) < least else m_i
        v[i] = F32(0) if abs(v_i) < least else v_i


@jit(EXACT)
def _bert_adam(p, g, m, v, lr, decay, eps, scale, beta1, rest1, beta2, rest2, least):
    for i in range(p.size):
        g_i = g[i] * scale
        m_i = m[i] * beta1 + g_i * rest1  # (1)
        v_i = v[i] * beta2 + g_i * g_i * rest2  # (2)
        step = m_i / (F32(math.sqrt(v_i)) + eps) + p[i] * decay
        p[i] = p[i] - step * lr  # (6)
        m[i] = F32(0) if abs(m_i) < least else m_i
        v[i] = F32(0) if abs(v_i) < least else v_i


@jit(REORDER)
def _squares(x):
    total = 0.0
    for i in range(x.size):
        total += F64(x[i]) * F64(x[i])
    return total
