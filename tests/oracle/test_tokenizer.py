"""The tokenizer against the `tokenizers` library: every code point, generated strings, real texts.

The two differ on a few hundred rare code points, for three reasons, listed below in full:

- the library's category tables (punctuation, accents, format characters) and its canonical
  decomposition are those of an old Unicode, about 8.0 of 2015, and do not know later characters;
- its lower-casing is newer than Python 3.11's;
- its CJK ranges have U+2B920 where BERT's have U+2B820.
"""

import itertools
import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from minibert.text import SPECIAL_TOKENS, BertTokenizer, basic_tokenize, train_vocab

pytestmark = pytest.mark.oracle
tokenizers = pytest.importorskip("tokenizers")


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


@pytest.fixture(scope="module")
def differing():
    """The code points that the two treat differently inside a word: {lower: set}."""
    normalizers = {x: tokenizers.normalizers.BertNormalizer(lowercase=x) for x in (True, False)}
    split = tokenizers.pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    found = {True: set(), False: set()}
    for code in itertools.chain(range(0xD800), range(0xE000, 0x110000)):
        text = f"x{chr(code)}y"
        for lower, normalizer in normalizers.items():
            theirs = [word for word, _ in split(normalizer.normalize_str(text))]
            if basic_tokenize(text, do_lower_case=lower) != theirs:
                found[lower].add(code)
    return found


def test_differing_code_points_are_exactly_the_listed_ones(differing):
    if unicodedata.unidata_version != "14.0.0":
        pytest.skip(f"the list is for Unicode 14.0, this Python has {unicodedata.unidata_version}")
    assert differing[False] == CASED
    assert differing[True] == UNCASED


def test_no_everyday_character_differs(differing):
    """Whatever the Unicode version of the Python that runs."""
    assert not (differing[True] | differing[False]) & EVERYDAY


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
    codes = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c not in differing]
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


def _library_tokenizer(tok):
    vocab = {token: i for i, token in enumerate(tok.tokens)}
    model = tokenizers.models.WordPiece(
        vocab, unk_token="[UNK]", max_input_chars_per_word=100, continuing_subword_prefix="##"
    )
    library = tokenizers.Tokenizer(model)
    library.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=tok.rules["do_lower_case"])
    library.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    library.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    library.add_special_tokens(list(SPECIAL_TOKENS))
    return library


@pytest.mark.parametrize("lower", [True, False])
def test_generated_strings_over_all_of_unicode(differing, lower):
    pools = _pools(differing[lower])
    rng = np.random.default_rng(2018)
    texts = list(_random_texts(pools, rng, 20_000))
    wrong = [t for t in texts if basic_tokenize(t, do_lower_case=lower) != _library_words(t, lower)]
    assert wrong == []

    tok = BertTokenizer(train_vocab(texts, 6_000, do_lower_case=lower), do_lower_case=lower)
    library = _library_tokenizer(tok)
    unseen = ["é" * 99 + "!", "é" * 100, "a" * 101, "", *_random_texts(pools, rng, 5_000)]
    rows = tok(texts + unseen, return_tensors=None).input_ids
    theirs = library.encode_batch(texts + unseen)
    assert [t for t, a, b in zip(texts + unseen, rows, theirs, strict=True) if a != b.ids] == []
    assert sum(row.count(1) for row in rows) < sum(map(len, rows)) / 2  # not all [UNK]


@pytest.mark.parametrize("text", ["a[MASK]b", "[mask] [MASK][SEP] [ MASK ]", "[CLS][UNK]x[PAD]"])
def test_special_tokens_in_the_text(text):
    tok = BertTokenizer(train_vocab(["mask cls a b x [ ]"], 40, min_count=1))
    assert tok(text).input_ids[0].tolist() == _library_tokenizer(tok).encode(text).ids


@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
def test_truncation_of_every_pair_of_lengths(strategy):
    tok = BertTokenizer([*SPECIAL_TOKENS, *map(str, range(10))])
    library = _library_tokenizer(tok)
    compared = 0
    for n, m, length in itertools.product(range(10), range(10), range(3, 14)):
        if strategy != "longest_first" and (m if strategy == "only_first" else n) > length - 3:
            continue  # refused by both
        a, b = " ".join("123456789"[:n]), " ".join("123456789"[:m])
        library.enable_truncation(length, strategy=strategy)
        ours = tok([(a, b)], truncation=strategy, max_length=length)
        try:
            theirs = library.encode(a, b)
        except Exception:  # the library refuses to cut a text to nothing; minibert does it
            assert length - 3 in (n, m)
            continue
        assert ours.input_ids[0].tolist() == theirs.ids
        assert ours.token_type_ids[0].tolist() == theirs.type_ids
        compared += 1
    assert compared > 300


def test_reads_what_the_library_saves(tmp_path):
    texts = ["Crème brûlée is a dessert.", "今天天气 is nice"]
    tok = BertTokenizer(train_vocab(texts, 90, min_count=1))
    library = _library_tokenizer(tok)
    library.enable_truncation(4)
    library.enable_padding(length=300)
    library.save(str(tmp_path / "tokenizer.json"))
    read = BertTokenizer.from_pretrained(tmp_path)
    library.no_truncation()
    library.no_padding()
    assert read.tokens == tok.tokens
    assert [read(t).input_ids[0].tolist() for t in texts] == [library.encode(t).ids for t in texts]


def _real_texts():
    folder = os.environ.get("MINIBERT_TEST_DATA")
    if not folder:
        pytest.skip("MINIBERT_TEST_DATA names no folder with the shared data")
    folder = Path(folder)
    lines = (folder / "thucnews" / "dev.txt").read_bytes().decode("utf-8").split("\n")
    titles = [line.rpartition("\t")[0] for line in lines if line]
    cmrc = json.loads((folder / "cmrc2018" / "cmrc2018_dev.json").read_bytes())
    paragraphs = [p["context"] for article in cmrc["data"] for p in article["paragraphs"]]
    commands = []
    for path in sorted((folder / "snips").glob("*.json")):
        intents = json.loads(path.read_bytes().decode("utf-8", errors="replace"))
        for examples in intents.values():
            commands += ["".join(part["text"] for part in e["data"]) for e in examples]
    return {"titles": titles, "paragraphs": paragraphs, "commands": commands}


@pytest.mark.parametrize("lower", [True, False])
def test_real_texts(lower):
    texts = _real_texts()
    tok = BertTokenizer(
        train_vocab(texts["titles"] + texts["commands"], 5_000, do_lower_case=lower),
        do_lower_case=lower,
    )
    library = _library_tokenizer(tok)
    for kind, some in texts.items():
        assert len(some) > 500, kind
        rows = tok(some, return_tensors=None).input_ids
        theirs = library.encode_batch(some)
        assert [t for t, a, b in zip(some, rows, theirs, strict=True) if a != b.ids] == []
