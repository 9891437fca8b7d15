"""Saved tokenizers: written, read, and what is said about those that cannot be read."""

import json

import pytest

from minibert.text import SPECIAL_TOKENS, BertTokenizer, read_vocab, write_vocab

TOKENS = [*SPECIAL_TOKENS, "Éa", "ea", "天", "##\u2028", "x"]


def write_json(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")


def tokenizer_json(**changes):
    return {
        "truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 128}, "pad_id": 0},
        "added_tokens": [{"id": 0, "content": "[PAD]"}, {"id": 10, "content": "[NEW]"}],
        "normalizer": {
            "type": "BertNormalizer",
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": False,
        },
        "model": {
            "type": "WordPiece",
            "continuing_subword_prefix": "##",
            "vocab": {token: i for i, token in reversed(list(enumerate(TOKENS)))},
        },
        **changes,
    }


@pytest.mark.quick
def test_round_trip(tmp_path):
    tok = BertTokenizer(TOKENS, do_lower_case=False, strip_accents=True, model_max_length=77)
    tok.save_pretrained(tmp_path / "new" / "folder")
    read = BertTokenizer.from_pretrained(tmp_path / "new" / "folder")
    assert (read.tokens, read.settings) == (tok.tokens, tok.settings)
    assert BertTokenizer(read.tokens, **read.settings).settings == tok.settings
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == [
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]  # and no temporary file


def test_saving_again_replaces(tmp_path):
    BertTokenizer([*TOKENS, "more"]).save_pretrained(tmp_path)
    BertTokenizer(TOKENS).save_pretrained(str(tmp_path))
    assert BertTokenizer.from_pretrained(str(tmp_path)).tokens == TOKENS


def test_vocabulary_alone(tmp_path):
    write_vocab(tmp_path / "vocab.txt", TOKENS)
    tok = BertTokenizer.from_pretrained(tmp_path)
    assert tok.tokens == TOKENS
    assert tok.settings == {
        "do_lower_case": True,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "model_max_length": 512,
        "added_tokens": [],
        "additional_special_tokens": [],
        "normalized_tokens": [],
    }
    assert BertTokenizer.from_pretrained(tmp_path, do_lower_case=False).tokenize("Éa") == ["Éa"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends(tmp_path, end, last):
    text = end.join(TOKENS) + (end if last else "")
    (tmp_path / "vocab.txt").write_bytes(text.encode())
    assert read_vocab(tmp_path / "vocab.txt") == TOKENS


def test_a_piece_that_stands_twice_has_its_last_id():
    tok = BertTokenizer([*SPECIAL_TOKENS, "a", "a"])
    assert tok("a").input_ids.tolist() == [[2, 6, 3]]
    assert tok.decode([5, 6]) == "a a"


def test_tokenizer_json_without_its_truncation_and_padding(tmp_path):
    write_json(tmp_path / "tokenizer.json", tokenizer_json())
    tok = BertTokenizer.from_pretrained(tmp_path)
    assert tok.tokens == [*TOKENS, "[NEW]"]
    assert tok.encode("x[NEW]x") == [2, 9, 10, 9, 3]
    assert tok.rules["do_lower_case"] is False
    assert tok("x x x Éa").input_ids.tolist() == [[2, 9, 9, 9, 5, 3]]


@pytest.mark.parametrize("token", ["a\nb", "x\r", "\ud800"])
def test_a_token_that_is_no_line_is_refused_before_anything_is_written(tmp_path, token):
    with pytest.raises(ValueError, match="one token a line"):
        write_vocab(tmp_path / "vocab.txt", [*TOKENS, token])
    with pytest.raises(ValueError, match="one token a line"):
        BertTokenizer([*TOKENS, token]).save_pretrained(tmp_path / "new")
    assert not list(tmp_path.iterdir())
    write_vocab(tmp_path / "vocab.txt", [*TOKENS, "x\ry"])
    assert read_vocab(tmp_path / "vocab.txt") == [*TOKENS, "x\ry"]


def test_configuration_goes_before_tokenizer_json(tmp_path):
    write_json(tmp_path / "tokenizer.json", tokenizer_json())
    write_json(tmp_path / "tokenizer_config.json", {"do_lower_case": True, "unknown_key": 1})
    write_vocab(tmp_path / "vocab.txt", TOKENS)
    tok = BertTokenizer.from_pretrained(tmp_path)
    assert tok.tokens == [*TOKENS, "[NEW]"]
    assert tok.tokenize("ÉA") == ["ea"]


@pytest.mark.parametrize(
    ("tokenizer", "model", "limit"),
    [(1e30, 40, 40), (30, 40, 30), (None, 40, 40), (1e30, None, 512)],
)
def test_longest_input(tmp_path, tokenizer, model, limit):
    write_vocab(tmp_path / "vocab.txt", TOKENS)
    write_json(tmp_path / "tokenizer_config.json", {"model_max_length": tokenizer})
    if model:
        write_json(tmp_path / "config.json", {"max_position_embeddings": model})
    assert BertTokenizer.from_pretrained(tmp_path).model_max_length == limit


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no-such.*vocab\.txt"):
        BertTokenizer.from_pretrained(tmp_path / "no-such")
    with pytest.raises(FileNotFoundError, match="neither"):
        BertTokenizer.from_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"tokenizer\.json is not JSON"):
        BertTokenizer.from_pretrained(tmp_path)
    write_json(tmp_path / "tokenizer.json", tokenizer_json(model={"type": "BPE", "vocab": {}}))
    with pytest.raises(ValueError, match="'BPE'"):
        BertTokenizer.from_pretrained(tmp_path)
    write_json(tmp_path / "tokenizer.json", tokenizer_json(normalizer={"type": "NFKC"}))
    with pytest.raises(ValueError, match="'NFKC'"):
        BertTokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(ValueError, match=r"vocab\.txt is not UTF-8"):
        read_vocab(tmp_path / "vocab.txt")
    (tmp_path / "vocab.txt").write_bytes(b"")
    with pytest.raises(ValueError, match=r"vocab\.txt is empty"):
        read_vocab(tmp_path / "vocab.txt")


def test_a_round_trip_by_either_file(tmp_path):
    """Either file says all; a token that stands twice has no place in tokenizer.json alone."""
    tok = BertTokenizer([*TOKENS, "<e>"], tokenize_chinese_chars=False, added_tokens=["<e>"])
    tok.save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer_config.json"):
        (tmp_path / name).unlink()
        read = BertTokenizer.from_pretrained(tmp_path)
        assert (read.tokens, read.settings) == (tok.tokens, tok.settings), name
    twice = BertTokenizer([*TOKENS, "x"])
    twice.save_pretrained(tmp_path)
    assert BertTokenizer.from_pretrained(tmp_path).tokens == twice.tokens
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(ValueError, match=r"tokenizer\.json: some ids"):
        BertTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([*TOKENS[:-1], "y"], r"disagree: 'y' has the ids 9 and None"),
        (TOKENS[:-1], "'x' has the ids None and 9"),
        ([*TOKENS, "more"], "'more' has the ids 10 and None"),
        ([*TOKENS[:5], "ea", "Éa", *TOKENS[7:]], "'ea' has the ids 5 and 6"),
    ],
)
def test_two_vocabularies_that_disagree(tmp_path, listed, message):
    write_json(tmp_path / "tokenizer.json", tokenizer_json(added_tokens=[]))
    write_vocab(tmp_path / "vocab.txt", listed)
    with pytest.raises(ValueError, match=message):
        BertTokenizer.from_pretrained(tmp_path)


def model(**changes):
    return {"model": {**tokenizer_json()["model"], **changes}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": []}, "model.vocab is None"),
        ({"model": ["vocab"]}, r"model is \['vocab'\]"),
        (model(vocab=["a"]), r"vocab is \['a'\]"),
        (model(vocab={"a": "0"}), "token 'a' has the id '0'"),
        (model(vocab={"a": True}), "id True"),
        (model(vocab={"a": 0.0}), "id 0.0"),
        (model(vocab={"a": 0, "b": 0}), "same id"),
        (model(vocab={"[PAD]": 0, "b": -1}), "some ids"),
        (model(vocab={"[PAD]": 0, "b": 10**30}), "some ids"),
        (model(vocab={"[PAD]": 1}), r"'\[PAD\]' has the id 0"),
        (model(unk_token="?"), "unk_token is '\\?'"),
        (model(max_input_chars_per_word=7), "max_input_chars_per_word is 7"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "'Whitespace'"),
        ({"normalizer": None}, "no normalizer"),
        ({"normalizer": {"type": "BertNormalizer", "lowercase": "yes"}}, "case is 'yes'"),
        ({"normalizer": {"type": "BertNormalizer", "clean_text": False}}, "clean_text is False"),
        ({"added_tokens": {"[PAD]": 0}}, "added_tokens"),
        ({"added_tokens": [7]}, "added_tokens"),
        ({"added_tokens": [{"id": 10}]}, "added_tokens"),
        ({"added_tokens": [{"content": "new"}]}, "'new' has the id None"),
        ({"added_tokens": [{"id": 12, "content": "y"}]}, "some ids"),
    ],
)
def test_a_hostile_tokenizer_json(tmp_path, changes, message):
    write_json(tmp_path / "tokenizer.json", tokenizer_json(**changes))
    with pytest.raises(ValueError, match=message) as caught:
        BertTokenizer.from_pretrained(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "3", "[" * 100_000, '{"a":' * 100_000, "\ud800", "{} {}"]
)
def test_a_file_that_is_no_object(tmp_path, text):
    (tmp_path / "tokenizer.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        BertTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize("limit", ["512", -5, 0, None, True, [3], float("nan"), float("inf")])
def test_a_limit_that_is_no_length_is_passed_over(tmp_path, limit):
    write_vocab(tmp_path / "vocab.txt", TOKENS)
    write_json(tmp_path / "tokenizer_config.json", {"model_max_length": limit})
    assert BertTokenizer.from_pretrained(tmp_path).model_max_length == 512
