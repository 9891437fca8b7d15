"""Added tokens: found in texts, never pieces of words, read from three kinds of files and kept."""

import json

import pytest

from minibert.text import SPECIAL_TOKENS, BertTokenizer, read_vocab, write_vocab

WORDS = [*SPECIAL_TOKENS, "a", "q", "##zent", "##zen", "##t", "new", "##tok", "newer"]
ADDED = ["<E1>", "qzent", "NewTok"]


def tokenizer(**settings):
    return BertTokenizer([*WORDS, *ADDED], added_tokens=ADDED, **settings)


def write_json(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")


def slow(folder, listed=(), decoder=None, **config):
    """A folder as programs without tokenizer.json leave it."""
    write_vocab(folder / "vocab.txt", WORDS)
    if listed:
        write_json(folder / "added_tokens.json", dict(listed))
    decoder = {} if decoder is None else {"added_tokens_decoder": decoder}
    write_json(folder / "tokenizer_config.json", decoder | config)
    return BertTokenizer.from_pretrained(folder)


@pytest.mark.quick
def test_found_the_longest_first():
    tok = BertTokenizer([*SPECIAL_TOKENS, "a", "<x>", "<x>+"], added_tokens=["<x>", "<x>+"])
    assert tok.encode("a<x>a<x>+<X>") == [2, 5, 6, 5, 7, 1, 1, 1, 3]
    with pytest.raises(ValueError, match="lacks <y>"):
        BertTokenizer(SPECIAL_TOKENS, added_tokens=["<y>"])


def test_words_are_not_spelled_with_them():
    tok = tokenizer()
    assert tok.tokenize("qzent Qzent") == ["qzent", "q", "##zent"]
    stands_among = BertTokenizer([*WORDS, "more"], added_tokens=["q", "new", "more"])
    assert stands_among.tokenize("Q NEWTOK More") == ["q", "new", "##tok", "[UNK]"]


def test_normalized_ones_are_found_in_other_letters():
    tok = tokenizer(normalized_tokens=["NewTok", "<E1>"])
    assert tok.tokenize("NewTok newtok NÉWTOK") == ["NewTok"] * 3
    assert tok.tokenize("anewtoka<e1>a< e1>") == ["a", "NewTok", "a", "<E1>", "a"] + ["[UNK]"] * 3
    assert tokenizer().tokenize("NewTok newtok") == ["NewTok", "new", "##tok"]
    assert tokenizer(normalized_tokens=["NewTok"], do_lower_case=False).tokenize("newtok") == [
        "new",
        "##tok",
    ]
    batch = tok("a N\u00c9WTOK.<e1>", return_offsets_mapping=True, return_tensors=None)
    assert batch.offset_mapping == [[(0, 0), (0, 1), (2, 8), (8, 9), (9, 13), (0, 0)]]
    assert batch.word_ids(0) == [None, 0, 1, 2, 3, None]
    mask = BertTokenizer(WORDS, normalized_tokens=["[MASK]"])
    assert mask.tokenize("[mask]") == ["[MASK]"]


def test_a_normalized_one_that_comes_to_nothing_is_never_found():
    tok = BertTokenizer([*WORDS, "\u200b"], added_tokens=["\u200b"], normalized_tokens=["\u200b"])
    assert tok.tokenize("a\u200b a") == ["a", "a"]


def test_the_special_ones_can_be_skipped():
    tok = tokenizer(additional_special_tokens=["<E1>"])
    ids = tok.encode("a <E1> qzent")
    assert tok.decode(ids, skip_special_tokens=True) == "a qzent"
    assert tok.decode(ids) == "[CLS] a <E1> qzent [SEP]"
    assert tok.vocab["<E1>"] in tok.all_special_ids


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"added_tokens": "a"}, TypeError, "added_tokens='a'; give a list"),
        ({"added_tokens": 3}, TypeError, "added_tokens=3; give a list"),
        ({"added_tokens": None}, TypeError, "added_tokens=None"),
        ({"added_tokens": [""]}, TypeError, "added_tokens holds ''"),
        ({"added_tokens": ["a", 5]}, TypeError, "added_tokens holds 5"),
        ({"normalized_tokens": ["a"]}, ValueError, "normalized_tokens holds 'a', .*added_tokens"),
        ({"additional_special_tokens": [["a"]]}, TypeError, "special_tokens holds \\['a'\\]"),
    ],
)
def test_settings_that_are_none(settings, error, message):
    with pytest.raises(error, match=message):
        BertTokenizer(WORDS, **settings)


def test_all_that_matters_is_kept_by_a_round_trip(tmp_path):
    tok = tokenizer(additional_special_tokens=["<E1>"], normalized_tokens=["NewTok"])
    tok.save_pretrained(tmp_path)
    read = BertTokenizer.from_pretrained(tmp_path)
    assert (read.tokens, read.settings) == (tok.tokens, tok.settings)
    saved = json.loads((tmp_path / "tokenizer.json").read_bytes())
    assert list(saved["model"]["vocab"]) == WORDS
    flags = {
        item["content"]: (item["special"], item["normalized"]) for item in saved["added_tokens"]
    }
    assert flags["[MASK]"] == flags["<E1>"] == (True, False)
    assert (flags["qzent"], flags["NewTok"]) == ((False, False), (False, True))
    assert read_vocab(tmp_path / "vocab.txt") == tok.tokens


def test_a_file_of_added_tokens(tmp_path):
    n = len(WORDS)
    write_json(tmp_path / "special_tokens_map.json", {"additional_special_tokens": ["<E1>"]})
    tok = slow(tmp_path, {"NewTok": n + 1, "<E1>": n, "[MASK]": 4})
    assert tok.tokens == [*WORDS, "<E1>", "NewTok"]
    assert tok.tokenize("<E1><e1>newtok") == ["<E1>", "[UNK]", "[UNK]", "[UNK]", "NewTok"]
    assert tok.settings["additional_special_tokens"] == ["<E1>"]
    assert "<E1>" not in tok.settings["normalized_tokens"]


def test_added_tokens_in_the_configuration(tmp_path):
    n = len(WORDS)
    decoder = {
        "4": {"content": "[MASK]", "special": True, "normalized": False},
        str(n + 1): {"content": "NewTok", "special": False, "normalized": True},
        str(n): {"content": "<E1>", "special": True, "normalized": False},
    }
    tok = slow(tmp_path, {"<E1>": n}, decoder)
    assert tok.tokens == [*WORDS, "<E1>", "NewTok"]
    assert tok.settings["additional_special_tokens"] == ["<E1>"]
    assert tok.settings["normalized_tokens"] == ["NewTok"]


@pytest.mark.parametrize(
    ("listed", "decoder", "message"),
    [
        ({"x": len(WORDS) + 1}, None, "'x' has the ids 13 and 14; they must go on"),
        ({"x": 5}, None, "same id"),
        ({"a": 6}, None, "'a' has the id 6"),
        ({"x": "13"}, None, "'x' has the id '13'"),
        ({"x": True}, None, "'x' has the id True"),
        ({"": 13}, None, "no list of objects"),
        ({}, [], None),
        ({}, ["x"], r"added_tokens_decoder is \['x'\]"),
        ({}, {"13": "x"}, "added_tokens_decoder"),
        ({}, {"13": {}}, "no list of objects"),
        ({}, {"13": {"content": "x", "special": "no"}}, "flags"),
        ({}, {"-1": {"content": "x"}}, "'x' has the id '-1'"),
        ({}, {"9" * 5000: {"content": "x"}}, "added tokens"),
        ({}, {"13": {"content": "x", "single_word": True}}, "'x' .*whole word"),
        ({"y": 13}, {"13": {"content": "x"}}, "same id"),
    ],
)
def test_added_tokens_that_do_not_fit(tmp_path, listed, decoder, message):
    if message is None:
        assert slow(tmp_path, listed, decoder).tokens == WORDS
        return
    with pytest.raises(ValueError, match=message) as caught:
        slow(tmp_path, listed, decoder)
    assert str(tmp_path) in str(caught.value)


def test_a_special_map_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="added tokens"):
        slow(tmp_path, {"x": 13}, additional_special_tokens=3)
