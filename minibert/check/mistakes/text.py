"""Text to words, words to pieces, pieces to a row of ids; and how each of them goes wrong.

The numbers of `basic_tokenize` are those of `minibert.text.basic`: (1) clean, (2) Chinese apart,
(3) accents, (4) lower case, (5) punctuation. The other two have none.
"""

import math
import string
import unicodedata
from itertools import groupby

from minibert.check.mistakes.steps import Call, Step, Steps, mistake
from minibert.text.characters import is_accent, is_cjk, is_control, is_punctuation, is_space

UNKNOWN = "[UNK]"
VOCAB = [
    *("river", "##bank", "bank", "un", "under", "##der", "##derground", "##gro", "##und", "ground"),
    *("water", "wat", "##ers", "caf", "##é", "ing", "##ing", "s", "a", "##a"),
]
WORDS = {
    "one piece": "river",
    "two pieces": "riverbank",
    "greedy, not fewest": "underground",
    "greedy, and stuck": "waters",
    "a letter with an accent": "café",
    "a piece that also continues": "bank",
    "a piece that only begins": "ings",
    "no beginning": "quay",
    "no end": "waterq",
    "no middle": "unqbank",
    "100 letters": "a" * 100,
    "101 letters": "a" * 101,
}
TEXTS = {
    "empty": "",
    "white space": " \t\n",
    "one word": "tide",
    "capitals": "The Moon pulls the SEA",
    "accents": "Café Zoë naïve Ångström",
    "accents apart": "Cafe\u0301 nai\u0308ve",
    "ASCII punctuation": "Wait... don't: well-known (1 of 3)!",
    "ASCII symbols": "2+3=5, $4 ~ x^2 | a<b",
    "other punctuation": "«Oui», dit-elle: “no”—yes。",
    "Chinese": "水在100°C沸腾,水Water",
    "line ends and tabs": "high\ttide\nlow\r\ntide\u00a0now\u3000then",
    "control characters": "un\u0000der\u200bstand\ufffd soft\u00adhyphen",
}
LENGTHS = (  # of a, b and the row; an odd place to share is left only where a is longer, since
    # otherwise BERT's own code gives it to a and the tokenizers library to b
    *((3, 2, 12), (2, 4, 9), (4, 4, 11), (1, 1, 5), (0, 2, 8), (3, 0, 8), (0, 0, 4)),
    *((9, 2, 12), (3, 8, 11), (7, 7, 13), (9, 7, 14), (10, 6, 13), (4, 1, 7)),
)


def _word_calls(rng):
    return [Call(case, {"word": word, "vocab": set(VOCAB)}) for case, word in WORDS.items()]


def _text_calls(rng):
    return [Call(case, {"text": text}) for case, text in TEXTS.items()]


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


def _followed(word, marks, match, skips=False):
    """The pieces from the left; where none fits, a None is the last, or one character [UNK]."""
    pieces, start = [], 0
    while start < len(word):
        end = match[start]
        if end is None and not skips:
            return [*pieces, None]
        pieces.append(UNKNOWN if end is None else marks[start] + word[start:end])
        start = end or start + 1
    return pieces


def _fewest(word, marks, vocab):
    """The spelling with the fewest pieces, or [None]."""
    found = {len(word): []}
    for start in reversed(range(len(word))):
        ends = [end for end in range(len(word), start, -1) if end in found]
        pieces = {end: marks[start] + word[start:end] for end in ends}
        spellings = [[pieces[end], *found[end]] for end in ends if pieces[end] in vocab]
        if spellings:
            found[start] = min(spellings, key=len)
    return found.get(0, [None])


def _apart(text, is_alone):
    """Spaces around the characters that stand alone."""
    return "".join(f" {c} " if is_alone(c) else c for c in text)


def _runs_apart(text, is_alone):
    """As `_apart`, but neighbours stay together."""
    runs = [(alone, "".join(run)) for alone, run in groupby(text, is_alone)]
    return "".join(f" {run} " if alone else run for alone, run in runs)


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
        op="wordpiece",
        formula="wordpiece",
        signature="word, vocab -> pieces",
        calls=_word_calls,
        steps=(
            Step("ends", "", lambda word: [range(len(word), i, -1) for i in range(len(word))]),
            Step("marks", "", lambda word: ["##" if i else "" for i in range(len(word))]),
            Step(
                "match",
                "",
                lambda word, vocab, ends, marks: [
                    next((end for end in ends[i] if marks[i] + word[i:end] in vocab), None)
                    for i in range(len(word))
                ],
            ),
            Step("found", "", lambda word, marks, match: _followed(word, marks, match)),
            Step("spelled", "", lambda found: [UNKNOWN] if None in found else found),
            Step("limit", "", lambda: 100),
            Step(
                "pieces",
                "",
                lambda word, spelled, limit: [UNKNOWN] if len(word) > limit else spelled,
            ),
        ),
        mistakes=(
            mistake(
                "no-mark",
                'Pieces within a word are looked up without "##".',
                'The vocabulary tells "##bank", which continues a word, from "bank".',
                marks=lambda word: [""] * len(word),
            ),
            mistake(
                "mark-added-after",
                'Pieces within a word are looked up without "##", and get it afterwards.',
                'The vocabulary tells "##bank", which continues a word, from "bank".',
                match=lambda word, vocab, ends: [
                    next((end for end in ends[i] if word[i:end] in vocab), None)
                    for i in range(len(word))
                ],
            ),
            mistake(
                "rest-unknown",
                "Where no piece fits, the pieces before it stay and only the rest is [UNK].",
                "A word that cannot be spelled to its end is one [UNK], as a whole.",
                spelled=lambda found: [UNKNOWN if piece is None else piece for piece in found],
            ),
            mistake(
                "characters-unknown",
                "Where no piece fits, one character is [UNK] and the search goes on behind it.",
                "A word that cannot be spelled to its end is one [UNK], as a whole.",
                found=lambda word, marks, match: _followed(word, marks, match, skips=True),
            ),
            mistake(
                "rest-dropped",
                "Where no piece fits, the rest of the word is left out.",
                "What is left out is lost without a trace; the whole word has to be [UNK].",
                spelled=lambda found: [piece for piece in found if piece is not None],
            ),
            mistake(
                "no-limit",
                "Words of more than 100 characters are spelled like others.",
                "They are [UNK] at once: the search is quadratic in the length.",
                limit=lambda: math.inf,
            ),
            mistake(
                "limit-too-low",
                "A word of exactly 100 characters is [UNK] already.",
                "Only longer words are: len(word) > 100.",
                limit=lambda: 99,
            ),
            mistake(
                "shortest-first",
                "The shortest piece that fits is taken instead of the longest.",
                "Try the ends from the word's end downwards.",
                ends=lambda word: [range(i + 1, len(word) + 1) for i in range(len(word))],
            ),
            mistake(
                "marks-lost",
                'The result has no "##", although the pieces were looked up with it.',
                'The pieces are entries of the vocabulary, and their "##" belongs to them.',
                spelled=lambda found: (
                    [UNKNOWN] if None in found else [p.removeprefix("##") for p in found]
                ),
            ),
            mistake(
                "mark-on-first",
                'The first piece is looked up with "##", too.',
                'Only pieces that continue a word have "##": those that start behind 0.',
                marks=lambda word: ["##"] * len(word),
            ),
            mistake(
                "fewest-pieces",
                "The spelling with the fewest pieces is taken.",
                "BERT was trained with the longest piece at each place, whatever comes of it.",
                found=lambda word, marks, vocab: _fewest(word, marks, vocab),
            ),
        ),
    ),
    Steps(
        op="basic_tokenize",
        formula="wordpiece",
        signature="text -> words",
        calls=_text_calls,
        steps=(
            Step("clean", "(1)", lambda text: "".join(c for c in text if not is_control(c))),
            Step("plain", "(1)", lambda clean: "".join(" " if is_space(c) else c for c in clean)),
            Step("alone", "(2)", lambda plain: _apart(plain, is_cjk)),
            Step("decomposed", "(3)", lambda alone: unicodedata.normalize("NFD", alone)),
            Step(
                "bare", "(3)", lambda decomposed: "".join(c for c in decomposed if not is_accent(c))
            ),
            Step("lower", "(4)", lambda bare: "".join(c.lower() for c in bare)),
            Step("spaced", "(5)", lambda lower: _apart(lower, is_punctuation)),
            Step("words", "(5)", lambda spaced: spaced.split()),
        ),
        mistakes=(
            mistake(
                "punctuation-stays",
                "Punctuation stays with its word.",
                "Every mark is a word of its own, or most words before a comma become [UNK].",
                spaced=lambda lower: lower,
            ),
            mistake(
                "case-kept",
                "Capitals stay.",
                "The vocabulary of an uncased model has no capitals.",
                lower=lambda bare: bare,
            ),
            mistake(
                "accents-kept",
                "Accents stay.",
                "Decompose (NFD), then drop the marks, category Mn.",
                bare=lambda alone: alone,
            ),
            mistake(
                "ascii-punctuation-only",
                "Only ASCII punctuation, string.punctuation, stands alone.",
                "Quotes, dashes and full stops beyond ASCII have Unicode categories P*.",
                spaced=lambda lower: _apart(lower, lambda c: c in string.punctuation),
            ),
            mistake(
                "unicode-punctuation-only",
                "Only Unicode punctuation stands alone: symbols such as $ + < = stay in words.",
                "To Unicode they are symbols (S*); BERT takes every ASCII symbol as punctuation.",
                spaced=lambda lower: _apart(lower, lambda c: unicodedata.category(c)[0] == "P"),
            ),
            mistake(
                "chinese-together",
                "Chinese characters stay together as one word.",
                "Chinese has no spaces; each ideograph becomes a word of its own.",
                alone=lambda plain: plain,
            ),
            mistake(
                "punctuation-dropped",
                "Punctuation is left out.",
                "Each mark is a word of its own, and the vocabulary has them all.",
                spaced=lambda lower: "".join(" " if is_punctuation(c) else c for c in lower),
            ),
            mistake(
                "punctuation-runs",
                'Neighbouring marks become one word, such as "...".',
                "Every mark is a word of its own: three words here.",
                spaced=lambda lower: _runs_apart(lower, is_punctuation),
            ),
            mistake(
                "not-decomposed",
                "Marks are dropped without decomposing: an accented letter is one character.",
                "unicodedata.normalize comes first, with NFD: letter and mark apart.",
                decomposed=lambda alone: alone,
            ),
            mistake(
                "ascii-only",
                'All that is not ASCII is dropped after decomposing, by encode("ascii", "ignore").',
                "It drops the accents, and with them Chinese, Greek, quotes and more.",
                bare=lambda decomposed: decomposed.encode("ascii", "ignore").decode(),
            ),
            mistake(
                "plain-spaces-only",
                "Words end at plain spaces only, not at line ends, tabs and other spaces.",
                "Turn every kind of white space into a plain space first.",
                plain=lambda clean: clean,
                words=lambda spaced: [word for word in spaced.split(" ") if word],
            ),
            mistake(
                "empty-words",
                'Empty words come where spaces are neighbours, from split(" ").',
                "split() without an argument takes any run of white space as one.",
                words=lambda spaced: spaced.split(" "),
            ),
            mistake(
                "line-ends-dropped",
                "Line ends and tabs are dropped as control characters, which joins words.",
                "Their category is Cc, but they are white space to BERT.",
                clean=lambda text: "".join(
                    c for c in text if not (is_control(c) or unicodedata.category(c) == "Cc")
                ),
            ),
            mistake(
                "control-kept",
                "Control characters stay.",
                "Nobody sees them, and words with them become [UNK].",
                clean=lambda text: text,
            ),
        ),
    ),
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
        ),
    ),
)
