"""BertTokenizer: the call, and ids back to text."""

import copy
import pickle
import re

import numpy as np
import pytest

import minibert.text.remembered as module
from minibert.text import (
    SPECIAL_TOKENS,
    BertTokenizer,
    TinyBERTTokenizer,
    TinyBertTokenizer,
    check_fits,
)

WORDS = ["a", "b", "c", "d", "e", "##x", "天", "."]
PAD, UNK, CLS, SEP, MASK = range(5)
A, B, C, D, E, X, TIAN, DOT = range(5, 13)


@pytest.fixture
def tok():
    return BertTokenizer([*SPECIAL_TOKENS, *WORDS])


@pytest.mark.quick
def test_one_string_is_a_batch_of_one(tok):
    batch = tok("Ax 天天.")
    assert list(batch) == ["input_ids", "token_type_ids", "attention_mask"]
    for array in batch.values():
        assert array.dtype == np.int64
        assert array.shape == (1, 7)
    assert batch.input_ids.tolist() == [[CLS, A, X, TIAN, TIAN, DOT, SEP]]
    assert batch.token_type_ids.sum() == 0
    assert batch.attention_mask.min() == 1


def test_keys_are_attributes(tok):
    batch = tok("a")
    assert batch.attention_mask is batch["attention_mask"]
    assert {**batch}.keys() == batch.keys()
    with pytest.raises(AttributeError, match="labels"):
        _ = batch.labels


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))]
)
def test_a_batch_can_be_copied(tok, again):
    batch = tok(["ax b", ("c", "d")], max_length=4)
    new = again(batch)
    assert np.array_equal(new.input_ids, batch.input_ids)
    assert new.word_ids(0) == batch.word_ids(0) == [None, 0, 0, None]
    assert new.char_to_token(0, 1) == 2
    assert new.n_truncated == 2


def test_padding(tok):
    batch = tok(["a b c", "d", ""], padding=True)
    assert batch.input_ids.tolist() == [
        [CLS, A, B, C, SEP],
        [CLS, D, SEP, PAD, PAD],
        [CLS, SEP, PAD, PAD, PAD],
    ]
    assert batch.attention_mask.tolist() == [[1] * 5, [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]]
    assert np.array_equal(tok(["a b c", "d", ""]).input_ids, batch.input_ids)
    assert tok(["a"], padding="max_length", max_length=9).input_ids.shape == (1, 9)
    assert tok(["a"], padding="max_length").input_ids.shape == (1, 512)


def test_padding_id_is_the_vocabularys():
    tok = BertTokenizer(["a", "[UNK]", "[CLS]", "[SEP]", "[PAD]"])
    assert tok(["a a", "a"]).input_ids[1].tolist() == [2, 0, 3, 4]
    assert tok.mask_token_id is None


def test_padding_id_of_pairs_is_the_vocabularys():
    tok = BertTokenizer(["a", "[UNK]", "[CLS]", "[SEP]", "[PAD]"])
    batch = tok("a a", "a", padding="max_length", max_length=8)
    assert batch.input_ids.tolist() == [[2, 0, 0, 3, 0, 3, 4, 4]]


def test_lists(tok):
    batch = tok(["a b", "c"], return_tensors=None)
    assert batch.input_ids == [[CLS, A, B, SEP], [CLS, C, SEP]]
    assert batch.attention_mask == [[1] * 4, [1] * 3]
    assert tok(["a b", "c"], return_tensors=None, padding=True).input_ids[1] == [CLS, C, SEP, PAD]
    assert tok("c", return_tensors=None).input_ids == [[CLS, C, SEP]]


def test_unequal_lengths_make_no_array(tok):
    with pytest.raises(ValueError, match=r"3 to 4 tokens.*padding=True"):
        tok(["a b", "c"], padding=False)
    assert tok(["a", "c"], padding=False).input_ids.shape == (2, 3)


def test_no_texts(tok):
    assert tok([]).input_ids.shape == (0, 0)


@pytest.mark.quick
def test_pairs(tok):
    batch = tok([("a", "b c"), ["d", ""]])
    assert batch.input_ids.tolist() == [[CLS, A, SEP, B, C, SEP], [CLS, D, SEP, SEP, PAD, PAD]]
    assert batch.token_type_ids.tolist() == [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 0, 0]]
    apart = tok(["a", "d"], ["b c", ""])
    assert all(np.array_equal(apart[name], batch[name]) for name in batch)
    assert tok("a", "b").input_ids.tolist() == [[CLS, A, SEP, B, SEP]]
    mixed = tok([("a", "b"), "c"], return_tensors=None)
    assert mixed.input_ids == [[CLS, A, SEP, B, SEP], [CLS, C, SEP]]


def test_without_special_tokens(tok):
    batch = tok([("a", "b c")], add_special_tokens=False)
    assert batch.input_ids.tolist() == [[A, B, C]]
    assert batch.token_type_ids.tolist() == [[0, 1, 1]]


def test_truncation(tok):
    assert tok("a b c d", truncation=True, max_length=4).input_ids.tolist() == [[CLS, A, B, SEP]]
    assert tok("a b c d", max_length=4).input_ids.shape == (1, 4)
    assert tok("a b c d", truncation=False, max_length=4).input_ids.shape == (1, 6)
    long = " ".join("a" * 600)
    assert tok(long).input_ids.shape == (1, 602)
    assert tok(long, truncation=True).input_ids.shape == (1, 512)
    tok.model_max_length = 7
    assert tok(long, truncation=True).input_ids.shape == (1, 7)


@pytest.mark.parametrize(
    ("strategy", "ids"),
    [
        (True, [CLS, A, B, SEP, D, SEP]),
        ("only_first", [CLS, A, SEP, D, E, SEP]),
        ("longest_first", [CLS, A, B, SEP, D, SEP]),
    ],
)
def test_truncation_of_pairs(tok, strategy, ids):
    assert tok("a b c", "d e", truncation=strategy, max_length=6).input_ids.tolist() == [ids]


def test_truncation_that_cannot_be(tok):
    with pytest.raises(ValueError, match=r"index 1.*longest_first"):
        tok([("a", "b"), ("a", "b b b b")], truncation="only_first", max_length=5)
    for strategy, pair in (("only_second", ("a b c", "d e")), ("only_first", ("d e", "a b c"))):
        with pytest.raises(ValueError, match="nothing would be left"):
            tok(*pair, truncation=strategy, max_length=6)
    with pytest.raises(ValueError, match="max_length=1 "):
        tok("a", max_length=1)


@pytest.mark.parametrize("item", [..., None, 3, b"a", ("a", 1), ("a", "b", "c"), ["a"]])
def test_an_item_that_is_no_text_is_named(tok, item):
    with pytest.raises(TypeError, match="index 2") as caught:
        tok(["a", "b", item], padding=True, truncation=True)
    assert repr(item) in str(caught.value)


def test_the_program_with_its_placeholder_left_in(tok):
    with pytest.raises(TypeError, match=r"index 2 is Ellipsis \(ellipsis\)"):
        tok(["a", "b", ...], padding=True, truncation=True, return_tensors="np")


def test_bad_arguments(tok):
    with pytest.raises(ValueError, match=r"'pt'.*np"):
        tok("a", return_tensors="pt")
    with pytest.raises(ValueError, match="padding='longst'"):
        tok("a", padding="longst")
    with pytest.raises(ValueError, match=r"truncation='first'.*only_first"):
        tok("a", truncation="first")
    with pytest.raises(TypeError, match="int"):
        tok(3)
    with pytest.raises(TypeError, match="text_pair"):
        tok("a", ["b"])
    with pytest.raises(ValueError, match="2 texts"):
        tok(["a", "b"], ["c"])
    with pytest.raises(TypeError, match="index 1"):
        tok(["a", "b"], ["c", None])
    with pytest.raises(TypeError, match="from_pretrained"):
        BertTokenizer("vocab.txt")
    with pytest.raises(ValueError, match=r"lacks \[CLS\], \[SEP\]"):
        BertTokenizer(["[PAD]", "[UNK]", "a"])


@pytest.mark.parametrize("value", ["8", 5.0, -1, 0, True, None, [5], float("nan")])
def test_lengths_are_whole_numbers(tok, value):
    with pytest.raises(ValueError, match=rf"model_max_length={re.escape(repr(value))};.* least 1"):
        BertTokenizer(tok.tokens, model_max_length=value)
    if value is not None:
        with pytest.raises(ValueError, match=rf"^max_length={re.escape(repr(value))};.* least 1"):
            tok("a", max_length=value, truncation=False, padding="max_length")
    if value != 0:
        with pytest.raises(ValueError, match=r"^stride="):
            tok("a", max_length=5, stride=value, return_overflowing_tokens=True)
    assert tok("a b c d", max_length=np.int64(4)).input_ids.shape == (1, 4)
    assert type(BertTokenizer(tok.tokens, model_max_length=np.int32(9)).model_max_length) is int


@pytest.mark.parametrize("rule", ["do_lower_case", "strip_accents", "tokenize_chinese_chars"])
@pytest.mark.parametrize("value", ["yes", 2, [], {}])
def test_rules_are_true_false_or_none(tok, rule, value):
    with pytest.raises(ValueError, match=rf"{rule}=.*True, False or None"):
        BertTokenizer(tok.tokens, **{rule: value})
    assert BertTokenizer(tok.tokens, **{rule: None}).rules[rule] is (
        None if rule == "strip_accents" else False
    )


def test_special_tokens_in_the_text(tok):
    assert tok("a[MASK]b").input_ids.tolist() == [[CLS, A, MASK, B, SEP]]
    assert tok.tokenize("[mask]") == ["[UNK]", "[UNK]", "[UNK]"]


def test_tokenize_and_back(tok):
    assert tok.tokenize("Ax q 天.") == ["a", "##x", "[UNK]", "天", "."]
    assert tok.convert_tokens_to_ids(["a", "##x", "zz"]) == [A, X, UNK]
    assert tok.convert_tokens_to_ids("b") == B
    assert tok.convert_ids_to_tokens([A, X]) == ["a", "##x"]
    assert tok.convert_ids_to_tokens(np.int64(B)) == "b"
    batch = tok(["ax b", "c"])
    assert tok.decode(batch.input_ids[0]) == "[CLS] ax b [SEP]"
    assert tok.decode(batch.input_ids[1], skip_special_tokens=True) == "c"
    assert tok.batch_decode(batch.input_ids, skip_special_tokens=True) == ["ax b", "c"]
    assert tok.convert_tokens_to_string(["a", "##x", "."]) == "ax ."
    assert len(tok) == tok.vocab_size == 13


@pytest.mark.parametrize("i", [-100, -1, 13])
def test_an_id_that_no_token_has(tok, i):
    with pytest.raises(ValueError, match=f"id {i} .*0 to 12"):
        tok.decode([A, i])


def test_encode_gives_one_list(tok):
    assert tok.encode("ax b") == [CLS, A, X, B, SEP]
    assert tok.encode("a b c", "d", truncation="only_first", max_length=5) == [CLS, A, SEP, D, SEP]
    assert tok.encode("a", add_special_tokens=False) == [A]
    assert tok.encode(["a", "bx"], is_split_into_words=True) == [CLS, A, B, X, SEP]


@pytest.mark.parametrize("text", [["a b", "c"], ("a", "b"), None, b"a"])
def test_encode_takes_one_text(tok, text):
    with pytest.raises(TypeError, match="give a string"):
        tok.encode(text)
    with pytest.raises(TypeError, match="give a list of words"):
        tok.encode("a", is_split_into_words=True)


def test_truncated_texts_are_counted(tok):
    texts = ["a b c", "a b c d", "", ("a", "b c d"), ("a", "b")]
    assert tok(texts).n_truncated == 0
    assert tok(texts, truncation=True, max_length=5).n_truncated == 2
    assert tok(texts, truncation="longest_first", max_length=3).n_truncated == 4


def test_a_vocabulary_that_does_not_fit_the_embedding(tok):
    check_fits(tok, 13)
    check_fits(tok, 1000)
    with pytest.raises(ValueError, match=r"has 13 tokens .* 30522 rows: it is another model's"):
        check_fits(tok, 30522)
    with pytest.raises(ValueError, match=r"13 tokens .* 12 rows"):
        check_fits(tok, 12)


def test_a_long_text_in_one_call(tok):
    assert tok("ax 天\n" * 100_003, padding=False).input_ids.shape == (1, 300_011)
    assert tok.encode("é" * 100_003) == [CLS, UNK, SEP]


def test_a_full_cache_changes_nothing(tok, monkeypatch):
    texts = [f"{a}{'x' * n} {b}" for a in "abc" for n in range(5) for b in "de天"]
    expected = tok(texts).input_ids
    monkeypatch.setattr(module, "MOST", 3)
    fresh = BertTokenizer(tok.tokens)
    for _ in range(2):
        assert np.array_equal(fresh(texts).input_ids, expected)
        assert 1 <= len(fresh._pieces._of_word) <= 3


def test_what_is_remembered_is_short_and_not_copied(tok):
    texts = [f"{'a' * n} b" for n in range(90, 110)]
    expected = tok(texts).input_ids
    assert max(map(len, tok._pieces._of_word)) == module.LONGEST
    for again in (copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))):
        assert np.array_equal(again(tok)(texts).input_ids, expected)
    assert not copy.deepcopy(tok)._pieces._of_word


def test_spellings():
    assert TinyBERTTokenizer is TinyBertTokenizer is BertTokenizer
