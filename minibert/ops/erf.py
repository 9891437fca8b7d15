"""The error function without SciPy.

erfc(x) exp(x^2) is smooth, positive and decreasing on x >= 0, so that a polynomial in
t = 1 / (1 + x/2), which runs from 1 (x = 0) to 0 (x = infinity), describes it well:

    (1)  erf(x) = sign(x) (1 - exp(-x^2) Q(t)),   t = 1 / (1 + |x| / 2)

Q interpolates erfc(x) exp(x^2) at Chebyshev nodes in t, computed with 50 digits: degree 16 on
[0, 6] for float64, degree 7 on [0, 4] for float32. There are no branches, so that a compiler can
vectorize it. Both bounds are absolute; near 0 the relative error grows, which GELU does not see
since it uses 1 + erf.

    float64: |error| < 4e-15        float32: |error| < 5e-7
"""

import numpy as np

COEFFICIENTS_64 = (
    7.787445132240545e-07,
    0.2820674439651174,
    0.2825401826501297,
    0.2423683430631577,
    0.20712599331173281,
    -0.07142730497177069,
    0.584272288379874,
    -1.7682679770910157,
    3.7825577620545725,
    -6.602410553902439,
    8.624006563529402,
    -8.11298709374695,
    5.445802495288773,
    -2.5648313754702534,
    0.8108405539809377,
    -0.15534521980215837,
    0.013687120016378321,
)
COEFFICIENTS_32 = (
    0.00065629358,
    0.274264727,
    0.318550878,
    0.170216975,
    0.212400144,
    0.231258558,
    -0.28029309,
    0.0729455817,
)


def erf(x):
    """2/sqrt(pi) times the integral of exp(-u^2) from 0 to x.

    Parameters
    ----------
    x : ndarray, float32 or float64

    Returns
    -------
    ndarray of the same shape and dtype

    Examples
    --------
    >>> import math
    >>> abs(float(erf(np.array(0.5))) - math.erf(0.5)) < 4e-15
    True
    """
    x = np.asarray(x)
    coefficients = COEFFICIENTS_32 if x.dtype == np.float32 else COEFFICIENTS_64
    t = 1.0 / (1.0 + 0.5 * np.abs(x))
    q = np.full_like(t, coefficients[-1])
    for c in coefficients[-2::-1]:  # Horner's scheme
        q *= t
        q += c
    # Beyond 27 exp(-x^2) is 0 in float64; the clip keeps x^2 from overflowing.
    clipped = np.clip(x, -27.0, 27.0)
    return np.sign(x) * (1.0 - np.exp(-clipped * clipped) * q)  # (1)
