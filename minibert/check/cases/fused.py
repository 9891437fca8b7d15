"""The operations that the model calls: compositions, which kernels compute in one pass."""

import numpy as np

from minibert import ops
from minibert.check import spec
from minibert.check.cases import loops
from minibert.check.cases.case import SQUARE, Case, Formula
from minibert.check.cases.inputs import gamma, hidden, linear, weight
from minibert.check.cases.int8 import LINEAR_TOLERANCE
from minibert.ops import Drop


def _qkv_inputs(rng, z, dtype):
    weights = [(weight(rng, z.D, z.D), rng.standard_normal(z.D)) for _ in "qkv"]
    return (hidden(rng, z.B, z.L, z.D), *(a for pair in weights for a in pair)), {}


def _qkv_int8_inputs(rng, z, dtype):
    (x, *weights), _ = _qkv_inputs(rng, z, dtype)
    codes = (ops.quantize_symmetric(w) for w in weights[::2])
    return (x, *(a for pair in zip(codes, weights[1::2], strict=True) for a in pair)), {}


def _sublayer_inputs(drop=False, **options):
    def make(rng, z, dtype):
        x, w, b = hidden(rng, z.B, z.L, z.F), weight(rng, z.D, z.F), rng.standard_normal(z.D)
        residual = hidden(rng, z.B, z.L, z.D)
        kwargs = {"drop": Drop(0.3, seed=1, step=2, site=3)} if drop else {}
        kwargs |= options
        return (x, w, b, residual, gamma(rng, z.D), rng.standard_normal(z.D)), kwargs

    return make


def _loops_qkv(x, *weights):
    pairs = zip(weights[::2], weights[1::2], strict=True)
    return tuple(loops.linear_forward(x, w, b) for w, b in pairs)


def _loops_qkv_int8(x, *weights):
    x_rows, pairs = loops.rows(np.float32(x)), zip(weights[::2], weights[1::2], strict=True)
    found = (
        spec.int8_linear_forward(x_rows, w.scale[:, None] * w.q, np.float32(b)) for w, b in pairs
    )
    return tuple(y.reshape(*x.shape[:-1], -1) for y in found)


def _loops_qkv_backward(dout, x, *weights):
    pairs = zip(dout, weights[::2], strict=True)
    grads = [loops.linear_backward(d, x, w, None) for d, w in pairs]
    return sum(g[0] for g in grads), *(a for g in grads for a in g[1:])


def _loops_linear_gelu(x, w, b):
    return spec.gelu_forward(loops.linear_forward(x, w, b))


def _loops_linear_gelu_backward(dy, x, w, b):
    dh = spec.gelu_backward(dy, loops.linear_forward(x, w, b))
    return loops.linear_backward(dh, x, w, b)


def _loops_sum(x, w, b, residual, drop):
    h = loops.linear_forward(x, w, b)
    return residual + (h if drop is None else loops.dropout_forward(h, drop))


def _loops_sublayer(x, w, b, residual, gamma, beta, eps=1e-12, drop=None):
    return loops.layernorm_forward(_loops_sum(x, w, b, residual, drop), gamma, beta, eps)


def _loops_sublayer_backward(dy, x, w, b, residual, gamma, beta, eps=1e-12, drop=None):
    total = _loops_sum(x, w, b, residual, drop)
    dsum, dgamma, dbeta = loops.layernorm_backward(dy, total, gamma, beta, eps)
    dh = dsum if drop is None else loops.dropout_forward(dsum, drop)
    return *loops.linear_backward(dh, x, w, b), dsum, dgamma, dbeta


_QKV = tuple(range(7)), _loops_qkv, _loops_qkv_backward
_LINEAR_GELU = (0, 1, 2), _loops_linear_gelu, _loops_linear_gelu_backward
_SUBLAYER = tuple(range(6)), _loops_sublayer, _loops_sublayer_backward

FORMULAS = (
    Formula(
        id="qkv",
        title="Queries, keys and values",
        source="Vaswani et al. 2017, section 3.2.2; with biases, as in BERT",
        tex=(
            r"Q = x W_q^T + b_q \qquad K = x W_k^T + b_k \qquad V = x W_v^T + b_v",
            r"dx = dQ\, W_q + dK\, W_k + dV\, W_v \qquad dW_q = dQ^T x \qquad db_q = \sum_m dQ_m",
        ),
        code=(ops.qkv_forward, ops.qkv_backward),
        loops=(spec.linear_forward, spec.linear_backward),
        cases=(
            Case("qkv", "", _qkv_inputs, *_QKV),
            Case("qkv", "square", _qkv_inputs, *_QKV, sizes=SQUARE),
            Case(
                "qkv", "int8", _qkv_int8_inputs, (), _loops_qkv_int8, tolerance=LINEAR_TOLERANCE
            ),
        ),
    ),
    Formula(
        id="linear-gelu",
        title="First half of the feed-forward layer",
        source="Vaswani et al. 2017, equation 2, with GELU for the rectifier as in BERT",
        tex=(
            r"y = \mathrm{gelu}(h) \qquad h = x W^T + b",
            r"dh = dy \left( \Phi(h) + h\, \phi(h) \right) \qquad dx = dh\, W \qquad"
            r" dW = dh^T x \qquad db = \sum_m dh_m",
        ),
        code=(ops.linear_gelu_forward, ops.linear_gelu_backward),
        loops=(
            spec.linear_forward,
            spec.gelu_forward,
            spec.gelu_backward,
            spec.linear_backward,
        ),
        cases=(Case("linear_gelu", "", linear, *_LINEAR_GELU),),
    ),
    Formula(
        id="linear-add-layernorm",
        title="How each half of a block ends",
        source="Vaswani et al. 2017, section 3.1 and 5.4: LayerNorm(x + Sublayer(x))",
        tex=(
            r"y = \mathrm{layernorm} \left( r + \mathrm{dropout}(x W^T + b) \right)",
            r"dr = \mathrm{layernorm}'(dy) \qquad dh = \frac{dr \odot \mathrm{keep}}"
            r"{1 - \mathrm{rate}} \qquad dx = dh\, W \qquad dW = dh^T x",
        ),
        code=(ops.linear_add_layernorm_forward, ops.linear_add_layernorm_backward),
        loops=(
            spec.linear_forward,
            spec.dropout_forward,
            spec.layernorm_forward,
            spec.layernorm_backward,
            spec.linear_backward,
        ),
        cases=(
            Case("linear_add_layernorm", "", _sublayer_inputs(), *_SUBLAYER),
            Case("linear_add_layernorm", "square", _sublayer_inputs(), *_SUBLAYER, sizes=SQUARE),
            Case("linear_add_layernorm", "large-eps", _sublayer_inputs(eps=0.3), *_SUBLAYER),
            Case("linear_add_layernorm", "dropout", _sublayer_inputs(drop=True), *_SUBLAYER),
        ),
    ),
)
