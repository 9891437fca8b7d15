"""int8: both quantizers, the exact product, and the linear layer. Codes must be equal."""

import numpy as np

from minibert import kernels as F
from minibert import ops
from minibert.check import spec
from minibert.check.cases.case import Case, Formula
from minibert.check.cases.inputs import hidden, weight
from minibert.check.cases.loops import rows
from minibert.ops import QRows, QTensor

LINEAR_TOLERANCE = 1e-6  # float32 products in another order; the accumulators are exact


def _weights(rng, z, dtype):
    return (weight(rng, z.F, z.D),), {}


def _tokens(rng, z, dtype):
    return (hidden(rng, z.B, z.L, z.D),), {}


def _one_sided(rng, z, dtype):
    """All above zero, all below, and zeros: the range always holds 0."""
    x = np.abs(hidden(rng, z.B, z.L, z.D))
    x[0] *= -1
    x[-1, -1] = 0
    return (x,), {}


def _codes(rng, z, dtype):
    qx, qw = rng.integers(-128, 128, (z.B, z.L, z.D)), rng.integers(-127, 128, (z.F, z.D))
    return (qx.astype(np.int8), qw.astype(np.int8)), {}


def _extremes(rng, z, dtype):
    """Pairs of products that a saturating sum of 16 bits would clip."""
    qx, qw = np.full((z.B, z.D), -128, np.int8), np.full((z.F, z.D), -127, np.int8)
    qx[-1], qw[::2] = 127, 127
    return (qx, qw), {}


def _long_codes(rng, z, dtype):
    """More inputs than any loop takes in one step, an odd number; float32 cannot hold the sums."""
    qx, qw = (rng.integers(64, 128, (n, 4099)) for n in (3, 7))
    qx[0], qx[1, ::2] = -qx[0], 1 - qx[1, ::2]
    return (qx.astype(np.int8), qw.astype(np.int8)), {}


def _layer(rng, z, dtype):
    return (hidden(rng, z.B, z.L, z.D), weight(rng, z.F, z.D), rng.standard_normal(z.F)), {}


def _long_layer(rng, z, dtype):
    return (hidden(rng, 3, 333), weight(rng, 7, 333), rng.standard_normal(7)), {}


def _halves(rng, *shape):
    """k + 1/2, between -100 and 100."""
    return rng.integers(-100, 100, shape) + 0.5


def _weight_ties(rng, z, dtype):
    """Halves at scale 1, a row of zeros, and halves of scales that float32 must round."""
    w = _halves(rng, 13, 41)
    w[:, 0] = 127
    w[1] = 0
    w[2:] *= rng.uniform(0.1, 2, (11, 1))
    return (w,), {}


def _no_weights(rng, z, dtype):
    """Nothing but zeros: every scale is the guard."""
    return (np.zeros((z.F, z.D)),), {}


def _token_ties(rng, z, dtype):
    """As `_weight_ties`, around an odd zero point; in one row it is nearly a half itself."""
    x = _halves(rng, 13, 41)
    x[:, :2] = -101, 154
    x[1] = 0
    x[2, 2:] = np.abs(x[2, 2:])
    x[2, :2] = -1.4999999, 253.5
    x[3:] *= rng.uniform(0.1, 2, (10, 1))
    return (x,), {}


def _linear():
    """The library's layer on a float weight, quantized on the spot."""

    def forward(x, w, b):
        return F.int8_linear_forward(x, F.quantize_symmetric(w), np.float32(b))

    return forward, None


def _loops_symmetric(w):
    return QTensor(*spec.quantize_symmetric(np.float32(w)))


def _loops_affine(x):
    q, scale, zero = spec.quantize_affine(rows(np.float32(x)))
    a_row = (*x.shape[:-1], 1)
    return QRows(q.reshape(x.shape), scale.reshape(a_row), zero.reshape(a_row))


def _loops_matmul(qx, qw):
    return spec.int8_matmul(rows(qx), qw).reshape(*qx.shape[:-1], len(qw))


def _loops_linear(x, w, b):
    y = spec.int8_linear_forward(rows(np.float32(x)), np.float32(w), np.float32(b))
    return y.reshape(*x.shape[:-1], len(w))


def _linear_case(mode, make):
    return Case(
        "int8_linear", mode, make, (), _loops_linear, pair=_linear, tolerance=LINEAR_TOLERANCE
    )


FORMULAS = (
    Formula(
        id="quantize-symmetric",
        title="Weights to int8, one scale a row",
        source="Jacob et al. 2018, section 2.1, with zero point 0 and the codes -127 to 127",
        tex=(
            r"s_o = \frac{\max_i |w_{oi}|}{127} \qquad"
            r" q_{oi} = \mathrm{clip} \left( \mathrm{rint} \left( \frac{w_{oi}}{s_o} \right),"
            r" -127, 127 \right)",
            r"w_{oi} \approx s_o\, q_{oi}",
        ),
        code=(ops.quantize_symmetric, ops.QTensor),
        loops=(spec.quantize_symmetric,),
        cases=(
            Case("quantize_symmetric", "", _weights, (), _loops_symmetric),
            Case("quantize_symmetric", "ties", _weight_ties, (), _loops_symmetric),
            Case("quantize_symmetric", "zeros", _no_weights, (), _loops_symmetric),
        ),
    ),
    Formula(
        id="quantize-affine",
        title="Activations to int8, one scale and zero point a token",
        source="Jacob et al. 2018, section 2.1; the range is widened to hold 0",
        tex=(
            r"\mathrm{lo} = \min(x, 0) \qquad \mathrm{hi} = \max(x, 0) \qquad"
            r" s = \frac{\mathrm{hi} - \mathrm{lo}}{255} \qquad"
            r" z = \mathrm{rint} \left( -128 - \frac{\mathrm{lo}}{s} \right)",
            r"q = \mathrm{clip} \left( \mathrm{rint} \left( \frac{x}{s} \right) + z,"
            r" -128, 127 \right) \qquad x \approx s\, (q - z)",
        ),
        code=(ops.quantize_affine, ops.QRows),
        loops=(spec.quantize_affine,),
        cases=(
            Case("quantize_affine", "", _tokens, (), _loops_affine),
            Case("quantize_affine", "one-sided", _one_sided, (), _loops_affine),
            Case("quantize_affine", "ties", _token_ties, (), _loops_affine),
        ),
    ),
    Formula(
        id="int8-matmul",
        title="Product of int8 matrices",
        source="Jacob et al. 2018, section 2.2; exact in int32",
        tex=(r"\mathrm{acc}_{mo} = \sum_i q^x_{mi}\, q^w_{oi}",),
        code=(ops.int8_matmul,),
        loops=(spec.int8_matmul,),
        cases=(
            Case("int8_matmul", "", _codes, (), _loops_matmul),
            Case("int8_matmul", "extremes", _extremes, (), _loops_matmul),
            Case("int8_matmul", "long", _long_codes, (), _loops_matmul),
        ),
    ),
    Formula(
        id="int8-linear",
        title="Linear layer on int8",
        source="Jacob et al. 2018, section 2.3; dequantized in float32, the bias stays float",
        tex=(
            r"y_{mo} = s^x_m\, s^w_o \left( \sum_i q^x_{mi}\, q^w_{oi} - z_m r_o \right) + b_o"
            r" \qquad r_o = \sum_i q^w_{oi}",
        ),
        code=(ops.int8_linear_forward, ops.quantize_affine, ops.int8_matmul),
        loops=(spec.int8_linear_forward, spec.quantize_affine, spec.int8_matmul),
        cases=(_linear_case("", _layer), _linear_case("long", _long_layer)),
    ),
)
