"""Text to words, words to pieces, and how both go wrong.

The numbers of `basic_tokenize` are those of `minibert.text.basic`: (1) clean, (2) Chinese apart,
(3) accents, (4) lower case, (5) punctuation. Those of `wordpiece` have none.
"""

import math
import re
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


def _word_calls(rng):
    return [Call(case, {"word": word, "vocab": set(VOCAB)}) for case, word in WORDS.items()]


def _text_calls(rng):
    return [Call(case, {"text": text}) for case, text in TEXTS.items()]


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
            mistake(
                "letters-missed",
                "Pieces of one character are never tried: the loop over the ends stops too early.",
                "The last end to try is start + 1: range(len(word), start, -1).",
                ends=lambda word: [range(len(word), i + 1, -1) for i in range(len(word))],
            ),
            mistake(
                "whole-missed",
                "The whole rest of the word is never tried: the loop begins at its last character.",
                "The first end to try is len(word), which is behind the last character.",
                ends=lambda word: [range(len(word) - 1, i, -1) for i in range(len(word))],
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
            mistake(
                "regular-expression",
                'The words are what the regular expression "\\w+|[^\\w\\s]" finds.',
                "It splits at symbols that BERT leaves in their word, such as the degree sign.",
                words=lambda lower: re.findall(r"\w+|[^\w\s]", lower),
            ),
            mistake(
                "composed",
                "Accents are put together (NFC) instead of taken apart (NFD), then marks dropped.",
                "A composed letter is one character, and no mark is left to drop.",
                decomposed=lambda alone: unicodedata.normalize("NFC", alone),
            ),
            mistake(
                "control-to-space",
                "Control characters become spaces instead of being dropped, which splits words.",
                "Nobody sees them: what stands on both sides is one word.",
                clean=lambda text: "".join(" " if is_control(c) else c for c in text),
            ),
        ),
    ),
)
