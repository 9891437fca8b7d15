"""Basic tokenization: each rule, and what holds for any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.text import basic_tokenize
from minibert.text.characters import is_cjk, is_control, is_punctuation, is_space


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\n\r\u3000\u2028", []),
        ("Hello, World!", ["hello", ",", "world", "!"]),
        ("a\x00b\u200bc\ufeffd\ufffde", ["abcde"]),  # controls vanish, they do not split
        ("a\x0bb\x85c", ["abc"]),  # vertical tab and next line are controls to BERT
        ("a\u00a0b\u2003c", ["a", "b", "c"]),
        ("a\u2028b\u2029c", ["a", "b", "c"]),
        ("\u0915\u093e", ["\u0915\u093e"]),  # a vowel sign with a width of its own is no accent
        ("天气a好", ["天", "气", "a", "好"]),
        ("かな 한", ["かな", "\u1112\u1161\u11ab"]),
        ("\uf900", ["\u8c48"]),  # a compatibility ideograph, decomposed after it was spaced
        ("\U0002b820x", ["\U0002b820", "x"]),  # first of extension E
        ("ÀÉÎõü Ångström", ["aeiou", "angstrom"]),
        ("İI", ["ii"]),
        ("ΟΔΟΣ", ["οδοσ"]),
        ("$5+x=y~", ["$", "5", "+", "x", "=", "y", "~"]),
        ("5€ 「天」…", ["5€", "「", "天", "」", "…"]),
        ("a\u0301\u0323b", ["ab"]),
        ("a\u302e\U0001d165", ["a\U0001d165\u302e"]),  # marks that stay, in their order
        ("\ud800a", ["a"]),  # half of a surrogate pair is no text
    ],
)
def test_words(text, words):
    assert basic_tokenize(text) == words


def test_endless_marks_on_one_letter_take_no_endless_time():
    marks = "\u0301\u0323\u302e\U0001d165" * 30_011
    assert basic_tokenize("a" + marks) == ["a" + "\U0001d165" * 30_011 + "\u302e" * 30_011]


@pytest.mark.quick
def test_cased_keeps_case_and_accents():
    assert basic_tokenize("Éa 天B", do_lower_case=False) == ["Éa", "天", "B"]
    assert basic_tokenize("e\u0301", do_lower_case=False) == ["e\u0301"]
    assert basic_tokenize("Éa", do_lower_case=False, strip_accents=True) == ["Ea"]
    assert basic_tokenize("Éa", strip_accents=False) == ["éa"]


def test_chinese_may_stay_together():
    assert basic_tokenize("天气 好", tokenize_chinese_chars=False) == ["天气", "好"]


def test_edges_of_the_cjk_ranges():
    inside = [0x3400, 0x4DBF, 0x4E00, 0x9FFF, 0xF900, 0xFAFF, 0x20000, 0x2A6DF, 0x2A700, 0x2CEAF]
    inside += [0x2F800, 0x2FA1F]
    outside = [0x33FF, 0x4DC0, 0x4DFF, 0xA000, 0xF8FF, 0xFB00, 0x1FFFF, 0x2A6E0, 0x2A6FF, 0x2CEB0]
    outside += [0x2F7FF, 0x2FA20, 0x3042, 0xAC00]
    assert all(is_cjk(chr(code)) for code in inside)
    assert not any(is_cjk(chr(code)) for code in outside)


def test_ascii_is_divided_among_the_classes():
    classes = {True: [], False: []}
    for code in range(128):
        char = chr(code)
        kinds = [is_space(char), is_control(char), is_punctuation(char), char.isalnum()]
        classes[sum(kinds) == 1].append(char)
    assert classes[False] == []
    assert all(map(is_space, "\u2028\u2029"))
    assert sum(is_punctuation(chr(code)) for code in range(128)) == 32


@settings(deadline=None)
@given(st.text(max_size=30), st.booleans())
def test_any_text(text, lower):
    words = basic_tokenize(text, do_lower_case=lower)
    assert all(words)
    for word in words:
        assert not any(is_space(c) or is_control(c) for c in word)
        assert len(word) == 1 or not any(is_cjk(c) or is_punctuation(c) for c in word)
    assert basic_tokenize(" ".join(words), do_lower_case=lower) == words


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abc天.é ")))
def test_texts_joined_by_a_space_do_not_touch(texts):
    apart = [word for text in texts for word in basic_tokenize(text)]
    assert basic_tokenize(" ".join(texts)) == apart
