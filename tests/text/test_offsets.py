"""Where pieces and words stand in the text."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.text import SPECIAL_TOKENS, BertTokenizer, basic_tokenize, train_vocab, wordpiece
from minibert.text.basic import spaced_words
from minibert.text.pieces import owners_of


@pytest.fixture(scope="module")
def tok():
    words = ["cafe", "ab", "##s", "天", ".", "\u1112", "##\u1161", "##\u11ab"]
    return BertTokenizer([*SPECIAL_TOKENS, *words])


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        ("", []),
        ("Cafés", [(0, 4), (4, 5)]),  # one character for "e" and its accent
        ("Cafe\u0301s", [(0, 4), (5, 6)]),  # two: the dropped accent belongs to no piece
        ("\x00a\u200bb.", [(1, 4), (4, 5)]),  # what vanishes inside a word is inside the piece
        ("天天.ab", [(0, 1), (1, 2), (2, 3), (3, 5)]),
        ("한", [(0, 1), (0, 1), (0, 1)]),  # three letters of one character
        (" zz\u0301 ab", [(1, 3), (5, 7)]),  # an [UNK] is all of its word
        ("a" * 101 + " ab", [(0, 101), (102, 104)]),
        ("ab[MASK]abs[mask]", [(0, 2), (2, 8), (8, 10), (10, 11), (11, 12), (12, 16), (16, 17)]),
        ("\ud800ab", [(1, 3)]),
    ],
)
def test_offsets(tok, text, offsets):
    batch = tok(text, add_special_tokens=False, return_offsets_mapping=True, return_tensors=None)
    assert batch.offset_mapping == [offsets]


def test_lower_casing_that_makes_two_of_one():
    tok = BertTokenizer([*SPECIAL_TOKENS, "i", "##\u0307", "##x"], strip_accents=False)
    batch = tok("İx", return_offsets_mapping=True, return_tensors=None)
    assert batch.offset_mapping == [[(0, 0), (0, 1), (0, 1), (1, 2), (0, 0)]]


def test_words_of_plain_text(tok):
    batch = tok(["ab.[MASK]  天 cafés", "ab"])
    assert batch.word_ids(0) == [None, 0, 1, 2, 3, 4, 4, None]
    assert batch.word_ids(1) == [None, 0, None, None, None, None, None, None]
    assert batch.sequence_ids(0) == [None, 0, 0, 0, 0, 0, 0, None]


def test_words_that_were_given(tok):
    batch = tok(
        [["Cafés", "", "天天"], ["ab."], []],
        is_split_into_words=True,
        return_offsets_mapping=True,
    )
    assert batch.word_ids(0) == [None, 0, 0, 2, 2, None]
    assert batch.word_ids(1) == [None, 0, 0, None, None, None]
    assert batch.word_ids(2) == [None] * 6
    assert batch.offset_mapping[0].tolist() == [[0, 0], [0, 4], [4, 5], [0, 1], [1, 2], [0, 0]]
    one = tok(["Cafés", "", "天天"], is_split_into_words=True)
    assert np.array_equal(one.input_ids[0], batch.input_ids[0])
    assert one.word_ids() == batch.word_ids(0)


def test_words_of_pairs(tok):
    apart = tok([["ab", "abs"]], [["天", "x"]], is_split_into_words=True)
    together = tok([(["ab", "abs"], ["天", "x"])], is_split_into_words=True)
    assert np.array_equal(apart.input_ids, together.input_ids)
    assert together.word_ids(0) == [None, 0, 1, 1, None, 0, 1, None]
    assert together.sequence_ids(0) == [None, 0, 0, 0, None, 1, 1, None]


def test_words_that_are_none(tok):
    with pytest.raises(TypeError, match="str; give a list of words"):
        tok("ab", is_split_into_words=True)
    with pytest.raises(TypeError, match="index 1 is 'ab'"):
        tok([["ab"], "ab"], is_split_into_words=True)
    with pytest.raises(TypeError, match="index 0"):
        tok([["ab", 3]], is_split_into_words=True)


def test_special_tokens_mask_and_padding(tok):
    batch = tok(
        [("ab", "天[SEP]"), "ab"], return_special_tokens_mask=True, return_offsets_mapping=True
    )
    # A [SEP] that stands in the text is a token of the text.
    assert batch.special_tokens_mask.tolist() == [[1, 0, 1, 0, 0, 1], [1, 0, 1, 1, 1, 1]]
    assert batch.offset_mapping.shape == (2, 6, 2)
    assert batch.offset_mapping[1].tolist() == [[0, 0], [0, 2]] + [[0, 0]] * 4
    assert "offset_mapping" not in tok("ab")
    assert tok([], return_offsets_mapping=True).offset_mapping.shape == (0, 0, 2)


def test_the_token_of_a_character(tok):
    batch = tok("ab cafés", "天 \u200bab")
    assert [batch.char_to_token(0, c) for c in range(8)] == [1, 1, None, 2, 2, 2, 2, 3]
    assert [batch.char_to_token(0, c, 1) for c in range(5)] == [5, None, None, 6, 6]
    assert batch.char_to_token(0, 99) is None


def test_a_batch_of_ones_own_has_no_texts(tok):
    with pytest.raises(ValueError, match="not made by a tokenizer"):
        type(tok("ab"))({"input_ids": [[2, 3]]}).word_ids(0)


RULES = st.fixed_dictionaries(
    {
        "do_lower_case": st.booleans(),
        "strip_accents": st.sampled_from([None, True, False]),
        "tokenize_chinese_chars": st.booleans(),
    }
)
MIXED = st.text(
    alphabet=st.one_of(st.characters(), st.sampled_from("ab天é.İ한\u0301\u0323 \u3000"))
)


@settings(deadline=None)
@given(MIXED, RULES)
def test_every_word_has_its_place(text, rules):
    spaced, owners = spaced_words(text, **rules), owners_of(text, **rules)
    assert len(owners) == len(spaced)
    assert owners == sorted(owners)
    for word in re.finditer(r"\S+", spaced):
        # What a word's place holds is that word again, alone.
        place = slice(owners[word.start()], owners[word.end() - 1] + 1)
        assert basic_tokenize(text[place], **rules) == [word[0]]


SPACES = " \t\n\r\xa0\u2028\u3000"
DROPPED = "\0\x0b\x0c\x1c\x1f\x85\u200b"  # Python takes some of them for spaces
LETTERS = "ab天,é한İ\u0301\u0323\u302e\u302a"  # and marks, of which two are sorted and stay
STRINGS = ["[MASK]", "[SEP]", "it's", " ab ", "ab 天"]
SPACED = st.lists(st.sampled_from([*SPACES, *DROPPED, *LETTERS, *STRINGS])).map("".join)


@settings(deadline=None)
@given(st.one_of(SPACED, MIXED), RULES, st.booleans())
def test_ids_are_those_of_the_trace(text, rules, added):
    words = train_vocab(["ab aba it's 天 é 한 İ " * 3, "b\u302e\u302a" * 3], 60, **rules)
    more = {"added_tokens": ["ab 天", "[N]"], "normalized_tokens": ["ab 天"]} if added else {}
    tok = BertTokenizer([*words, *more.get("added_tokens", [])], **rules, **more)
    for _ in range(2):  # unknown and remembered
        assert tok._pieces.ids(text) == tok._pieces.trace(text).ids
    if not added and "[" not in text:
        pieces = [p for word in basic_tokenize(text, **rules) for p in wordpiece(word, tok.vocab)]
        assert tok.tokenize(text) == pieces


def test_every_eleventh_code_point():
    codes = range(0, 0x110000, 11)  # lone surrogates among them
    text = " ".join("".join(map(chr, codes[n : n + 37])) for n in range(0, len(codes), 37))
    tok = BertTokenizer(train_vocab(["abc def 天地 ghi"], 60, min_count=1))
    traced = tok._pieces.trace(text)
    assert traced.ids == tok._pieces.ids(text)
    starts, ends = np.array(traced.offsets).T
    assert (starts < ends).all()
    assert (np.diff(starts) >= 0).all()
    assert ends[-1] <= len(text)
