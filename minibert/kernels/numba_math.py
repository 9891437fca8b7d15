"""The few functions inside the kernels' inner loops, free of branches and calls.

The compiler turns a loop into vector instructions only if everything in it is arithmetic; a call
of the C library's exp or erf makes it run one number at a time, ten times slower. So:

    (1)  e^x = 2^n e^r,    n = rint(x / ln 2),  |r| <= ln 2 / 2,   e^r a polynomial of degree 6

The polynomial interpolates at Chebyshev nodes. Adding 1.5 * 2^23 to a float32 leaves the nearest
whole number in its low bits, from where 2^n is put together as the bits of a float. Arguments are
at most 0 here; below -86.6 (results under 2.5e-38) the result is 0.

    (2)  Phi(x) = 1 - Q e^(-x^2/2) / 2 for x > 0,   Q e^(-x^2/2) / 2 else      see minibert.ops.erf

Without erf's "1 -", which loses the small values, Phi keeps its relative accuracy on the left.

    (3)  keep[n]: the hash of minibert.ops.dropout on 32-bit integers

Errors against float64: exp 1.2e-7 relative; Phi 3e-7 absolute, and 2e-6 relative for x > -5.

Numba's cache notices a change in the file of a kernel, not one in this file: after editing it
delete kernels/__pycache__.
"""

import math

import numpy as np

from minibert.kernels.numba_jit import EXACT, FUSE, jit
from minibert.ops.erf import COEFFICIENTS_32

F32, I32, U32 = np.float32, np.int32, np.uint32

_LOG2_E = F32(1.0 / math.log(2.0))
_LN2_HIGH = F32(0.693359375)  # 10 bits, so that n * _LN2_HIGH is exact
_LN2_LOW = F32(math.log(2.0) - 0.693359375)
_ROUND = F32(1.5 * 2**23)
_LOWEST = F32(-86.6)
_E = tuple(
    F32(c)
    for c in (1.0, 1.0, 0.5, 0.16666415333747864, 0.04166635125875473, 0.00837512593716383,
              0.0013941108481958508)
)  # fmt: skip
_Q = tuple(F32(c) for c in COEFFICIENTS_32)
_SQRT_HALF = F32(math.sqrt(0.5))
LOWEST_KEY = I32(-(2**31))  # below `ordered` of every float
_ZERO, _HALF, _ONE = F32(0.0), F32(0.5), F32(1.0)


@jit(FUSE)
def exp_nonpositive(x):
    """e^x for x <= 0 in float32; NaN stays NaN, -infinity gives 0."""  # (1)
    x_safe = _LOWEST if x < _LOWEST else x
    shifted = F32(x_safe * _LOG2_E + _ROUND)
    n = shifted - _ROUND
    r = (x_safe - n * _LN2_HIGH) - n * _LN2_LOW
    p = _E[6]
    p = p * r + _E[5]
    p = p * r + _E[4]
    p = p * r + _E[3]
    p = p * r + _E[2]
    p = p * r + _E[1]
    p = p * r + _E[0]
    power = I32((shifted.view(I32) << 23) + 0x3F800000).view(F32)  # 2^n
    return _ZERO if x < _LOWEST else F32(p * power)


@jit(FUSE)
def normal(x):
    """Phi(x) and e^(-x^2/2): the normal distribution, and its density times sqrt(2 pi)."""  # (2)
    t = _ONE / (_ONE + _HALF * abs(x * _SQRT_HALF))
    q = _Q[7]
    q = q * t + _Q[6]
    q = q * t + _Q[5]
    q = q * t + _Q[4]
    q = q * t + _Q[3]
    q = q * t + _Q[2]
    q = q * t + _Q[1]
    q = q * t + _Q[0]
    e = exp_nonpositive(F32(-_HALF * x * x))
    tail = _HALF * q * e
    return (_ONE - tail if x > _ZERO else tail), e


@jit(EXACT)
def keeps(n, k0, k1, threshold):
    """Whether dropout keeps element n; all four are uint32."""  # (3)
    h = U32(n ^ k0)
    h = U32(h ^ (h >> U32(16)))
    h = U32(h * U32(0x7FEB352D))
    h = U32(h ^ U32(h >> U32(15)) ^ k1)
    h = U32(h * U32(0x846CA68B))
    h = U32(h ^ (h >> U32(16)))
    return h >= threshold


@jit(EXACT)
def ordered(x):
    """A float32 as an int32 with the same order, by which a loop may look for the largest.

    The compiler must not reorder comparisons of floats, because of NaN; those of integers it may.
    The bits of floats compare like integers, once those of negative numbers are turned around.
    """
    bits = F32(x).view(I32)
    return I32(bits ^ ((bits >> 31) & 0x7FFFFFFF))


@jit(EXACT)
def unordered(key):
    """The float32 of `ordered`."""
    return I32(key ^ ((key >> 31) & 0x7FFFFFFF)).view(F32)
