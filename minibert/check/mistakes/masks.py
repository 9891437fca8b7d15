"""Softmax over the tokens that may be seen, and how masks go wrong.

The number is that of `minibert.ops.attention`: (2) hides what is not seen, and takes the softmax.
Every row of the padding mask has a token, and a place that is padding.
"""

import numpy as np

from minibert.check.mistakes.notation import softmax
from minibert.check.mistakes.steps import Step, Steps, mistake

HIDDEN = -1e4  # exp of it is 0; where a row is all hidden, its softmax is uniform


def _padded_inputs(rng, z):
    lengths = 1 + np.arange(z.B) * (z.L - 2) // (z.B - 1)
    keep = np.arange(z.L) < rng.permutation(lengths)[:, None]
    return {"scores": 2 * rng.standard_normal((z.B, z.H, z.L, z.L)), "keep": keep}


def _causal_inputs(rng, z):
    return {"scores": 2 * rng.standard_normal((z.B, z.H, z.L, z.L))}


def _triangle(scores, diagonal=0):
    """True on and below a diagonal."""
    return np.tri(scores.shape[-1], k=diagonal, dtype=bool)


FORMULAS = (
    Steps(
        op="padded_softmax",
        formula="mask-bias",
        signature="scores (B,H,L,L), keep (B,L) -> p (B,H,L,L)",
        make=_padded_inputs,
        steps=(
            Step("seen", "(2)", lambda keep: keep[:, None, None, :]),
            Step("masked", "(2)", lambda scores, seen: np.where(seen, scores, HIDDEN)),
            Step("p", "(2)", lambda masked: softmax(masked)),
        ),
        mistakes=(
            mistake(
                "mask-forgotten",
                "Padded keys are seen: there is no mask, or one number is added to a whole row.",
                "The mask hides keys, the last axis: keep[:, None, None, :].",
                masked=lambda scores: scores,
            ),
            mistake(
                "mask-multiplied",
                "Padded scores become 0 (or nearly, such as 1e-9) instead of very negative.",
                "exp(0) is 1, a weight like any other; hide with a number like -1e9.",
                masked=lambda scores, seen: scores * seen,
            ),
            mistake(
                "mask-after-softmax",
                "Padding is set to zero after the softmax, so that the rows do not sum to 1.",
                "Hide the scores before the softmax, which then shares out the whole weight.",
                p=lambda scores, seen: softmax(scores) * seen,
            ),
            mistake(
                "mask-inverted",
                "The mask is the wrong way round: tokens are hidden, and padding is seen.",
                "keep is True where there is a token; PyTorch's key_padding_mask is the opposite.",
                seen=lambda keep: ~keep[:, None, None, :],
            ),
            mistake(
                "mask-over-queries",
                "Padded queries (axis -2) are hidden instead of padded keys (axis -1).",
                "What padded queries see is never used; tokens must not see padded keys.",
                seen=lambda keep: keep[:, None, :, None],
            ),
            mistake(
                "padded-queries-hidden",
                "Padded queries see nothing, and their rows become uniform.",
                "Only keys are hidden: padded queries see the tokens like all others.",
                seen=lambda keep: keep[:, None, None, :] & keep[:, None, :, None],
            ),
            mistake(
                "mask-added",
                "The mask itself is added to the scores, 1 at tokens and 0 at padding.",
                "Make a bias of it: 0 at tokens, very negative at padding.",
                masked=lambda scores, seen: scores + seen,
            ),
            mistake(
                "small-bias",
                "The bias at padding is only -10.",
                "exp(-10) is not 0, and scores can be that large; use -1e4 or less.",
                masked=lambda scores, seen: scores + np.where(seen, 0, -10),
            ),
            mistake(
                "softmax-over-queries",
                "The softmax runs over the queries (axis -2) instead of the keys (axis -1).",
                "Each query's weights over the keys sum to 1: rows of p, not columns.",
                p=lambda masked: softmax(masked, -2),
            ),
            mistake(
                "mask-of-first-example",
                "The first example's mask hides keys in all examples.",
                "Each row of keep belongs to its own example: keep[:, None, None, :].",
                seen=lambda keep: keep[:1, None, None, :],
            ),
            mistake(
                "multiplied-by-bias",
                "Padded scores are multiplied by a very negative number instead of replaced by it.",
                "A negative score becomes very large: add the bias, or use np.where.",
                masked=lambda scores, seen: scores * np.where(seen, 1, HIDDEN),
            ),
            mistake(
                "softmax-over-everything",
                "The softmax runs over queries and keys together: one sum for the whole matrix.",
                "Sum over the last axis alone, with keepdims=True.",
                p=lambda masked: softmax(masked.reshape(*masked.shape[:2], -1)).reshape(
                    masked.shape
                ),
            ),
        ),
    ),
    Steps(
        op="causal_softmax",
        formula="mask-bias",
        signature="scores (B,H,L,L) -> p (B,H,L,L)",
        make=_causal_inputs,
        steps=(
            Step("seen", "(2)", lambda scores: _triangle(scores)),
            Step("masked", "(2)", lambda scores, seen: np.where(seen, scores, HIDDEN)),
            Step("p", "(2)", lambda masked: softmax(masked)),
        ),
        mistakes=(
            mistake(
                "mask-forgotten",
                "There is no mask: every token sees all others.",
                "Token i may see the tokens 0 to i, or it would know what it is to predict.",
                masked=lambda scores: scores,
            ),
            mistake(
                "future-only",
                "Tokens see the future instead of the past: the upper triangle of the scores.",
                "Queries are rows and keys columns, so the past is the lower triangle.",
                seen=lambda scores: _triangle(scores).T,
            ),
            mistake(
                "not-itself",
                "Tokens do not see themselves, and nothing is left for the first.",
                "The diagonal belongs to the past: key j is seen by query i where j <= i.",
                seen=lambda scores: _triangle(scores, -1),
            ),
            mistake(
                "one-too-far",
                "Every token sees the next one, too: the diagonal is 1 instead of 0.",
                "Key j is seen by query i where j <= i.",
                seen=lambda scores: _triangle(scores, 1),
            ),
            mistake(
                "mask-after-softmax",
                "The future is set to zero after the softmax, so that the rows do not sum to 1.",
                "Hide the scores before the softmax, which then shares out the whole weight.",
                p=lambda scores, seen: softmax(scores) * seen,
            ),
            mistake(
                "mask-multiplied",
                "Later scores become 0, as np.tril leaves them, instead of very negative.",
                "exp(0) is 1, a weight like any other; hide with a number like -1e9.",
                masked=lambda scores, seen: scores * seen,
            ),
            mistake(
                "softmax-over-queries",
                "The softmax runs over the queries (axis -2) instead of the keys (axis -1).",
                "Each query's weights over the keys it sees sum to 1: rows of p, not columns.",
                p=lambda masked: softmax(masked, -2),
            ),
            mistake(
                "mask-added",
                "The triangle itself is added to the scores, 1 at the past and 0 at the future.",
                "Make a bias of it: 0 where j <= i, very negative elsewhere.",
                masked=lambda scores, seen: scores + seen,
            ),
            mistake(
                "small-bias",
                "The bias at later tokens is only -10.",
                "exp(-10) is not 0, and scores can be that large; use -1e4 or less.",
                masked=lambda scores, seen: scores + np.where(seen, 0, -10),
            ),
        ),
    ),
)
