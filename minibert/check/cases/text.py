"""Text to ids: BERT's tokenizer on texts that are made to go wrong.

The texts hold accents, composed and with the mark apart; capitals whose small letters are two
characters or depend on the place; a ligature; Chinese, also of the compatibility block, kana,
Hangul, full-width signs; control characters, a space of no width, one that does not break;
punctuation of ASCII and beyond; special tokens; words that no piece begins, that stop halfway,
that are too long; marks that are no accents, out of order; private characters; nothing at all.
"""

from minibert.check import spec
from minibert.check.cases.case import Formula, plain_case
from minibert.text import SPECIAL_TOKENS, BertTokenizer, basic_tokenize, wordpiece

TOKENS = [
    *SPECIAL_TOKENS,
    *("un", "##aff", "##able", "##a", "a", "ab", "##b", "##bcd", "##c", "##d", "i", "##i", "the"),
    *("cafe", "caf", "##e", "day", "##day", "Cafe", "Caf", "##é", "The", "strasse", "stra", "##ße"),
    *("o", "##σ", "##ς", "##ο", "ο", "Ο", "##Σ", "co", "##-", "don", "t", "##t", "s", "##s", "1"),
    *("##2", "2", "3", "'", "-", "!", "?", ".", ",", "$", "+", "^", "`", "~", "|", "[", "]"),
    *("mask", "天", "今", "気", "い", "##い", "は", "##は", "カ", "##フ", "，", "。", "«", "»"),
    *("…", "x", "##x", "e", "##n", "##the", "\ufb01", "##\ufb01", "\u8c48", "\uf900", "한", "##글"),
    *("\u1112", "##\u1161", "##\u11ab", "##\u1100", "##\u1173", "##\u11af"),  # Hangul, apart
    *("\u3405", "##\u3405", "\U0002f805", "\u5099", "##今", "##天", "é", "##é天"),
    *("##\u302e", "##\U0001d16d", "o\u302e", "o\U0001d16d", "##\u302e\U0001d16d"),
]
ADDED = ["<t>", "<t>x"]

TEXTS = [
    "Unaffable! The café-day, the CAFE\u0301day… don't",
    "今天の天気はいい。カフ，the天day",
    "un\x00aff\u200bable\tthe\u00a0day\r\nthe\u3000day\ufffd",
    "abcd ab a abx unaffx zebra $1+2^3 `~|",
    "ΟΣΟΣ οσος İi Straße STRASSE straße \ufb01",
    "Paris is [MASK]. [mask] [SEP]the[CLS] [UNK]?",
    "a" * 100 + " " + "a" * 101 + " " + "unaffable" * 11,
    "\u8c48 \uf900 한글 «the» …the… e\u0301\u0323 \u0301",
    "",
    " \t\n",
    "ab\u3405day ab\U0002f805day ab\u5099 the\ue000day 今é天",
    "a\U0001d16d\u302e a\u302e\U0001d16d o\U0001d16d\u0301\u302ea",  # marks that stay, in disorder
]
PAIRS = [
    "the day",
    "ab",
    "unaffable " * 4,
    "今天",
    "the day, the day, the day!",
    "",
    "a b c d",
    "café",
    "the",
    "unable? day.",
    "the <t>",
    "<t>x ab<t>day <t> x",
]
LONG = (  # with pairs that are shorter, longer, and as long
    (TEXTS[0], "the day, the day"),
    (TEXTS[1], "ab ab ab ab ab ab ab ab ab ab ab ab"),
    ("the day ab unaffable", "the day ab unaffable"),
    ("ab a ab a ab", TEXTS[0]),
    ("the day, the day", "!?"),
)


# ----------------------------------------------------------------------------------------- library


def encode(
    texts, pairs, *, tokens, lower, truncation, max_length, padding, strip=None, alone=True,
    added=(),
):
    """The arrays of `BertTokenizer`; `strip` accents, Chinese characters `alone`."""
    tokenizer = BertTokenizer(
        tokens,
        do_lower_case=lower,
        strip_accents=strip,
        tokenize_chinese_chars=alone,
        added_tokens=added,
    )
    options = {"truncation": truncation, "max_length": max_length, "padding": padding}
    return dict(tokenizer(texts, pairs, **options))


# ------------------------------------------------------------------------------------- loop forms


def _loops_encode(texts, pairs, *, tokens, lower, truncation, max_length, padding, **rules):
    vocab = {token: i for i, token in enumerate(tokens)}
    fill = padding == "max_length"
    arrays = spec.encode_texts(texts, pairs, vocab, lower, max_length, truncation, fill, **rules)
    return dict(zip(("input_ids", "token_type_ids", "attention_mask"), arrays, strict=True))


# ------------------------------------------------------------------------------------------- table


def _case(
    mode, texts, pairs=None, *, lower=True, truncation=False, max_length=None, padding=True, **rules
):
    def make(rng, z, dtype):
        return (list(texts), None if pairs is None else list(pairs)), {
            "tokens": TOKENS + list(rules.get("added", ())),
            "lower": lower,
            "truncation": truncation,
            "max_length": max_length,
            "padding": padding,
            **rules,
        }

    return plain_case("wordpiece", mode, make, _loops_encode, encode)


def _cut(strategy, max_length):
    options = {"truncation": strategy, "max_length": max_length, "padding": "max_length"}
    return _case(strategy.replace("_", "-"), *zip(*LONG, strict=True), **options)


FORMULAS = (
    Formula(
        id="wordpiece",
        title="WordPiece: the longest piece first",
        source="Wu et al. 2016, section 4.1; Devlin et al. 2018, section 3",
        tex=(
            r"\mathrm{piece}_{n+1} = \mathrm{the\ longest\ prefix\ of\ the\ rest\ in\ }"
            r"\mathcal{V}",
            r"\mathrm{ids} = [\mathrm{CLS}]\ a_1 \ldots a_n\ [\mathrm{SEP}]\ "
            r"b_1 \ldots b_m\ [\mathrm{SEP}]",
        ),
        code=(wordpiece, basic_tokenize),
        loops=(spec.longest_match_first, spec.split_words, spec.truncate, spec.encode_texts),
        cases=(
            _case("uncased", TEXTS),
            _case("cased", TEXTS, lower=False),
            _case("lower-with-accents", TEXTS, strip=False, alone=False),
            _case("cased-without-accents", TEXTS, lower=False, strip=True),
            _case("added", TEXTS, PAIRS, added=ADDED),
            _case("pairs", TEXTS, PAIRS),
            _case("single-cut", TEXTS, truncation="longest_first", max_length=9),
            _cut("longest_first", 14),  # an odd place is left for one of the two
            _cut("only_first", 20),
            _cut("only_second", 30),
        ),
    ),
)
