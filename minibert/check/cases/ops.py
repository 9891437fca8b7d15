"""The formulas of single tokens and arrays: linear to softmax, dropout, embeddings."""

import numpy as np

from minibert import ops
from minibert.check import spec
from minibert.check.cases import loops
from minibert.check.cases.case import SQUARE, Case, Formula
from minibert.check.cases.inputs import elementwise, gamma, hidden, linear, weight
from minibert.ops import Drop


def _rows_only(rng, z, dtype):
    return (hidden(rng, z.B, z.D), weight(rng, z.F, z.D), rng.standard_normal(z.F)), {}


def _layernorm(eps=None):
    def make(rng, z, dtype):
        args = hidden(rng, z.B, z.L, z.D), gamma(rng, z.D), rng.standard_normal(z.D)
        return args, {} if eps is None else {"eps": eps}

    return make


def _scores(rng, z, dtype):
    return (3 * rng.standard_normal((z.B, z.H, z.L, z.S)),), {}


def _dropout(rng, z, dtype):
    return (hidden(rng, z.B, z.L, z.D), Drop(0.4, seed=11, step=2, site=3)), {}


def _mask(rng, z, dtype):
    return ((z.B, z.L, z.D), Drop(0.25, seed=2**40 + 7, step=5, site=9)), {}


def _embedding(pad_id, with_segments=True):
    def make(rng, z, dtype):
        ids = rng.integers(0, z.V, (z.B, z.L))
        ids[:, 1] = ids[0, 0]  # a word that occurs more than once
        ids[-1, -2:] = pad_id if pad_id is not None else 0
        tables = [rng.standard_normal((n, z.D)) for n in (z.V, z.L + 2, 2)]
        segments = {"segments": rng.integers(0, 2, (z.B, z.L))} if with_segments else {}
        return (*tables, ids), {**segments, "pad_id": pad_id}

    return make


def _embedding_int8(rng, z, dtype):
    (*tables, ids), kwargs = _embedding(None)(rng, z, dtype)
    return (*map(ops.quantize_symmetric, tables), ids), kwargs


def _extreme(rng, z, dtype):
    return (np.array([[-30, -6.5, -1e-4, 0, 1e-4], [6.5, 26.9, 27.1, 30, 1]]),), {}


def _extreme_logits(rng, z, dtype):
    return (800 * rng.choice([-1, 1], (z.B, z.L, z.C)) + rng.standard_normal((z.B, z.L, z.C)),), {}


def _with_zeros(rng, z, dtype):
    (x,), _ = elementwise(rng, z, dtype)
    x[:, ::2] = 0
    return (x,), {}


def _each(op, forward, backward, mode="", make=elementwise, **fields):
    """The case of a function of each entry."""
    return Case(op, mode, make, (0,), forward, lambda dy, x: (backward(dy, x),), **fields)


def _loops_embedding_int8(word, position, segment, ids, segments, pad_id):
    tables = (np.float64(t.q) * t.scale[:, None] for t in (word, position, segment))
    return spec.embedding_forward(*tables, ids, segments)


ROUNDING_32 = 1e-6  # int8 tables give float32
_LINEAR = (0, 1, 2), loops.linear_forward, loops.linear_backward
_LAYERNORM = (0, 1, 2), loops.layernorm_forward, loops.layernorm_backward
_SOFTMAX = loops.softmax_forward, loops.softmax_backward
_LOG_SOFTMAX = loops.log_softmax_forward, loops.log_softmax_backward
_EMBEDDING = (0, 1, 2), loops.embedding_forward, loops.embedding_backward
_KINK = {"exact": False, "why_inexact": "at 0 there is no derivative: the gradient is 0"}
_PAD = {"exact": False, "why_inexact": "look-ups give the padding word's row no gradient"}

FORMULAS = (
    Formula(
        id="linear",
        title="Linear layer",
        source="as PyTorch stores it: W is (out, in)",
        tex=(
            r"y = x W^T + b",
            r"dx = dy\, W \qquad dW = dy^T x \qquad db = \sum_m dy_m",
        ),
        code=(ops.linear_forward, ops.linear_backward),
        loops=(spec.linear_forward, spec.linear_backward),
        cases=(
            Case("linear", "", linear, *_LINEAR),
            Case("linear", "rows", _rows_only, *_LINEAR),
            Case("linear", "square", linear, *_LINEAR, sizes=SQUARE),
        ),
    ),
    Formula(
        id="layernorm",
        title="Layer normalization",
        source="Ba, Kiros and Hinton 2016, equations 3 and 4; eps 1e-12 as in BERT",
        tex=(
            r"\mu = \frac{1}{D} \sum_d x_d \qquad \mathrm{var} = \frac{1}{D} \sum_d (x_d - \mu)^2",
            r"\hat{x} = \frac{x - \mu}{\sigma} \qquad \sigma = \sqrt{\mathrm{var} + \epsilon}"
            r" \qquad y = \gamma\, \hat{x} + \beta",
            r"g = \gamma\, dy \qquad dx = \frac{1}{\sigma} \left( g - \mathrm{mean}(g)"
            r" - \hat{x}\, \mathrm{mean}(g \hat{x}) \right)",
            r"d\gamma = \sum_m dy_m \hat{x}_m \qquad d\beta = \sum_m dy_m",
        ),
        code=(ops.layernorm_forward, ops.layernorm_backward),
        loops=(spec.layernorm_forward, spec.layernorm_backward),
        cases=(
            Case("layernorm", "", _layernorm(), *_LAYERNORM),
            Case("layernorm", "large-eps", _layernorm(eps=0.3), *_LAYERNORM),
        ),
    ),
    Formula(
        id="erf",
        title="Error function",
        source="its definition; computed by a polynomial that interpolates erfc(x) exp(x^2)",
        tex=(
            r"\mathrm{erf}(x) = \frac{2}{\sqrt{\pi}} \int_0^x e^{-u^2} du",
            r"\mathrm{erf}(x) \approx \mathrm{sign}(x) \left( 1 - e^{-x^2} Q(t) \right)"
            r" \qquad t = \frac{1}{1 + |x| / 2}",
        ),
        code=(ops.erf,),
        loops=(spec.erf,),
        cases=(
            Case("erf", "", elementwise, (), spec.erf),
            Case("erf", "extreme", _extreme, (), spec.erf),
        ),
    ),
    Formula(
        id="gelu",
        title="GELU, the erf form",
        source="Hendrycks and Gimpel 2016, section 2",
        tex=(
            r"\mathrm{gelu}(x) = x\, \Phi(x) \qquad"
            r" \Phi(x) = \frac{1}{2} \left( 1 + \mathrm{erf}(x / \sqrt{2}) \right)",
            r"dx = dy \left( \Phi(x) + x\, \phi(x) \right) \qquad"
            r" \phi(x) = \frac{1}{\sqrt{2 \pi}} e^{-x^2 / 2}",
        ),
        code=(ops.gelu_forward, ops.gelu_backward),
        loops=(spec.gelu_forward, spec.gelu_backward),
        cases=(_each("gelu", spec.gelu_forward, spec.gelu_backward),),
    ),
    Formula(
        id="gelu-tanh",
        title="GELU, the tanh form",
        source="Hendrycks and Gimpel 2016, section 2; differs from the erf form by up to 4.74e-4",
        tex=(
            r"y = \frac{x}{2} \left( 1 + \tanh u \right) \qquad"
            r" u = \sqrt{\frac{2}{\pi}} \left( x + 0.044715\, x^3 \right)",
            r"dx = dy \left( \frac{1 + \tanh u}{2} + \frac{x}{2} (1 - \tanh^2 u)"
            r" \frac{du}{dx} \right)",
        ),
        code=(ops.gelu_tanh_forward, ops.gelu_tanh_backward),
        loops=(spec.gelu_tanh_forward, spec.gelu_tanh_backward),
        cases=(_each("gelu_tanh", spec.gelu_tanh_forward, spec.gelu_tanh_backward),),
    ),
    Formula(
        id="tanh",
        title="Hyperbolic tangent",
        source="its definition; BERT's pooler",
        tex=(r"y = \frac{e^x - e^{-x}}{e^x + e^{-x}} \qquad dx = dy\, (1 - y^2)",),
        code=(ops.tanh_forward, ops.tanh_backward),
        loops=(spec.tanh_forward, spec.tanh_backward),
        cases=(_each("tanh", spec.tanh_forward, spec.tanh_backward),),
    ),
    Formula(
        id="relu",
        title="Rectifier",
        source="Nair and Hinton 2010; the gradient at 0 is 0, as in PyTorch",
        tex=(r"y = \max(x, 0) \qquad dx = dy\, [x > 0]",),
        code=(ops.relu_forward, ops.relu_backward),
        loops=(spec.relu_forward, spec.relu_backward),
        cases=(
            _each("relu", spec.relu_forward, spec.relu_backward),
            _each("relu", spec.relu_forward, spec.relu_backward, "zeros", _with_zeros, **_KINK),
        ),
    ),
    Formula(
        id="softmax",
        title="Softmax",
        source="Bridle 1990; over the last axis, the maximum is taken off first",
        tex=(
            r"p_i = \frac{e^{s_i}}{\sum_j e^{s_j}}",
            r"ds_i = p_i \left( dp_i - \sum_j dp_j\, p_j \right)",
        ),
        code=(ops.softmax_forward, ops.softmax_backward),
        loops=(spec.softmax_forward, spec.softmax_backward),
        cases=(
            Case("softmax", "", _scores, (0,), *_SOFTMAX),
            Case("softmax", "square", _scores, (0,), *_SOFTMAX, sizes=SQUARE),
        ),
    ),
    Formula(
        id="log-softmax",
        title="Logarithm of softmax",
        source="the logarithm of softmax, exact where softmax would underflow",
        tex=(
            r"\log p_i = s_i - \log \sum_j e^{s_j}",
            r"ds_i = d\log p_i - p_i \sum_j d\log p_j",
        ),
        code=(ops.log_softmax_forward, ops.log_softmax_backward),
        loops=(spec.log_softmax_forward, spec.log_softmax_backward),
        cases=(
            Case("log_softmax", "", _scores, (0,), *_LOG_SOFTMAX),
            Case(
                "log_softmax", "extreme", _extreme_logits, (0,), *_LOG_SOFTMAX,
                gradcheck={"tolerance": 1e-5},  # differences of large numbers
            ),
        ),
    ),
    Formula(
        id="dropout",
        title="Dropout",
        source="Srivastava et al. 2014, section 4; scaled in training, not in use",
        tex=(
            r"y = \frac{x \odot \mathrm{keep}}{1 - \mathrm{rate}} \qquad"
            r" dx = \frac{dy \odot \mathrm{keep}}{1 - \mathrm{rate}}",
        ),
        code=(ops.dropout_forward, ops.dropout_backward),
        loops=(spec.dropout_forward,),
        cases=(
            Case(
                "dropout",
                "",
                _dropout,
                (0,),
                loops.dropout_forward,
                lambda dy, x, drop: (loops.dropout_forward(dy, drop),),
            ),
        ),
    ),
    Formula(
        id="dropout-mask",
        title="What dropout keeps: a hash of the element's index",
        source="multipliers of Wellons' lowbias32 (2018); keys by SplitMix64"
        " (Steele, Lea and Flood 2014)",
        tex=(
            r"h_1 = n \oplus k_0 \qquad h_2 = a\, (h_1 \oplus (h_1 \gg 16))"
            r" \;\; \mathrm{mod} \; 2^{32}",
            r"h_3 = b\, (h_2 \oplus (h_2 \gg 15) \oplus k_1) \;\; \mathrm{mod} \; 2^{32}",
            r"\mathrm{keep}_n = \left[ h_3 \oplus (h_3 \gg 16) \geq 2^{32}\, \mathrm{rate} \right]",
        ),
        code=(ops.keep_mask, ops.Drop),
        loops=(spec.keep_mask,),
        cases=(Case("keep_mask", "", _mask, (), loops.keep_mask, called="dropout-mask"),),
    ),
    Formula(
        id="embedding",
        title="Sum of word, position and segment embeddings",
        source="Devlin et al. 2018, figure 2; no gradient to [PAD], as in Hugging Face's BERT",
        tex=(
            r"e_{bl} = W_{\mathrm{ids}_{bl}} + P_l + S_{\mathrm{segments}_{bl}}",
            r"dW_i = \sum_{b,l} de_{bl} [\mathrm{ids}_{bl} = i] \qquad dP_l = \sum_b de_{bl}"
            r" \qquad dS_i = \sum_{b,l} de_{bl} [\mathrm{segments}_{bl} = i]",
        ),
        code=(ops.embedding_forward, ops.embedding_backward),
        loops=(spec.embedding_forward, spec.embedding_backward),
        cases=(
            Case("embedding", "", _embedding(None), *_EMBEDDING),
            Case("embedding", "pad", _embedding(0), *_EMBEDDING, **_PAD),
            Case("embedding", "other-pad", _embedding(3), *_EMBEDDING, **_PAD),
            Case("embedding", "no-segments", _embedding(None, with_segments=False), *_EMBEDDING),
            Case(
                "embedding", "int8", _embedding_int8, (), _loops_embedding_int8,
                tolerance=ROUNDING_32,
            ),
        ),
    ),
    Formula(
        id="sinusoidal-positions",
        title="Sinusoidal position encoding",
        source="Vaswani et al. 2017, section 3.5",
        tex=(
            r"\mathrm{PE}_{l,2i} = \sin \left( l / 10000^{2i/D} \right) \qquad"
            r" \mathrm{PE}_{l,2i+1} = \cos \left( l / 10000^{2i/D} \right)",
        ),
        code=(ops.sinusoidal_positions,),
        loops=(spec.sinusoidal_positions,),
        cases=(
            Case(
                "sinusoidal_positions",
                "",
                lambda rng, z, dtype: ((7 * z.S, 2 * z.C), {}),
                (),
                lambda length, hidden: np.array(spec.sinusoidal_positions(length, hidden)),
            ),
        ),
    ),
)
