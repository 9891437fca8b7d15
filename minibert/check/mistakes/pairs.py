"""Two texts as one row of ids, with segments and a mask, and how that goes wrong."""

from minibert.check.mistakes.steps import Call, Step, Steps, mistake

LENGTHS = (  # of a, b and the row; an odd place to share is left only where a is longer, since
    # otherwise BERT's own code gives it to a and the tokenizers library to b
    *((3, 2, 12), (2, 4, 9), (4, 4, 11), (1, 1, 5), (0, 2, 8), (3, 0, 8), (0, 0, 4)),
    *((9, 2, 12), (3, 8, 11), (7, 7, 13), (9, 7, 14), (10, 6, 13), (4, 1, 7)),
)


def _pair_calls(rng):
    special = {"cls": 11, "sep": 12, "pad": 3}
    return [
        Call(
            f"{n_a} and {n_b} to {max_length}",
            {
                "a": rng.integers(20, 60, n_a).tolist(),
                "b": rng.integers(60, 99, n_b).tolist(),
                **special,
                "max_length": max_length,
            },
        )
        for n_a, n_b, max_length in LENGTHS
    ]


def _cut(n_a, n_b, room, ties="b"):
    """The lengths of two texts after the longer one lost its last token, again and again."""
    while n_a + n_b > room:
        if n_a > n_b or (n_a == n_b and ties == "a"):
            n_a -= 1
        else:
            n_b -= 1
    return n_a, n_b


FORMULAS = (
    Steps(
        op="encode_pair",
        formula="wordpiece",
        signature="a, b, cls, sep, pad, max_length -> ids, segments, mask",
        calls=_pair_calls,
        steps=(
            Step("room", "", lambda max_length: max_length - 3),
            Step("lengths", "", lambda a, b, room: _cut(len(a), len(b), room)),
            Step("first", "", lambda a, lengths: a[: lengths[0]]),
            Step("second", "", lambda b, lengths: b[: lengths[1]]),
            Step("row", "", lambda cls, sep, first, second: [cls, *first, sep, *second, sep]),
            Step("n_first", "", lambda first: len(first) + 2),
            Step("n_pad", "", lambda row, max_length: max_length - len(row)),
            Step("ids", "", lambda row, pad, n_pad: row + [pad] * n_pad),
            Step(
                "segments",
                "",
                lambda row, n_first, n_pad: (
                    [0] * n_first + [1] * (len(row) - n_first) + [0] * n_pad
                ),
            ),
            Step("mask", "", lambda row, n_pad: [1] * len(row) + [0] * n_pad),
        ),
        mistakes=(
            mistake(
                "no-final-sep",
                "There is no [SEP] behind b.",
                "[SEP] ends each of the two texts.",
                row=lambda cls, sep, first, second: [cls, *first, sep, *second],
            ),
            mistake(
                "segments-from-sep",
                "Segment 1 begins at the first [SEP] instead of behind it.",
                "The first [SEP] ends a, and belongs to segment 0.",
                n_first=lambda first: len(first) + 1,
            ),
            mistake(
                "last-sep-segment",
                "The last [SEP] is in segment 0.",
                "The last [SEP] ends b, and belongs to segment 1.",
                segments=lambda n_first, second, max_length: (
                    [0] * n_first + [1] * len(second) + [0] * (max_length - n_first - len(second))
                ),
            ),
            mistake(
                "segments-all-zero",
                "All segments are 0.",
                "b and its [SEP] are segment 1.",
                segments=lambda row, n_pad: [0] * (len(row) + n_pad),
            ),
            mistake(
                "segments-padded-with-one",
                "Padding is in segment 1.",
                "Padding is in segment 0, whatever stands before it.",
                segments=lambda row, n_first, n_pad: (
                    [0] * n_first + [1] * (len(row) - n_first + n_pad)
                ),
            ),
            mistake(
                "mask-all-ones",
                "The mask is 1 at padding, too.",
                "The mask tells what may be seen: tokens, special ones included, but no padding.",
                mask=lambda row, n_pad: [1] * (len(row) + n_pad),
            ),
            mistake(
                "special-not-counted",
                "a and b are cut to max_length without room for the three special tokens.",
                "max_length is the whole row's: max_length - 3 are left for a and b.",
                room=lambda max_length: max_length,
            ),
            mistake(
                "cut-as-a-whole",
                "The row is put together first and then cut, so that the last [SEP] is lost.",
                "Cut a and b first, then add the special tokens.",
                lengths=lambda a, b: (len(a), len(b)),
                row=lambda cls, sep, first, second, max_length: [cls, *first, sep, *second, sep][
                    :max_length
                ],
            ),
            mistake(
                "second-only",
                "Only b is cut, however long a is.",
                "The longer of the two loses its last token, again and again.",
                lengths=lambda a, b, room: (len(a), min(len(b), max(room - len(a), 0))),
            ),
            mistake(
                "halves",
                "If both do not fit, each is cut to half the room.",
                "A text that is shorter than half leaves its places to the other.",
                lengths=lambda a, b, room: (
                    (len(a), len(b))
                    if len(a) + len(b) <= room
                    else (min(len(a), room // 2), min(len(b), room // 2))
                ),
            ),
            mistake(
                "a-where-equal",
                "Of two texts of the same length a loses the token.",
                "Where they are equally long, b does.",
                lengths=lambda a, b, room: _cut(len(a), len(b), room, ties="a"),
            ),
            mistake(
                "cut-in-front",
                "Tokens are cut off the front.",
                "A text loses its end.",
                first=lambda a, lengths: a[len(a) - lengths[0] :],
                second=lambda b, lengths: b[len(b) - lengths[1] :],
            ),
            mistake(
                "padded-with-zero",
                "The row is padded with 0 instead of the id of [PAD].",
                "Not every vocabulary has [PAD] at 0: take the id that is given.",
                ids=lambda row, n_pad: row + [0] * n_pad,
            ),
            mistake(
                "no-sep-between",
                "There is no [SEP] between a and b.",
                "[SEP] ends each of the two texts.",
                row=lambda cls, sep, first, second: [cls, *first, *second, sep],
                n_first=lambda first: len(first) + 1,
            ),
            mistake(
                "no-cls",
                "There is no [CLS] in front.",
                "The classifier looks at the first token, which has to be [CLS].",
                row=lambda sep, first, second: [*first, sep, *second, sep],
                n_first=lambda first: len(first) + 1,
            ),
            mistake(
                "mask-inverted",
                "The mask is 1 at padding and 0 at tokens.",
                "1 stands for what may be seen; PyTorch's key_padding_mask is the opposite.",
                mask=lambda row, n_pad: [0] * len(row) + [1] * n_pad,
            ),
            mistake(
                "padded-in-front",
                "Padding stands in front of the row instead of behind it.",
                "[CLS] is the first token; models that write text pad in front, BERT does not.",
                ids=lambda row, pad, n_pad: [pad] * n_pad + row,
                segments=lambda row, n_first, n_pad: (
                    [0] * n_pad + [0] * n_first + [1] * (len(row) - n_first)
                ),
                mask=lambda row, n_pad: [0] * n_pad + [1] * len(row),
            ),
            mistake(
                "two-specials-counted",
                "Room is left for two special tokens, as for a single text.",
                "A pair has three: [CLS], and [SEP] behind each text.",
                room=lambda max_length: max_length - 2,
            ),
        ),
    ),
)
