"""Scaled dot-product attention, in all its modes."""

from minibert import ops
from minibert.check import spec
from minibert.check.cases import loops
from minibert.check.cases.case import PRIMES, SQUARE, Case, Formula
from minibert.check.cases.inputs import causal, padding
from minibert.ops import Drop


def _inputs(bias=None, cross=False, head_mask=False, want_scores=False, drop=False):
    def make(rng, z, dtype):
        S = z.S if cross else z.L
        q = rng.standard_normal((z.B, z.H, z.L, z.K))
        k, v = (rng.standard_normal((z.B, z.H, S, z.K)) for _ in "kv")
        made = {"padding": lambda: padding(rng, z, S, dtype), "causal": lambda: causal(S, dtype),
                "heads": lambda: rng.standard_normal((z.B, z.H, z.L, S))}
        kwargs = {"want_scores": want_scores} if want_scores else {}
        if head_mask:
            kwargs["head_mask"] = rng.uniform(0.3, 1.7, z.H)
        if drop:
            kwargs["drop"] = Drop(0.3, seed=5, step=3, site=2)
        return (q, k, v, made[bias]() if bias else None), kwargs

    return make


def _case(mode, sizes=PRIMES, **options):
    wrt = (0, 1, 2, "head_mask" if "head_mask" in options else None)
    return Case(
        "attention", mode, _inputs(**options), wrt,
        loops.attention_forward, loops.attention_backward, sizes=sizes,
    )


FORMULAS = (
    Formula(
        id="attention",
        title="Scaled dot-product attention",
        source="Vaswani et al. 2017, equation 1; a mask over heads as in Michel et al. 2019",
        tex=(
            r"s = \frac{Q K^T}{\sqrt{d_k}} \qquad p = \mathrm{softmax}(s + \mathrm{bias})",
            r"d = \mathrm{dropout}(p) \qquad u = d\, V \qquad \mathrm{context} = m\, u",
            r"dm = \sum d\mathrm{context} \odot u \qquad du = m\, d\mathrm{context} \qquad"
            r" dd = du\, V^T \qquad dV = d^T du \qquad"
            r" dp = \frac{dd \odot \mathrm{keep}}{1 - \mathrm{rate}}",
            r"ds = p \odot \left( dp - \sum_j dp_j\, p_j \right) + ds_{\mathrm{loss}} \qquad"
            r" dQ = \frac{ds\, K}{\sqrt{d_k}} \qquad dK = \frac{ds^T Q}{\sqrt{d_k}}",
        ),
        code=(ops.attention_forward, ops.attention_backward),
        loops=(spec.attention_forward, spec.attention_backward),
        cases=(
            _case(""),
            _case("padding", bias="padding"),
            _case("causal", bias="causal"),
            _case("bias-by-head", bias="heads"),
            _case("cross", bias="padding", cross=True),
            _case("scores", bias="padding", want_scores=True),
            _case("head-mask", bias="padding", head_mask=True, want_scores=True),
            _case("dropout", bias="padding", drop=True),
            _case("dropout-head-mask", drop=True, head_mask=True, want_scores=True),
            _case("all", bias="padding", drop=True, head_mask=True, want_scores=True),
            _case("square", sizes=SQUARE, bias="padding"),
        ),
    ),
)
