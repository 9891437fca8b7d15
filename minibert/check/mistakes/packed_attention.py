"""Attention of packed sequences, and what goes wrong where they meet.

The numbers are those of `minibert.ops.packed_attention`, (1) and (2). What goes wrong inside
attention itself, in one sequence as in many, stands in `attention`.

The formula is written for all tokens at once: p (H,P,P) is zero where two tokens are of different
sequences, and `number` says which of the numbers in the one row `keep` belongs to a score.
"""

import math

import numpy as np

from minibert.check.cases.inputs import packed_offsets
from minibert.check.mistakes.notation import T, softmax, softmax_gradient
from minibert.check.mistakes.steps import Step, Steps, mistake

RATE = 0.3


def _inputs(rng, z):
    offsets = packed_offsets(z)
    q, k, v = (rng.standard_normal((z.H, offsets[-1], z.K)) for _ in "qkv")
    scores = z.H * (np.diff(offsets) ** 2).sum()
    return {
        "q": q, "k": k, "v": v, "offsets": offsets,
        "keep": rng.random(scores) >= RATE, "rate": RATE,
    }  # fmt: skip


def _own(x, lengths):
    """A number of each sequence at each of its tokens, (P)."""
    return np.repeat(x, lengths)


def _sequence(lengths):
    """Which sequence a token is of, (P)."""
    return _own(np.arange(len(lengths)), lengths)


def _first(counts):
    """How many there are before each."""
    return np.cumsum(counts) - counts


def _place(lengths):
    """A token's place in its sequence, (P)."""
    return np.arange(lengths.sum()) - _own(_first(lengths), lengths)


def _numbers(first, each_head, lengths):
    """(H,P,P): of sequences' first numbers, what is between heads, and row by row within a head."""
    place = _place(lengths)
    within = place[:, None] * _own(lengths, lengths)[:, None] + place
    return _own(first, lengths)[:, None] + each_head + within


def _heads(q):
    """0 to H - 1, (H,1,1)."""
    return np.arange(len(q))[:, None, None]


def _squares(lengths):
    """The size of each sequence's matrix of scores, at its tokens, (P,1)."""
    return _own(lengths**2, lengths)[:, None]


def _equal(sequence):
    """Which tokens are of one sequence, (P,P)."""
    return sequence[:, None] == sequence


def _up_to_its_own(lengths):
    """Which tokens are of a query's sequence, or of one before, (P,P)."""
    sequence = _sequence(lengths)
    return sequence[:, None] >= sequence


def _one_more(lengths):
    """Which tokens are of a query's sequence, or the first one behind it, (P,P)."""
    start = _own(_first(lengths), lengths)[:, None]
    token = np.arange(lengths.sum())
    return (token >= start) & (token <= start + _own(lengths, lengths)[:, None])


def _root(lengths):
    """The root of the length of each query's sequence, (P,1)."""
    return np.sqrt(_own(lengths, lengths))[:, None]


def _only(b, lengths):
    """1 at the tokens of sequence b, else 0, (P,1)."""
    return (_sequence(lengths) == b)[:, None]


FORMULAS = (
    Steps(
        op="packed_attention",
        formula="packed-attention",
        signature="q (H,P,K), k (H,P,K), v (H,P,K), offsets, keep (scores), rate"
        " -> context (H,P,K)",
        gradient="dq, dk, dv",
        make=_inputs,
        neutral={"keep": lambda keep: np.ones_like(keep), "rate": lambda rate: 0.0},
        steps=(
            Step("lengths", "(1)", lambda offsets: np.diff(offsets)),
            Step("same", "(1)", lambda lengths: _equal(_sequence(lengths))),
            Step("scale", "(1)", lambda q: 1 / math.sqrt(q.shape[-1])),
            Step("s", "(1)", lambda q, k, scale: q @ T(k) * scale),
            Step("p", "(1)", lambda s, same: softmax(np.where(same, s, -np.inf))),
            Step("first", "(2)", lambda q, lengths: _first(len(q) * lengths**2)),
            Step(
                "number",
                "(2)",
                lambda q, first, lengths: _numbers(first, _heads(q) * _squares(lengths), lengths),
            ),
            Step("share", "(2)", lambda rate: 1 / (1 - rate)),
            # Of two tokens of different sequences there is no number: any will do, since p is 0.
            Step("kept", "(2)", lambda keep, number, share: keep[number % keep.size] * share),
            Step("d", "(2)", lambda p, kept: p * kept),
            Step("context", "(1)", lambda d, v: d @ v),
            Step("dv", "(1')", lambda d, dcontext: T(d) @ dcontext),
            Step("dd", "(1')", lambda dcontext, v: dcontext @ T(v)),
            Step("dp", "(1')", lambda dd, kept: dd * kept),
            Step("ds", "(1')", lambda dp, p: softmax_gradient(dp, p)),
            Step("dq", "(1')", lambda ds, k, scale: ds @ k * scale),
            Step("dk", "(1')", lambda ds, q, scale: T(ds) @ q * scale),
        ),
        mistakes=(
            mistake(
                "all-see-all",
                "Every token sees the tokens of all sequences, as if they were one.",
                "Rows offsets[b] to offsets[b+1] are sequence b, and see one another alone.",
                same=lambda q: np.ones((q.shape[1],) * 2, bool),
            ),
            mistake(
                "earlier-sequences-seen",
                "A token sees its own sequence, and all that stand before it, too.",
                "Keys begin at offsets[b], not at 0.",
                p=lambda s, lengths: softmax(np.where(_up_to_its_own(lengths), s, -np.inf)),
            ),
            mistake(
                "one-token-more",
                "Each sequence's keys go one token too far, into the next sequence.",
                "offsets[b+1] is the next sequence's first row: stop before it.",
                p=lambda s, lengths: softmax(np.where(_one_more(lengths), s, -np.inf)),
            ),
            mistake(
                "boundaries-shifted",
                "The boundaries are off by one: a sequence begins with the last token before it.",
                "Row offsets[b] is the first of sequence b.",
                same=lambda offsets: _equal(
                    _sequence(np.diff(np.r_[0, offsets[1:-1] - 1, offsets[-1]]))
                ),
            ),
            mistake(
                "equal-lengths",
                "The rows are cut into sequences of equal length, whatever the offsets.",
                "Packed sequences have lengths of their own: rows offsets[b] to offsets[b+1].",
                same=lambda q, lengths: _equal(np.arange(q.shape[1]) * len(lengths) // q.shape[1]),
            ),
            mistake(
                "not-scaled",
                "The scores are not divided by sqrt(K), the square root of the head size.",
                "A sum of K products has a spread of sqrt(K); unscaled, the softmax saturates.",
                scale=lambda: 1.0,
            ),
            mistake(
                "scaled-by-length",
                "The scores are divided by the root of their sequence's length, not of K.",
                "The product q k^T sums over features, the last axis, not over tokens.",
                s=lambda q, k, lengths: q @ T(k) / _root(lengths),
                dq=lambda ds, k, lengths: ds / _root(lengths) @ k,
                dk=lambda ds, q, lengths: T(ds / _root(lengths)) @ q,
            ),
            mistake(
                "scaled-by-rows",
                "The scores are divided by sqrt(P), the number of all tokens, instead of sqrt(K).",
                "The product q k^T sums over features, the last axis, not over tokens.",
                scale=lambda q: 1 / math.sqrt(q.shape[1]),
            ),
            mistake(
                "zeros-instead-of-hidden",
                "The scores of other sequences are set to 0 before the softmax.",
                "exp(0) is 1, a weight like any other: leave them out, or make them very negative.",
                p=lambda s, same: softmax(np.where(same, s, 0.0)),
                ds=lambda dp, p, same: softmax_gradient(dp, p) * same,
            ),
            mistake(
                "hidden-after-softmax",
                "The softmax runs over all tokens, and other sequences are set to 0 after it.",
                "Each sequence has a softmax of its own, whose weights sum to 1.",
                p=lambda s, same: softmax(s) * same,
                ds=lambda dp, s, same: softmax_gradient(dp * same, softmax(s)),
            ),
            mistake(
                "dropout-restarts",
                "Dropout's numbers start from 0 in every sequence, so that their masks are one.",
                "Sequence b goes on where b-1 ended: its first number is H times the sum of l^2.",
                first=lambda lengths: np.zeros_like(lengths),
            ),
            mistake(
                "dropout-heads-share",
                "A sequence's first number leaves out H: its heads share numbers with others.",
                "A sequence has H l^2 scores, and takes as many numbers.",
                first=lambda lengths: _first(lengths**2),
            ),
            mistake(
                "dropout-counts-tokens",
                "A sequence's first number is its offset: tokens are counted instead of scores.",
                "It is scores that are dropped: H l^2 of a sequence.",
                first=lambda lengths: _first(lengths),
            ),
            mistake(
                "dropout-head-by-head",
                "Scores are numbered head by head over all sequences, not sequence by sequence.",
                "The first number of sequence b is H times the sum of l^2 before it.",
                number=lambda q, lengths: _numbers(
                    _first(lengths**2), _heads(q) * (lengths**2).sum(), lengths
                ),
            ),
            mistake(
                "dropout-not-scaled",
                "What dropout keeps is not divided by 1 - rate.",
                "Fewer weights have to be larger, or the sums shrink in training.",
                share=lambda: 1.0,
            ),
            mistake(
                "dropout-left-out",
                "There is no dropout, in the forward or on the way back.",
                "The probabilities are dropped: times keep, divided by 1 - rate.",
                kept=lambda: 1.0,
            ),
            mistake(
                "gradient-dropout-forgotten",
                "dp is dcontext v^T: the mask of the dropout is missing.",
                "What was dropped had no part in the context, and gets no gradient.",
                dp=lambda dd: dd,
            ),
            mistake(
                "gradient-dv-without-dropout",
                "dv is computed with the probabilities before the dropout.",
                "The context is d v, so that dv = d^T dcontext.",
                dv=lambda p, dcontext: T(p) @ dcontext,
            ),
            mistake(
                "gradient-first-sequence",
                "Only the rows of the first sequence get a gradient.",
                "Every sequence's rows have their own: fill rows offsets[b] to offsets[b+1].",
                dq=lambda ds, k, scale, lengths: _only(0, lengths) * (ds @ k * scale),
                dk=lambda ds, q, scale, lengths: _only(0, lengths) * (T(ds) @ q * scale),
                dv=lambda d, dcontext, lengths: _only(0, lengths) * (T(d) @ dcontext),
            ),
            mistake(
                "gradient-not-scaled",
                "dq and dk are not divided by sqrt(K).",
                "A factor of the forward is a factor of the backward.",
                dq=lambda ds, k: ds @ k,
                dk=lambda ds, q: T(ds) @ q,
            ),
        ),
    ),
)
