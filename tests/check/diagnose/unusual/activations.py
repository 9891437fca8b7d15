"""Activations and softmax."""

import math
from decimal import Decimal, localcontext

import numpy as np

from .numeric import by_complex_step, softmax_jacobian
from .wrappers import Arrayed, Tensor


def gelu_of_erfc(x):
    """x erfc(-x / sqrt 2) / 2, number by number."""
    flat = [0.5 * t * math.erfc(-t / math.sqrt(2)) for t in x.ravel().tolist()]
    return np.array(flat).reshape(x.shape)


def gelu_of_the_positive_part(x, *, root=2**-0.5):
    """max(x, 0) - |x| erfc(|x| / sqrt 2) / 2, in float32; the root is a parameter more."""
    x = np.asarray(x, np.float32)
    tail = np.array([math.erfc(t) for t in (np.abs(x) * root).flat], np.float32).reshape(x.shape)
    return np.maximum(x, 0) - np.abs(x) * tail * np.float32(0.5)


def gelu_gradient_by_complex_step(x, dy):
    """The imaginary part of gelu(x + i h) / h, with erf by a series that takes complex numbers."""
    h = 1e-100
    dx = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        z = complex(x[i], h)
        # Phi(z) - 1/2 = phi(z) (z + z^3/3 + z^5/(3 5) + ...)
        term = total = z
        for n in range(3, 400, 2):
            term *= z * z / n
            total += term
        density = (1 - 1j * h * x[i]) * math.exp(-x[i] * x[i] / 2) / math.sqrt(2 * math.pi)
        dx[i] = dy[i] * (z * (0.5 + density * total)).imag / h
    return dx


def gelu_gradient_in_decimals(x, dy):
    """Central differences, h = 1e-15, in numbers of 40 digits."""
    with localcontext() as context:
        context.prec = 40
        root = (2 * Decimal("3.141592653589793238462643383279502884197")).sqrt()
        h = Decimal("1e-15")

        def gelu(z):
            term = total = z
            n = 1
            while abs(term) > Decimal("1e-36"):
                n += 2
                term *= z * z / n
                total += term
            return z * (Decimal("0.5") + (-z * z / 2).exp() / root * total)

        slopes = [(gelu(z + h) - gelu(z - h)) / (2 * h) for z in map(Decimal, x.ravel().tolist())]
    return dy * np.array([float(slope) for slope in slopes]).reshape(x.shape)


def gelu_tanh_of_the_logistic(x):
    """(1 + tanh u) / 2 is the logistic function of 2 u."""
    u = math.sqrt(2 / math.pi) * x * (1 + 0.044715 * x * x)
    return Arrayed(x / (1 + np.exp(-2 * u)))


def gelu_tanh_gradient_by_complex_step(x, dy):
    """Every entry is a function of its own, so one complex step serves them all."""
    z = x + 1e-100j
    u = math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)
    return dy * (0.5 * z * (1 + np.tanh(u))).imag / 1e-100


def tanh_of_expm1(x):
    """sign(x) (1 - e^-2|x|) / (1 + e^-2|x|)."""
    e = np.expm1(-2 * np.abs(x))
    return np.copysign(e / (2 + e), x)


def tanh_gradient_of_cosh(x, dy):
    """1 - tanh^2 x = 1 / cosh^2 x, number by number, as a flat list put into shape by nesting."""
    slopes = iter([d / math.cosh(t) ** 2 for t, d in zip(x.flat, dy.flat, strict=True)])
    B, L, D = x.shape
    return [[[next(slopes) for _ in range(D)] for _ in range(L)] for _ in range(B)]


def relu_as_half_of_a_sum(x):
    """(x + |x|) / 2."""
    return Tensor((x + np.abs(x)) / 2)


def relu_gradient_by_selection(x, dy):
    """A copy of dy in which the places without a slope are overwritten."""
    dx = np.array(dy)
    np.putmask(dx, x <= 0, 0.0)
    return Tensor(dx)


def softmax_in_base_2(x):
    """e^x = 2^(x / log 2)."""
    bits = x / math.log(2)
    powers = np.exp2(bits - bits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def softmax_in_logarithms(x):
    """exp(x - log-sum-exp), the latter pair by pair."""
    return np.exp(x - np.logaddexp.reduce(x, axis=-1, keepdims=True))


def softmax_of_differences(x):
    """p_i = 1 / sum_j exp(x_j - x_i): no maximum is needed."""
    with np.errstate(over="ignore"):
        return 1 / np.exp(x[..., None, :] - x[..., :, None]).sum(-1)


def softmax_with_sorted_sums(x):
    """The smallest numerators are added first; nested lists."""
    out = []
    for rows in x.tolist():
        out.append([])
        for row in rows:
            e = [math.exp(t - max(row)) for t in row]
            total = 0.0
            for t in sorted(e):
                total += t
            out[-1].append([t / total for t in e])
    return out


def softmax_in_single_precision(x):
    """In float32, given back as float64."""
    x = x.astype(np.float32)
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype(np.float64)


def softmax_gradient_of_jacobians(x, dp):
    """A row's dx is its matrix of derivatives times its dp."""
    p = softmax_in_base_2(x)
    dx = np.empty_like(p)
    for i in np.ndindex(x.shape[:-1]):
        dx[i] = softmax_jacobian(p[i]) @ dp[i]
    return dx


def softmax_gradient_as_a_covariance(x, dp):
    """dx = p (dp - mean), the mean of dp under p: in float32."""
    p = np.asarray(softmax_in_base_2(x), np.float32)
    dp = np.asarray(dp, np.float32)
    return p * (dp - np.einsum("bld,bld->bl", p, dp)[..., None])


def log_softmax_of_fsum(x):
    """x - (m + log(1 + the others)), the largest m apart, with exact sums."""
    out = np.empty_like(x)
    for i in np.ndindex(x.shape[:-1]):
        row = x[i].tolist()
        best = max(range(len(row)), key=row.__getitem__)
        rest = math.fsum(math.exp(t - row[best]) for j, t in enumerate(row) if j != best)
        out[i] = [(t - row[best]) - math.log1p(rest) for t in row]
    return out


def log_softmax_gradient_by_complex_step(x, dlogp):
    """The imaginary part of x - log sum exp x, row by row."""

    def log_softmax(z):
        top = z.real.max()
        return z - top - np.log(np.exp(z - top).sum())

    dx = np.empty_like(x)
    for i in np.ndindex(x.shape[:-1]):
        dx[i] = by_complex_step(log_softmax, x[i], dlogp[i])
    return dx
