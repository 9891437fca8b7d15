"""The seed articles' formulas as printed, and what is used in their place and stands alone."""

from minibert import ops
from minibert.check import spec
from minibert.check.cases.case import Case, Formula, plain_case
from minibert.check.cases.inputs import hidden, weight
from minibert.check.printed import PRINTED
from minibert.prune import soft_threshold

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


def _loops_info_nce(q, k, *, tau=1.0):
    return spec.info_nce_forward(q, k, tau)


def _loops_info_nce_backward(dloss, q, k, *, tau=1.0):
    return tuple(dloss * g for g in spec.info_nce_backward(q, k, tau))


# ------------------------------------------------------------------------------------------- table

# Of each formula as printed: loop form, inputs, and the kernel levels that serve it.
_PRINTED = {
    "S1": (spec.s1_attention, _tokens(3), ()),
    "S2": (spec.s2_model_distillation, _tokens(2), ()),
    "S3": (spec.s3_prune, _matrix(amount=0.3), ()),
    "S4": (spec.s2_model_distillation, _tokens(2), ()),
    "S5": (spec.s5_quantize, _matrix(scale=0.04), ()),  # some entries above 7, others below
    "S6": (spec.s6_attention_weights, _tokens(2), ("numba",)),
    "S7": (spec.s7_self_attention, _projected, ("numba",)),
}


def _as_printed(row):
    """The formula of a row of `PRINTED`; it has no gradient, since nothing trains on it."""
    loops, make, levels = _PRINTED[row.id]
    return Formula(
        id=row.id,
        title=f"{row.title}: " + (f"not what is used, see {row.see}" if row.see else "right"),
        source=row.source,
        tex=(row.tex,),
        code=(row.function,),
        loops=(loops,),
        cases=(plain_case(row.id, "", make, loops, row.function, levels=levels),),
    )


_INFO_NCE = (0, 1), _loops_info_nce, _loops_info_nce_backward

FORMULAS = (
    *map(_as_printed, PRINTED),
    Formula(
        id="soft-threshold",
        title="Soft threshold",
        source="Donoho 1995; in place of S3",
        tex=(r"w' = \mathrm{sign}(w)\, \max( |w| - \lambda,\, 0 )",),
        code=(soft_threshold,),
        loops=(spec.soft_threshold,),
        cases=(
            plain_case(
                "soft-threshold", "", _matrix(amount=0.15), spec.soft_threshold, soft_threshold
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
            Case("info_nce", "", _matching(), *_INFO_NCE),
            Case("info_nce", "tau", _matching(tau=3.0), *_INFO_NCE),
        ),
    ),
)
