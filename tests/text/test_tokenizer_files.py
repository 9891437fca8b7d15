"""Saved tokenizers: written, read, and what is said about those that cannot be read."""

import json

import pytest

from minibert.text import SPECIAL_TOKENS, BertTokenizer, read_vocab, write_vocab

pytestmark = pytest.mark.quick
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


def test_round_trip(tmp_path):
    tok = BertTokenizer(TOKENS, do_lower_case=False, strip_accents=True, model_max_length=77)
    tok.save_pretrained(tmp_path / "new" / "folder")
    read = BertTokenizer.from_pretrained(tmp_path / "new" / "folder")
    assert (read.tokens, read.settings) == (tok.tokens, tok.settings)
    assert BertTokenizer(read.tokens, **read.settings).settings == tok.settings
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["tokenizer_config.json", "vocab.txt"]  # and no temporary file


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
    assert tok.rules["do_lower_case"] is False
    assert tok("x x x Éa").input_ids.tolist() == [[2, 9, 9, 9, 5, 3]]


def test_configuration_goes_before_tokenizer_json(tmp_path):
    write_json(tmp_path / "tokenizer.json", tokenizer_json())
    write_json(tmp_path / "tokenizer_config.json", {"do_lower_case": True, "unknown_key": 1})
    write_vocab(tmp_path / "vocab.txt", TOKENS)
    tok = BertTokenizer.from_pretrained(tmp_path)
    assert tok.tokens == TOKENS
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
    write_json(
        tmp_path / "tokenizer.json", tokenizer_json(added_tokens=[{"id": 12, "content": "y"}])
    )
    with pytest.raises(ValueError, match="ids"):
        BertTokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(ValueError, match=r"vocab\.txt is not UTF-8"):
        BertTokenizer.from_pretrained(tmp_path)
