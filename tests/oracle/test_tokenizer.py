"""Ids, offsets and words against the `tokenizers` library: every code point, strings, real texts.

The two differ on a few hundred rare code points, for three reasons, listed below in full:

- the library's category tables (punctuation, accents, format characters) and its canonical
  decomposition are those of an old Unicode, about 8.0 of 2015, and do not know later characters;
- its lower-casing is newer than Python 3.11's;
- its CJK ranges have U+2B920 where BERT's have U+2B820.

Generated strings are made of all the others, less 38 KEPT_MARKS: characters with a combining
class that are no accents, as Hangul tone marks, stems of musical notes, some Indic viramas. Where
sorting moves such a mark past an accent the library gives it the accent's place in the text,
minibert its own. The ids are equal, but for four that are younger than the library's Unicode.
"""

import unicodedata
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.text import BertTokenizer, basic_tokenize, train_vocab

from .library_tokenizer import (
    commands,
    differing_texts,
    library_tokenizer,
    questions,
    titles,
    tokenizers,
)

pytestmark = pytest.mark.oracle


def _ranges(text):
    """ "61D 2E43-2E4F" to a set of code points."""
    ends = [part.split("-") for part in text.split()]
    return {c for e in ends for c in range(int(e[0], 16), int(e[-1], 16) + 1)}


# What the library does to these (Python 3.11, Unicode 14.0), and minibert does not, or vice versa.
NOT_SPLIT_AS_PUNCTUATION = _ranges(
    "61D 9FD A76 C77 C84 1B7D-1B7E 2E43-2E4F 2E52-2E5D 10EAD 10F55-10F59 10F86-10F89 1144B-1144F "
    "1145A-1145B 1145D 11660-1166C 116B9 1183B 11944-11946 119E2 11A3F-11A46 11A9A-11A9C "
    "11A9E-11AA2 11C41-11C45 11C70-11C71 11EF7-11EF8 11FFF 12FF1-12FF2 16E97-16E9A 16FE2 "
    "1E95E-1E95F"
)
SPLIT_THOUGH_NO_LONGER_PUNCTUATION = _ranges("166D 111C9")
FORMAT_NOT_DROPPED = _ranges("890-891 8E2 110CD 13430-13438")
ACCENT_NOT_STRIPPED = _ranges(
    "7FD 898-89F 8CA-8E1 9FE AFA-AFF B55 C04 C3C D00 D3B-D3C D81 EBA 180F 1885-1886 1ABF-1ACE "
    "1DF6-1DFB A82C A8C5 A8FF A9BD 10D24-10D27 10EAB-10EAC 10F46-10F50 10F82-10F85 11070 "
    "11073-11074 110C2 111CF 1123E 1133B 11438-1143F 11442-11444 11446 1145E 1182F-11837 "
    "11839-1183A 1193B-1193C 1193E 11943 119D4-119D7 119DA-119DB 119E0 11A01-11A0A 11A33-11A38 "
    "11A3B-11A3E 11A47 11A51-11A56 11A59-11A5B 11A8A-11A96 11A98-11A99 11C30-11C36 11C38-11C3D "
    "11C3F 11C92-11CA7 11CAA-11CB0 11CB2-11CB3 11CB5-11CB6 11D31-11D36 11D3A 11D3C-11D3D "
    "11D3F-11D45 11D47 11D90-11D91 11D95 11D97 11EF3-11EF4 16F4F 16FE4 1CF00-1CF2D 1CF30-1CF46 "
    "1E000-1E006 1E008-1E018 1E01B-1E021 1E023-1E024 1E026-1E02A 1E130-1E136 1E2AE 1E2EC-1E2EF "
    "1E944-1E94A"
)
STRIPPED_THOUGH_NO_LONGER_ACCENT = _ranges("1734")
NOT_DECOMPOSED = _ranges("11938")
LOWER_CASE_NEWER = _ranges("1C89 A7CB-A7CC A7CE A7D2 A7D4 A7DA A7DC 10D50-10D65 16EA0-16EB8")
NOT_TAKEN_AS_CJK = _ranges("2B820-2B91F")

KEPT_MARKS = _ranges(
    "1715 1734 1B44 1BAA 1BF2-1BF3 302E-302F A953 A9C0 111C0 11235 1134D 116B6 1193D "
    "16FF0-16FF1 1D15E-1D166 1D16D-1D172 1D1BB-1D1C0"
)

CASED = (
    NOT_SPLIT_AS_PUNCTUATION
    | SPLIT_THOUGH_NO_LONGER_PUNCTUATION
    | FORMAT_NOT_DROPPED
    | NOT_TAKEN_AS_CJK
)
UNCASED = (
    CASED
    | ACCENT_NOT_STRIPPED
    | STRIPPED_THOUGH_NO_LONGER_ACCENT
    | NOT_DECOMPOSED
    | LOWER_CASE_NEWER
)

# Latin, Greek, Cyrillic, Hebrew; their extensions and general punctuation; kana, Chinese; Hangul;
# compatibility and full-width forms; emoji.
EVERYDAY = _ranges("0-5FF 1E00-20CF 3000-9FFF AC00-D7A3 F900-FFFF 1F300-1FAFF")


def _library_words(text, lower):
    normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lower)
    split = tokenizers.pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    return [word for word, _ in split(normalizer.normalize_str(text))]


def _groups(words):
    """The words between one "0" and the next."""
    groups = [[]]
    for word in words:
        groups.append([]) if word == "0" else groups[-1].append(word)
    return groups


# All code points, but of the long ranges in which all are alike only one in 97: unassigned in every
# Unicode version, private, or ideographs (their edges are left whole).
LONG_RANGES = ((0x3500, 0x4D00), (0x4F00, 0x9F00), (0xAC10, 0xD700), (0xE100, 0xF800))
LONG_RANGES += ((0x18E00, 0x1AF00), (0x20100, 0x2A600), (0x2AA00, 0x2B600), (0x2BA00, 0x2CD00))
LONG_RANGES += ((0x2D000, 0x2F700), (0x2FB00, 0xE0000), (0xE1000, 0x10FF00))
CODES = set(range(0x110000)) - set(range(0xD800, 0xE000))
for first, last in LONG_RANGES:
    CODES -= set(range(first, last)) - set(range(first, last, 97))
CODES = sorted(CODES)


@cache
def _differing(lower):
    """The code points that the two treat differently inside a word."""
    found = set()
    for start in range(0, len(CODES), 10_007):
        some = CODES[start : start + 10_007]
        text = " 0 ".join(f"x{chr(code)}y" for code in some)
        theirs = _groups(_library_words(text, lower))
        ours = _groups(basic_tokenize(text, do_lower_case=lower))
        found |= {code for code, a, b in zip(some, ours, theirs, strict=True) if a != b}
    return found


def test_differing_code_points_are_exactly_the_listed_ones():
    if unicodedata.unidata_version != "14.0.0":
        pytest.skip(f"the list is for Unicode 14.0, this Python has {unicodedata.unidata_version}")
    assert _differing(False) == CASED
    assert _differing(True) == UNCASED


def test_no_everyday_character_differs():
    """Whatever the Unicode version of the Python that runs."""
    assert not (_differing(True) | _differing(False)) & EVERYDAY


def test_each_list_holds_what_its_name_says():
    def category(code):
        return unicodedata.category(chr(code))

    if unicodedata.unidata_version != "14.0.0":
        pytest.skip(f"the list is for Unicode 14.0, this Python has {unicodedata.unidata_version}")
    assert {category(c)[0] for c in NOT_SPLIT_AS_PUNCTUATION} == {"P"}
    assert {category(c) for c in FORMAT_NOT_DROPPED} == {"Cf"}
    assert {category(c) for c in ACCENT_NOT_STRIPPED} == {"Mn"}
    assert {category(c) for c in LOWER_CASE_NEWER} == {"Cn"}
    assert {category(c) for c in NOT_TAKEN_AS_CJK} == {"Lo"}
    assert [_library_words(f"x{chr(c)}y", False) for c in sorted(NOT_TAKEN_AS_CJK)[:2]] == [
        ["x\U0002b820y"],
        ["x\U0002b821y"],
    ]


def _pools(differing):
    """Code points to draw from, by kind, so that rare kinds come up often."""
    codes = [c for c in CODES if c not in differing | KEPT_MARKS]
    by_kind = {}
    for code in codes:
        by_kind.setdefault(unicodedata.category(chr(code)), []).append(code)
    by_kind["ascii"] = list(range(128))
    by_kind["chinese"] = list(range(0x4E00, 0x9FA5))
    by_kind["hangul"] = list(range(0xAC00, 0xD7A4))
    by_kind["any"] = codes
    return [np.array(pool) for pool in by_kind.values()]


def _random_texts(pools, rng, n):
    for _ in range(n):
        length = int(rng.integers(1, 24))
        kinds = rng.integers(len(pools), size=length)
        yield "".join(chr(pools[kind][rng.integers(len(pools[kind]))]) for kind in kinds)


@pytest.mark.parametrize(("lower", "n"), [(True, 10_000), (False, 1_009)])
def test_generated_strings_over_all_of_unicode(lower, n):
    pools = _pools(_differing(lower))
    rng = np.random.default_rng(2018)
    texts = list(_random_texts(pools, rng, n))
    tok = BertTokenizer(train_vocab(texts, 6_000, do_lower_case=lower), do_lower_case=lower)
    unseen = ["é" * 99 + "!", "é" * 100, "a" * 101, "", *_random_texts(pools, rng, 1_009)]
    assert differing_texts(tok, library_tokenizer(tok), texts + unseen) == []
    rows = tok(texts + unseen, return_tensors=None).input_ids
    assert sum(row.count(1) for row in rows) < sum(map(len, rows)) / 2  # not all [UNK]


def _any_text():
    """Strings of all of Unicode, with many characters that change their length or their place."""
    left_out = _differing(True) | _differing(False) | KEPT_MARKS
    anything = st.characters(exclude_categories=["Cs"]).filter(lambda c: ord(c) not in left_out)
    lively = st.sampled_from("ab aab.天氣éÅİẞ한ﬁ\u0301\u0323\u200b\x00\u3000Σ")
    return st.lists(st.one_of(anything, lively, st.sampled_from(["[MASK]", "[SEP]"]))).map("".join)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("strip", [True, False, None])
@pytest.mark.parametrize("chinese", [True, False])
def test_any_string(lower, strip, chinese):
    rules = {"do_lower_case": lower, "strip_accents": strip, "tokenize_chinese_chars": chinese}
    texts = ["ab aab b. 天氣 氣天 é e Å A İ i ẞ ß 한 ﬁ Σ σ ab\u0301 aİé"] * 2
    tok = BertTokenizer(train_vocab(texts, 90, **rules), **rules)
    library = library_tokenizer(tok)

    @settings(deadline=None, max_examples=71)
    @given(_any_text())
    def check(text):
        assert differing_texts(tok, library, [text]) == []

    check()


def test_marks_that_stay():
    rng = np.random.default_rng(7)
    young = _ranges("1715 1193D 16FF0-16FF1")
    pool = np.array([0x61, 0xE9, 0x301, 0x316, *sorted(KEPT_MARKS - young - UNCASED)])
    texts = ["".join(map(chr, rng.choice(pool, 7))) for _ in range(503)]
    tok = BertTokenizer(train_vocab(texts, 499))
    theirs = library_tokenizer(tok).encode_batch(texts)
    assert tok(texts, return_tensors=None).input_ids == [e.ids for e in theirs]


def test_the_kept_marks_are_what_is_said_of_them():
    if unicodedata.unidata_version != "14.0.0":
        pytest.skip(f"the list is for Unicode 14.0, this Python has {unicodedata.unidata_version}")
    kept = set()
    for code in CODES:
        marks = [c for c in unicodedata.normalize("NFD", chr(code)) if unicodedata.combining(c)]
        if any(unicodedata.category(c) == "Mc" for c in marks):
            kept.add(code)
    assert kept == KEPT_MARKS


@pytest.mark.parametrize("text", ["a[MASK]b", "[mask] [MASK][SEP] [ MASK ]", "[CLS][UNK]x[PAD]"])
def test_special_tokens_in_the_text(text):
    tok = BertTokenizer(train_vocab(["mask cls a b x [ ]"], 40, min_count=1))
    assert differing_texts(tok, library_tokenizer(tok), [text]) == []


@pytest.mark.parametrize(("lower", "every"), [(True, 3), (False, 19)])
def test_real_texts(lower, every, data_dir):
    headlines, voice = titles(data_dir)[::every], commands(data_dir)[::every]
    contexts = sorted({context for _, context in questions(data_dir)})[::every]
    vocab = train_vocab(headlines[::5] + voice[::5], 3_001, do_lower_case=lower)
    tok = BertTokenizer(vocab, do_lower_case=lower)
    library = library_tokenizer(tok)
    for texts in (headlines, voice, contexts):
        assert len(texts) > 40
        assert differing_texts(tok, library, texts) == []


def test_a_released_vocabulary(fetched, data_dir):
    folder = fetched("all-minilm-l6-v2")
    tok = BertTokenizer.from_pretrained(folder)
    library = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    library.no_truncation()
    library.no_padding()
    texts = titles(data_dir)[:2_003] + commands(data_dir)[:2_003]
    assert differing_texts(tok, library, texts) == []
    assert differing_texts(tok, library, ["naïve [MASK]s", "unaffable  İSTANBUL", "ﬁn 한국"]) == []
