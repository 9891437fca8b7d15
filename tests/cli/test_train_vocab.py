"""`minibert train-vocab`: a tokenizer in a folder."""

import pytest

from minibert import BertTokenizer
from minibert.text import train_vocab

from .small import command, refused, write

TEXTS = ["The cat sat", "the Cat sat on the mat", "ça va", "a mat, a cat"]


@pytest.mark.parametrize("cased", [False, True])
def test_the_tokenizer_is_that_of_the_library(tmp_path, capsys, cased):
    file = write(tmp_path / "texts.txt", "\n".join(TEXTS))
    words = [file, "--size", 23, "--out", tmp_path / "tok", *["--cased"] * cased]
    assert command("train-vocab", *words) == 0
    tok = BertTokenizer.from_pretrained(tmp_path / "tok")
    assert tok.tokens == train_vocab(TEXTS, 23, do_lower_case=not cased)
    assert tok.rules["do_lower_case"] is not cased
    assert "23 tokens from 4 texts" in capsys.readouterr().out


def test_pairs_and_rare_pieces(tmp_path, capsys):
    file = write(tmp_path / "texts.tsv", "a\tb\nxx\tyy\nxx\tzy\n")
    words = [file, "--text", "a", "--text-pair", "b", "--out", tmp_path / "tok"]
    assert command("train-vocab", *words, "--size", 50) == 0
    usual = BertTokenizer.from_pretrained(tmp_path / "tok").tokens
    assert command("train-vocab", *words, "--size", 50, "--min-count", 1) == 0
    assert "not 50 (the texts have no more)" in capsys.readouterr().out
    more = BertTokenizer.from_pretrained(tmp_path / "tok").tokens
    assert "xx" in usual
    assert "z" not in usual
    assert {"y", "z"} <= set(more)


def test_what_is_refused(tmp_path, capsys):
    file = write(tmp_path / "texts.txt", "a\n")
    out = tmp_path / "tok"
    assert "size=5" in refused(capsys, "train-vocab", file, "--size", 5, "--out", out)
    empty = write(tmp_path / "empty.txt", "")
    assert "empty.txt is empty" in refused(
        capsys, "train-vocab", empty, "--size", 50, "--out", out
    )
    assert not out.exists()
    occupied = write(tmp_path / "file", "")
    said = refused(capsys, "train-vocab", file, "--size", 9, "--out", occupied)
    assert str(occupied) in said
