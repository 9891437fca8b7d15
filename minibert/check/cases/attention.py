"""Scaled dot-product attention, in all its modes, of padded sequences and of packed ones."""

from minibert import ops
from minibert.check import spec
from minibert.check.cases import loops
from minibert.check.cases.case import PRIMES, SQUARE, Case, Formula
from minibert.check.cases.inputs import causal, packed_offsets, padding
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


def _packed_inputs(head_mask=False, drop=False):
    def make(rng, z, dtype):
        offsets = packed_offsets(z)
        q, k, v = (rng.standard_normal((z.H, offsets[-1], z.K)) for _ in "qkv")
        kwargs = {"head_mask": rng.uniform(0.3, 1.7, z.H)} if head_mask else {}
        if drop:
            kwargs["drop"] = Drop(0.3, seed=7, step=4, site=5)
        return (q, k, v, offsets), kwargs

    return make


def _packed_case(mode, sizes=PRIMES, **options):
    wrt = (0, 1, 2, "head_mask" if "head_mask" in options else None)
    return Case(
        "packed_attention", mode, _packed_inputs(**options), wrt,
        loops.packed_attention_forward, loops.packed_attention_backward, sizes=sizes,
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
    Formula(
        id="packed-attention",
        title="Attention of packed sequences",
        source="Vaswani et al. 2017, equation 1, of each sequence; its padding is left out",
        tex=(
            r"R_b = \{ o_b, \ldots, o_{b+1} - 1 \} \qquad"
            r" \mathrm{context}_{R_b} = \mathrm{attention}(Q_{R_b}, K_{R_b}, V_{R_b})",
            r"n_b = H \sum_{a < b} l_a^2 \qquad l_b = o_{b+1} - o_b \qquad"
            r" \mathrm{the\ number\ in\ dropout\ of\ the\ first\ score\ of\ sequence}\ b",
            r"dQ_{R_b},\, dK_{R_b},\, dV_{R_b} ="
            r" \mathrm{attention}^\prime(d\mathrm{context}_{R_b}) \qquad dm = \sum_b dm_b",
        ),
        code=(ops.packed_attention_forward, ops.packed_attention_backward),
        loops=(spec.packed_attention_forward, spec.packed_attention_backward),
        cases=(
            _packed_case(""),
            _packed_case("dropout", drop=True),
            _packed_case("head-mask", head_mask=True),
            _packed_case("all", drop=True, head_mask=True),
            _packed_case("square", sizes=SQUARE),
        ),
    ),
)
