"""Scaled dot-product attention, and what goes wrong in it.

The numbers are those of `minibert.ops.attention`: (1) scores, (2) probabilities, (4) context, and
(4'), (2'), (1') on the way back.
"""

import math

import numpy as np

from minibert.check.cases.inputs import keep_tokens
from minibert.check.mistakes.notation import T, softmax, softmax_gradient, total
from minibert.check.mistakes.steps import Step, Steps, mistake


def _inputs(rng, z):
    q, k, v = (rng.standard_normal((z.B, z.H, z.L, z.K)) for _ in "qkv")
    keep = keep_tokens(rng, z.B, z.L)
    return {"q": q, "k": k, "v": v, "bias": np.where(keep, 0.0, -1e4)[:, None, None, :]}


def _over_everything(z):
    return softmax(z.reshape(*z.shape[:2], -1)).reshape(z.shape)


def _earlier(scores):
    """Which keys are not behind their query, (L,L)."""
    return np.tri(*scores.shape[-2:], dtype=bool)


FORMULAS = (
    Steps(
        op="attention",
        formula="attention",
        signature="q (B,H,L,K), k (B,H,L,K), v (B,H,L,K), bias (B,1,1,L) -> context (B,H,L,K)",
        gradient="dq, dk, dv",
        make=_inputs,
        neutral={"bias": lambda bias: np.zeros_like(bias)},
        steps=(
            Step("scale", "(1)", lambda q: 1 / math.sqrt(q.shape[-1])),
            Step("s", "(1)", lambda q, k, scale: q @ T(k) * scale),
            Step("masked", "(2)", lambda s, bias: s + bias),
            Step("p", "(2)", lambda masked: softmax(masked)),
            Step("context", "(4)", lambda p, v: p @ v),
            Step("dv", "(4')", lambda p, dcontext: T(p) @ dcontext),
            Step("dp", "(4')", lambda dcontext, v: dcontext @ T(v)),
            Step("ds", "(2')", lambda dp, p: softmax_gradient(dp, p)),
            Step("dq", "(1')", lambda ds, k, scale: ds @ k * scale),
            Step("dk", "(1')", lambda ds, q, scale: T(ds) @ q * scale),
        ),
        mistakes=(
            mistake(
                "not-scaled",
                "The scores are not divided by sqrt(K), the square root of the head size.",
                "A sum of K products has a spread of sqrt(K); unscaled, the softmax saturates.",
                scale=lambda: 1.0,
            ),
            mistake(
                "scaled-by-k",
                "The scores are divided by K instead of sqrt(K).",
                "Variances of K products add to K, so their spread is the square root of it.",
                scale=lambda q: 1 / q.shape[-1],
            ),
            mistake(
                "scaled-by-hidden",
                "The scores are divided by sqrt(D), the whole hidden size, instead of sqrt(K).",
                "Each head's product runs over its own K = D/H features only.",
                scale=lambda q: 1 / math.sqrt(q.shape[1] * q.shape[-1]),
            ),
            mistake(
                "scaled-by-length",
                "The scores are divided by sqrt(L), the sequence length, instead of sqrt(K).",
                "The product q k^T sums over features, the last axis, not over tokens.",
                scale=lambda q: 1 / math.sqrt(q.shape[-2]),
            ),
            mistake(
                "multiplied-by-root",
                "The scores are multiplied by sqrt(K) instead of divided by it.",
                "The scale is there to make the scores smaller.",
                scale=lambda q: math.sqrt(q.shape[-1]),
            ),
            mistake(
                "softmax-over-queries",
                "The softmax runs over the queries (axis -2) instead of the keys (axis -1).",
                "Each query's weights over the keys sum to 1: rows of p, not columns.",
                p=lambda masked: softmax(masked, -2),
                ds=lambda dp, p: softmax_gradient(dp, p, -2),
            ),
            mistake(
                "softmax-over-heads",
                "The softmax runs over the heads (axis 1) instead of the keys (axis -1).",
                "Heads do not compete with one another: give the softmax its axis.",
                p=lambda masked: softmax(masked, 1),
                ds=lambda dp, p: softmax_gradient(dp, p, 1),
            ),
            mistake(
                "softmax-over-everything",
                "The softmax runs over queries and keys together: one sum for the whole matrix.",
                "Sum over the last axis alone, with keepdims=True.",
                p=lambda masked: _over_everything(masked),
                ds=lambda dp, p: p * (dp - (dp * p).sum((-2, -1), keepdims=True)),
            ),
            mistake(
                "no-softmax",
                "There is no softmax: the scores themselves weigh the values.",
                "Rows must be positive and sum to 1; without softmax this is article formula S1.",
                p=lambda s: s,
                ds=lambda dp: dp,
            ),
            mistake(
                "mask-forgotten",
                "Padded keys are attended to: the bias is not added, or along the queries.",
                "Add (B,1,1,L) to the scores: one number for a whole row changes no softmax.",
                masked=lambda s: s,
            ),
            mistake(
                "mask-after-softmax",
                "Padding is set to zero after the softmax, so that the rows do not sum to 1.",
                "The bias belongs before the softmax, which then shares out the whole weight.",
                p=lambda s, bias: softmax(s) * (bias == 0),
                ds=lambda dp, s, bias: softmax_gradient(dp * (bias == 0), softmax(s)),
            ),
            mistake(
                "bias-after-softmax",
                "The bias is added to the probabilities, after the softmax.",
                "The bias belongs before the softmax: exp turns very negative into zero.",
                p=lambda s, bias: softmax(s) + bias,
                ds=lambda dp, s: softmax_gradient(dp, softmax(s)),
            ),
            mistake(
                "mask-multiplied",
                "Padded scores are set to 0 instead of made very negative.",
                "exp(0) is 1, a weight like any other; add the bias instead of multiplying.",
                masked=lambda s, bias: s * (bias == 0),
                dq=lambda ds, k, scale, bias: (ds * (bias == 0)) @ k * scale,
                dk=lambda ds, q, scale, bias: T(ds * (bias == 0)) @ q * scale,
            ),
            mistake(
                "mask-inverted",
                "The mask is the wrong way round: tokens are hidden, and padding is seen.",
                "The bias is 0 where a key may be seen, and very negative elsewhere.",
                masked=lambda s, bias: s + np.where(bias == 0, bias.min(), 0.0),
            ),
            mistake(
                "mask-taken-for-keep",
                "The bias is taken for a mask of ones and zeros: what is to be seen is hidden.",
                "It is a number to add: 0 where a key may be seen, very negative where not.",
                # Unlike "mask-inverted" it leaves no scores where nothing is padded: all are -1e9.
                masked=lambda s, bias: np.where(bias == 0, -1e9, s),
                dq=lambda ds, k, scale, bias: (ds * (bias != 0)) @ k * scale,
                dk=lambda ds, q, scale, bias: T(ds * (bias != 0)) @ q * scale,
            ),
            mistake(
                "causal",
                "Later tokens are hidden as well, as in GPT.",
                "BERT's tokens see both sides: only padding is hidden.",
                p=lambda masked: softmax(np.where(_earlier(masked), masked, -1e9)),
            ),
            mistake(
                "keys-reshaped",
                "The keys are reshaped to (B,H,K,L) instead of transposed.",
                "reshape keeps the order in memory and mixes tokens; use swapaxes(-1, -2).",
                s=lambda q, k, scale: q @ k.reshape(*k.shape[:2], *k.shape[:1:-1]) * scale,
                dq=lambda ds, k, scale: ds @ T(k.reshape(*k.shape[:2], *k.shape[:1:-1])) * scale,
                dk=lambda ds, q, scale: (T(q) @ ds * scale).reshape(q.shape),
            ),
            mistake(
                "queries-and-keys-exchanged",
                "The scores are k q^T instead of q k^T.",
                "Row i of the scores belongs to query i, column j to key j.",
                s=lambda q, k, scale: k @ T(q) * scale,
                dq=lambda ds, k, scale: T(ds) @ k * scale,
                dk=lambda ds, q, scale: ds @ q * scale,
            ),
            mistake(
                "values-are-keys",
                "Keys stand where values belong: in the context p v, or in its gradient dp.",
                "Keys are for comparing; what is mixed are the values.",
                context=lambda p, k: p @ k,
                dp=lambda dcontext, k: dcontext @ T(k),
            ),
            mistake(
                "probabilities-transposed",
                "The context is p^T v instead of p v.",
                "Row i of p holds the weights of query i.",
                context=lambda p, v: T(p) @ v,
                dv=lambda p, dcontext: p @ dcontext,
                dp=lambda dcontext, v: v @ T(dcontext),
            ),
            mistake(
                "scaled-after-softmax",
                "The division by sqrt(K) comes after the softmax instead of before it.",
                "The scores are scaled; the probabilities already sum to 1.",
                s=lambda q, k: q @ T(k),
                p=lambda masked, scale: softmax(masked) * scale,
                ds=lambda dp, masked, scale: softmax_gradient(dp * scale, softmax(masked)),
                dq=lambda ds, k: ds @ k,
                dk=lambda ds, q: T(ds) @ q,
            ),
            mistake(
                "softmax-over-whole-array",
                "One sum over the whole array, the batch included, divides the exponentials.",
                "Sum over the last axis alone, with keepdims=True.",
                p=lambda masked: softmax(masked.reshape(-1)).reshape(masked.shape),
                ds=lambda dp, p: p * (dp - (dp * p).sum()),
            ),
            mistake(
                "keys-and-values-exchanged",
                "Keys and values have changed places: the scores are q v^T, the context is p k.",
                "Keys are for comparing; what is mixed are the values. The order is q, k, v.",
                s=lambda q, v, scale: q @ T(v) * scale,
                context=lambda p, k: p @ k,
                dp=lambda dcontext, k: dcontext @ T(k),
                dq=lambda ds, v, scale: ds @ v * scale,
                dk=lambda p, dcontext: T(p) @ dcontext,
                dv=lambda ds, q, scale: T(ds) @ q * scale,
            ),
            mistake(
                "keys-are-queries",
                "The scores are q q^T: the queries are compared with themselves.",
                "Each token asks with its query, and answers with its key: q k^T.",
                s=lambda q, scale: q @ T(q) * scale,
                dq=lambda ds, q, scale: (ds + T(ds)) @ q * scale,
                dk=lambda k: np.zeros_like(k),
            ),
            mistake(
                "gradient-softmax-diagonal",
                "Of the softmax's derivative only the diagonal p (1 - p) is used.",
                "Every score moves every probability of its row: subtract sum(dp p) in (2').",
                ds=lambda dp, p: dp * p * (1 - p),
            ),
            mistake(
                "gradient-softmax-sum-forgotten",
                "The sum is missing in the softmax's gradient: ds = p dp.",
                "The row's sum of dp p is subtracted, since the probabilities sum to 1.",
                ds=lambda dp, p: p * dp,
            ),
            mistake(
                "gradient-softmax-sum-not-weighted",
                "The softmax's gradient subtracts the sum of dp instead of the sum of dp p.",
                "In (2') the row's sum is weighted with the probabilities.",
                ds=lambda dp, p: p * (dp - total(dp)),
            ),
            mistake(
                "gradient-softmax-over-queries",
                "The sum in the softmax's gradient runs over the queries (axis -2).",
                "The backward sums over the axis that the forward normalized, the keys.",
                ds=lambda dp, p: p * (dp - total(dp * p, -2)),
            ),
            mistake(
                "gradient-not-scaled",
                "dq and dk are not divided by sqrt(K).",
                "A factor of the forward is a factor of the backward.",
                dq=lambda ds, k: ds @ k,
                dk=lambda ds, q: T(ds) @ q,
            ),
            mistake(
                "gradient-dq-not-scaled",
                "dq is not divided by sqrt(K).",
                "The scale stands in both gradients of (1').",
                dq=lambda ds, k: ds @ k,
            ),
            mistake(
                "gradient-dk-not-scaled",
                "dk is not divided by sqrt(K).",
                "The scale stands in both gradients of (1').",
                dk=lambda ds, q: T(ds) @ q,
            ),
            mistake(
                "gradient-dk-not-transposed",
                "dk is ds q instead of ds^T q.",
                "Key j meets all queries: column j of ds, which is row j of its transpose.",
                dk=lambda ds, q, scale: ds @ q * scale,
            ),
            mistake(
                "gradient-dv-not-transposed",
                "dv is p dcontext instead of p^T dcontext.",
                "Value j is used by all queries, with the weights in column j of p.",
                dv=lambda p, dcontext: p @ dcontext,
            ),
            mistake(
                "gradient-dv-of-scores",
                "dv is computed with the scores instead of the probabilities.",
                "The context is p v, so that dv = p^T dcontext.",
                dv=lambda s, dcontext: T(s) @ dcontext,
            ),
            mistake(
                "gradient-softmax-left-out",
                "The softmax's backward is left out: dp is taken as the gradient of the scores.",
                "(2') comes between dp and the scores: ds = p (dp - sum(dp p)).",
                ds=lambda dp: dp,
                dv=lambda p, dcontext: T(p) @ dcontext,  # of the scores it would be "no-softmax"
            ),
            mistake(
                "gradient-softmax-p-forgotten",
                "The factor p is missing in the softmax's gradient: ds = dp - sum(dp p).",
                "In (2') the whole bracket is multiplied by p.",
                ds=lambda dp, p: dp - total(dp * p),
            ),
            mistake(
                "gradient-softmax-over-everything",
                "The sum in the softmax's gradient runs over queries and keys.",
                "The backward sums over the axis that the forward normalized, the keys.",
                ds=lambda dp, p: p * (dp - (dp * p).sum((-2, -1), keepdims=True)),
            ),
            mistake(
                "gradient-scaled-twice",
                "dq and dk are divided by sqrt(K) twice: with the scores' gradient, and once more.",
                "The scale stands once in the forward, and once on each way back.",
                dq=lambda ds, k, scale: ds @ k * scale**2,
                dk=lambda ds, q, scale: T(ds) @ q * scale**2,
            ),
            mistake(
                "gradient-dq-of-queries",
                "dq is ds q instead of ds k.",
                "The derivative of q k^T by q is the other factor, k.",
                dq=lambda ds, q, scale: ds @ q * scale,
            ),
            mistake(
                "gradient-dk-of-keys",
                "dk is ds^T k instead of ds^T q.",
                "The derivative of q k^T by k is the other factor, q.",
                dk=lambda ds, k, scale: T(ds) @ k * scale,
            ),
            mistake(
                "gradient-dq-transposed",
                "dq is ds^T k instead of ds k.",
                "Query i made row i of the scores: row i of ds belongs to it.",
                dq=lambda ds, k, scale: T(ds) @ k * scale,
            ),
        ),
    ),
)
