"""The seed articles' formulas as printed, and what is used in their place and stands alone."""

from minibert import ops
from minibert.check import printed, spec
from minibert.check.cases.case import Case, Formula, lone
from minibert.check.cases.inputs import hidden, weight
from minibert.check.spec import printed as loops
from minibert.prune import soft_threshold

FIRST, SECOND = "the first seed article, as printed", "the second seed article, as printed"
S2_TEX = r"L = -\sum_{i=1}^n \log \frac{\exp(Q_i K^T)}{\sum_j \exp(Q_i K_j^T)}"

# ------------------------------------------------------------------------------------------ inputs


def _tokens(count):
    """Queries, keys and values of one sentence."""
    return lambda rng, z, dtype: (tuple(rng.standard_normal((z.L, z.K)) for _ in range(count)), {})


def _matrix(**options):
    return lambda rng, z, dtype: ((weight(rng, z.F, z.D),), options)


def _projected(rng, z, dtype):
    return (hidden(rng, z.L, z.D), weight(rng, z.K, z.D)), {}


def _matching(**options):
    """Rows that match, more or less."""

    def make(rng, z, dtype):
        q = rng.standard_normal((z.F, z.K))
        return (q, 0.5 * q + rng.standard_normal(q.shape)), options

    return make


# -------------------------------------------------------------------------------------- loop forms


def _info_nce(q, k, *, tau=1.0):
    return spec.info_nce_forward(q, k, tau)


def _info_nce_backward(dloss, q, k, *, tau=1.0):
    return tuple(dloss * g for g in spec.info_nce_backward(q, k, tau))


# ------------------------------------------------------------------------------------------- table


def _as_printed(id, title, source, tex, function, loop, make, levels=()):
    """The row of a printed formula; it has no gradient, since nothing trains on it."""
    case = Case(id, "", make, (), loop, pair=lone(lambda: function), levels=levels)
    return Formula(id, title, source, (tex,), (function,), (loop,), (case,))


FORMULAS = (
    _as_printed(
        "S1",
        'Attention without softmax: not what is used, see "attention"',
        FIRST,
        r"\mathrm{Attention}(Q, K, V) = \frac{Q K^T}{\sqrt{d_k}} \times V",
        printed.s1_attention,
        loops.s1_attention,
        _tokens(3),
    ),
    _as_printed(
        "S2",
        '"Model distillation": not what is used, see "soft-cross-entropy" and "info-nce"',
        FIRST,
        S2_TEX,
        printed.s2_model_distillation,
        loops.s2_distillation,
        _tokens(2),
    ),
    _as_printed(
        "S3",
        'Pruning that prunes nothing: not what is used, see "soft-threshold"',
        FIRST,
        r"\mathrm{Prune}(W) = W - \lambda \cdot W \odot \mathrm{Sign}(W)",
        printed.s3_prune,
        loops.s3_prune,
        _matrix(amount=0.3),
    ),
    _as_printed(
        "S4",
        '"Knowledge distillation", S2 again: not what is used, see "tinybert-loss"',
        FIRST,
        S2_TEX,
        printed.s4_knowledge_distillation,
        loops.s2_distillation,
        _tokens(2),
    ),
    _as_printed(
        "S5",
        'Quantization without rounding: not what is used, see "quantize-symmetric"',
        FIRST,
        r"\mathrm{Quantize}(W) = \mathrm{Sign}(W) \times"
        r" \min\left( \frac{|W|}{\mathrm{scale}}, \mathrm{quant\_bits} - 1 \right)",
        printed.s5_quantize,
        loops.s5_quantize,
        _matrix(scale=0.04),  # some entries above 7, others below
    ),
    _as_printed(
        "S6",
        "Attention weights: right",
        SECOND,
        r"A = \mathrm{softmax} \left( \frac{Q K^T}{\sqrt{d_k}} \right)",
        printed.s6_attention_weights,
        loops.s6_attention_weights,
        _tokens(2),
        levels=("numba",),
    ),
    _as_printed(
        "S7",
        'Self-attention without keys: not what is used, see "qkv" and S6',
        SECOND,
        r"A = \mathrm{softmax} \left( \frac{X W_q^T}{\sqrt{d_k}} \right)",
        printed.s7_self_attention,
        loops.s7_self_attention,
        _projected,
        levels=("numba",),
    ),
    Formula(
        id="soft-threshold",
        title="Soft threshold",
        source="Donoho 1995, equation 1; in place of S3",
        tex=(r"w' = \mathrm{sign}(w)\, \max( |w| - \lambda,\, 0 )",),
        code=(soft_threshold,),
        loops=(loops.soft_threshold,),
        cases=(
            Case(
                "soft-threshold",
                "",
                _matrix(amount=0.15),
                (),
                loops.soft_threshold,
                pair=lone(lambda: soft_threshold),
            ),
        ),
    ),
    Formula(
        id="info-nce",
        title="InfoNCE, the contrastive loss",
        source="van den Oord, Li and Vinyals 2018, equation 4, with a temperature; in place of S2",
        tex=(
            r"s_{ij} = q_i \cdot k_j / \tau \qquad"
            r" L = -\frac{1}{n} \sum_i \log \frac{\exp s_{ii}}{\sum_j \exp s_{ij}}",
            r"ds = \frac{dL}{n} \left( \mathrm{softmax}(s) - I \right) \qquad"
            r" dq = ds\, k / \tau \qquad dk = ds^T q / \tau",
        ),
        code=(ops.info_nce_forward, ops.info_nce_backward),
        loops=(spec.info_nce_forward, spec.info_nce_backward),
        cases=(
            Case("info_nce", "", _matching(), (0, 1), _info_nce, _info_nce_backward),
            Case("info_nce", "tau", _matching(tau=3.0), (0, 1), _info_nce, _info_nce_backward),
        ),
    ),
)
