"""GELU, x times the normal distribution function (Hendrycks and Gimpel 2016).

The exact form, which BERT uses, and the tanh form, which differs from it by up to 4.74e-4 near
|x| = 2.70 and is a function of its own:

    (1)  gelu(x) = x Phi(x),             Phi(x) = (1 + erf(x / sqrt 2)) / 2
    (2)  gelu_tanh(x) = x/2 (1 + tanh u),     u = sqrt(2/pi) (x + 0.044715 x^3)

    (1') dx = dy (Phi(x) + x phi(x)),    phi(x) = exp(-x^2/2) / sqrt(2 pi)
    (2') dx = dy (1/2 (1 + tanh u) + x/2 (1 - tanh^2 u) du/dx)

The work is done in blocks that fit the cache: on millions of elements the temporaries of one
whole-array expression cost ten times the arithmetic.
"""

import math

import numpy as np

from minibert.ops.erf import erf

BLOCK = 32768  # elements: 128 kB of float32, which fits a core's second-level cache


def gelu_forward(x):
    """y = x Phi(x), the erf form.

    Parameters
    ----------
    x : ndarray, any shape

    Returns
    -------
    y : ndarray, as x
    cache

    Examples
    --------
    >>> gelu_forward(np.array([-1., 0., 1.]))[0].round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return _in_blocks(lambda x: x * _normal_cdf(x), x), x  # (1)


def gelu_backward(dy, cache):
    """dx of `gelu_forward`."""
    return _in_blocks(lambda dy, x: dy * (_normal_cdf(x) + x * _normal_pdf(x)), dy, cache)  # (1')


def gelu_tanh_forward(x):
    """y = x/2 (1 + tanh u), the approximation of the original GPT and of BERT's first code."""
    return _in_blocks(lambda x: 0.5 * x * (1.0 + np.tanh(_tanh_argument(x))), x), x  # (2)


def gelu_tanh_backward(dy, cache):
    """dx of `gelu_tanh_forward`."""

    def block(dy, x):
        t = np.tanh(_tanh_argument(x))
        du = math.sqrt(2.0 / math.pi) * (1.0 + 3 * 0.044715 * x * x)
        return dy * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * du)  # (2')

    return _in_blocks(block, dy, cache)


def _normal_cdf(x):
    return 0.5 * (1.0 + erf(x * math.sqrt(0.5)))


def _normal_pdf(x):
    return np.exp(-0.5 * x * x) * (1.0 / math.sqrt(2.0 * math.pi))


def _tanh_argument(x):
    return math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)


def _in_blocks(function, *arrays):
    """function(*arrays), elementwise, a block at a time."""
    flat = [a.reshape(-1) for a in arrays]
    out = np.empty_like(flat[0])
    for start in range(0, out.size, BLOCK):
        here = slice(start, start + BLOCK)
        out[here] = function(*(a[here] for a in flat))
    return out.reshape(arrays[0].shape)
