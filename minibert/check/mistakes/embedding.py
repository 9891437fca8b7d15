"""The sum of word, position and segment embeddings, the fixed positions, and their mistakes.

The numbers are those of `minibert.ops.embedding`: (1) the sum, (1') what each table's rows collect.
Few words stand in the ids, so that they repeat, within a row and from row to row; 0 is padding.
"""

import math

import numpy as np

from minibert.check.mistakes.notation import onehot, rows
from minibert.check.mistakes.steps import Call, Step, Steps, mistake


def _inputs(rng, z):
    word, position, segment = (rng.standard_normal((n, z.D)) for n in (z.V, z.L + 2, 2))
    words = 1 + rng.permutation(z.V - 1)[:5]
    ids = rng.choice(words, (z.B, z.L))
    ids[:, 0], ids[0, -1] = words[0], ids[0, 1]
    ids[1:, z.L // 2 + 1 :] = 0
    second = np.arange(z.L) >= 1 + np.arange(z.B)[:, None] % 3
    segments = (second & (ids != 0)).astype(np.int64)
    return {
        "word": word, "position": position, "segment": segment, "ids": ids, "segments": segments
    }  # fmt: skip


def _collected(gradients, places, table):
    """For each row of the table, the sum over all places that looked it up."""
    return rows(onehot(places, len(table))).T @ rows(gradients)


def _last(gradients, places, table):
    """What ``d[places] += gradients`` gives: of several places with one row only the last."""
    d = np.zeros_like(table)
    d[places] += gradients
    return d


def _uses(places, table):
    """How often each row was looked up, at least 1, (n,1)."""
    return np.maximum(rows(onehot(places, len(table))).sum(0), 1)[:, None]


def _position_calls(rng):
    return [
        Call(f"{length} positions of {hidden}", {"length": length, "hidden": hidden})
        for length, hidden in ((5, 10), (13, 6), (23, 22), (4, 4), (1, 8))
    ]


FORMULAS = (
    Steps(
        op="embedding",
        formula="embedding",
        signature="word (V,D), position (P,D), segment (2,D), ids (B,L), segments (B,L)"
        " -> e (B,L,D)",
        gradient="dword, dposition, dsegment",
        make=_inputs,
        steps=(
            Step("places", "(1)", lambda ids: np.broadcast_to(np.arange(ids.shape[1]), ids.shape)),
            Step("words", "(1)", lambda word, ids: word[ids]),
            Step("positions", "(1)", lambda position, places: position[places]),
            Step("kinds", "(1)", lambda segment, segments: segment[segments]),
            Step("e", "(1)", lambda words, positions, kinds: words + positions + kinds),
            Step("drow", "(1')", lambda de: de),
            Step("dlooked", "(1')", lambda drow, ids, word: _collected(drow, ids, word)),
            Step("dword", "(1')", lambda dlooked: np.vstack([0 * dlooked[:1], dlooked[1:]])),
            Step(
                "dposition",
                "(1')",
                lambda drow, places, position: _collected(drow, places, position),
            ),
            Step(
                "dsegment",
                "(1')",
                lambda drow, segments, segment: _collected(drow, segments, segment),
            ),
        ),
        mistakes=(
            mistake(
                "positions-forgotten",
                "The positions are not added.",
                "Attention does not know the order of its tokens; only the positions tell it.",
                positions=lambda words: np.zeros_like(words),
                dposition=lambda position: np.zeros_like(position),
            ),
            mistake(
                "segments-forgotten",
                "The segments are not added.",
                "Row 0 of the segments is no zero: it is added even where there is one text only.",
                kinds=lambda words: np.zeros_like(words),
                dsegment=lambda segment: np.zeros_like(segment),
            ),
            mistake(
                "positions-from-one",
                "Positions are counted from 1.",
                "The first token, [CLS], has position 0.",
                places=lambda ids: np.broadcast_to(1 + np.arange(ids.shape[1]), ids.shape),
            ),
            mistake(
                "positions-by-batch",
                "The position is the row of the batch instead of the place within the row.",
                "ids is (B,L): positions run along its last axis, np.arange(ids.shape[1]).",
                places=lambda ids: np.repeat(np.arange(len(ids))[:, None], ids.shape[1], 1),
            ),
            mistake(
                "scaled-by-root",
                "The words' rows are multiplied by sqrt(D).",
                "The first Transformer did so (Vaswani et al., section 3.4), BERT does not.",
                words=lambda word, ids: word[ids] * math.sqrt(word.shape[1]),
                dlooked=lambda drow, ids, word: (
                    _collected(drow, ids, word) * math.sqrt(word.shape[1])
                ),
            ),
            mistake(
                "mean-of-three",
                "The mean of the three rows is taken instead of their sum.",
                "The three rows are added; LayerNorm sees to the size afterwards.",
                e=lambda words, positions, kinds: (words + positions + kinds) / 3,
                drow=lambda de: de / 3,
            ),
            mistake(
                "padding-zeroed",
                "Padded places are set to zero: their embeddings, or their gradients.",
                "The attention's mask hides padding later; here only row 0 of word is special.",
                e=lambda words, positions, kinds, ids: (
                    (words + positions + kinds) * (ids != 0)[..., None]
                ),
                drow=lambda de, ids: de * (ids != 0)[..., None],
            ),
            mistake(
                "positions-from-two",
                "Positions are counted from 2.",
                "RoBERTa does so, since row 1 is its padding's; BERT's [CLS] has position 0.",
                places=lambda ids: np.broadcast_to(2 + np.arange(ids.shape[1]), ids.shape),
            ),
            mistake(
                "positions-of-tokens",
                "Positions count tokens that are not padding; padded ones repeat the last.",
                "Every place has its position, np.arange(L): the mask hides padding later.",
                places=lambda ids: np.maximum((ids != 0).cumsum(1) - 1, 0),
            ),
            mistake(
                "segments-all-zero",
                "Every token gets row 0 of the segments, also those of the second text.",
                "Look up segment[segments]; row 1 is the second text's.",
                kinds=lambda segment, segments: segment[0 * segments],
            ),
            mistake(
                "segments-exchanged",
                "The two rows of the segments are exchanged.",
                "Row 0 is the first text's, row 1 the second's.",
                kinds=lambda segment, segments: segment[1 - segments],
                dsegment=lambda drow, segments, segment: _collected(drow, 1 - segments, segment),
            ),
            mistake(
                "pad-row-zeroed",
                "The row of [PAD] counts as zeros, whatever stands in the table.",
                "padding_idx keeps row 0 from being trained; it is looked up like the others.",
                words=lambda word, ids: word[ids] * (ids != 0)[..., None],
            ),
            mistake(
                "gradient-last-wins",
                "`dword[ids] += de` keeps only the last of several uses of a word.",
                "NumPy looks up, adds and writes once; np.add.at, or a loop, adds every use.",
                dlooked=lambda drow, ids, word: _last(drow, ids, word),
            ),
            mistake(
                "gradient-pad-trained",
                "The row of [PAD] gets a gradient.",
                "Padding means nothing: row 0 gets none, like padding_idx in Hugging Face's BERT.",
                dword=lambda dlooked: dlooked,
            ),
            mistake(
                "gradient-position-first-row",
                "dposition is the gradient of the batch's first row alone.",
                "Every row of the batch uses the same positions: sum over the batch.",
                dposition=lambda drow, places, position: _collected(drow[:1], places[:1], position),
            ),
            mistake(
                "gradient-position-mean",
                "dposition is the mean over the batch instead of the sum.",
                "Gradients of several uses add; a mean over the batch is the loss's business.",
                dposition=lambda drow, places, position: (
                    _collected(drow, places, position) / len(places)
                ),
            ),
            mistake(
                "gradient-segment-last-wins",
                "`dsegment[segments] += de` keeps only the last token of each segment.",
                "An index that repeats is written once; use np.add.at, or sum under a mask.",
                dsegment=lambda drow, segments, segment: _last(drow, segments, segment),
            ),
            mistake(
                "gradient-segment-one-row",
                "dsegment collects all tokens in row 0.",
                "Tokens of the second text looked up row 1, and their gradients belong there.",
                dsegment=lambda drow, segments, segment: _collected(drow, 0 * segments, segment),
            ),
            mistake(
                "gradient-mean-over-uses",
                "A word's gradient is the mean over its uses instead of the sum.",
                "Each use adds its part to the loss, so their gradients add.",
                dlooked=lambda drow, ids, word: _collected(drow, ids, word) / _uses(ids, word),
            ),
            mistake(
                "gradient-position-last-wins",
                "`dposition[places] += de` keeps only the batch's last row.",
                "An index that repeats is written once; sum over the batch, de.sum(0).",
                dposition=lambda drow, places, position: _last(drow, places, position),
            ),
            mistake(
                "gradient-averaged",
                "All gradients are divided by the batch size.",
                "Where the loss is a mean, de has been divided already.",
                drow=lambda de: de / len(de),
            ),
        ),
    ),
    Steps(
        op="sinusoidal_positions",
        formula="sinusoidal-positions",
        signature="length, hidden -> table (L,D)",
        calls=_position_calls,
        steps=(
            Step("place", "", lambda length: np.arange(length)[:, None]),
            Step("column", "", lambda hidden: np.arange(hidden)),
            Step("pair", "", lambda column: column // 2),
            Step("exponent", "", lambda pair, hidden: 2 * pair / hidden),
            Step("base", "", lambda: 10000.0),
            Step("angle", "", lambda place, base, exponent: place / base**exponent),
            Step("is_sine", "", lambda column: column % 2 == 0),
            Step(
                "table", "", lambda angle, is_sine: np.where(is_sine, np.sin(angle), np.cos(angle))
            ),
        ),
        mistakes=(
            mistake(
                "exponent-doubled",
                "Column j has the exponent 2j/D, since j already goes in steps of 2.",
                "The i of the formula counts pairs: columns 2i and 2i+1 have the exponent 2i/D.",
                exponent=lambda column, hidden: 2 * column / hidden,
            ),
            mistake(
                "exponent-of-pairs-doubled",
                "Both columns of pair i have the exponent 4i/D.",
                "The i of the formula counts pairs, not columns: the exponent is 2i/D.",
                exponent=lambda pair, hidden: 4 * pair / hidden,
            ),
            mistake(
                "halves",
                "All sines come first, then all cosines.",
                "Sine and cosine of one angle are neighbours, in the columns 2i and 2i+1.",
                pair=lambda column, hidden: column % (hidden // 2),
                is_sine=lambda column, hidden: column < hidden // 2,
            ),
            mistake(
                "cosines-first",
                "Even columns are cosines and odd ones sines.",
                "Position 0 is 0, 1, 0, 1 and so on.",
                is_sine=lambda column: column % 2 == 1,
            ),
            mistake(
                "exponent-of-columns",
                "Every column has an exponent of its own, j/D, so that no two share an angle.",
                "Columns 2i and 2i+1 are the sine and the cosine of the same angle.",
                exponent=lambda column, hidden: column / hidden,
            ),
            mistake(
                "exponent-not-doubled",
                "The exponent is i/D instead of 2i/D.",
                "There are D/2 pairs, and 2i/D brings the last of them near 1.",
                exponent=lambda pair, hidden: pair / hidden,
            ),
            mistake(
                "positions-from-one",
                "Positions are counted from 1.",
                "The first position is 0, where all sines are 0 and all cosines 1.",
                place=lambda length: 1 + np.arange(length)[:, None],
            ),
            mistake(
                "pairs-from-one",
                "Pairs are counted from 1: the exponents are 2(i+1)/D.",
                "The first pair turns fastest: its exponent is 0, its angle the position itself.",
                pair=lambda column: column // 2 + 1,
            ),
            mistake(
                "multiplied",
                "The position is multiplied by 10000^(2i/D) instead of divided by it.",
                "Later pairs turn slower: there is a minus sign in exp(-2i log(10000)/D).",
                angle=lambda place, base, exponent: place * base**exponent,
            ),
            mistake(
                "base-1000",
                "The base is 1000 instead of 10000.",
                "Wavelengths go from 2 pi to 10000 times 2 pi.",
                base=lambda: 1000.0,
            ),
            mistake(
                "sine-by-position",
                "Even positions are sines, odd ones cosines: table[0::2] for table[:, 0::2].",
                "Sine and cosine take turns along the features, the last axis.",
                is_sine=lambda place: place % 2 == 0,
            ),
            mistake(
                "sines-only",
                "Every column is a sine.",
                "Odd columns are cosines: from both, a shift of the position is a rotation.",
                is_sine=lambda column: column >= 0,
            ),
            mistake(
                "exponent-to-one",
                "The exponent is i / (D/2 - 1), so that the last pair has 1.",
                "Tensor2Tensor's code does so; in the paper and here it is 2i/D.",
                exponent=lambda pair, hidden: 2 * pair / (hidden - 2),
            ),
            mistake(
                "integer-division",
                "The exponent is 2i // D, which is 0 for every pair.",
                "The exponent is a fraction: divide with /.",
                exponent=lambda pair, hidden: 2 * pair // hidden,
            ),
        ),
    ),
)
