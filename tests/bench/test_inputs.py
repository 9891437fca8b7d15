"""Inputs are random, never zeros and never alike, and the same every time."""

import numpy as np
import pytest

from minibert import BertModel
from minibert.bench import inputs
from minibert.config import preset

pytestmark = pytest.mark.quick

CONFIG = preset("tinybert-4l-312", vocab=200, hidden=24, n_layers=1, ffn=40, positions=16)


def test_parameters_are_of_a_trained_spread():
    params = inputs.random_params(CONFIG, "classification")
    for name, p in params.items():
        values = p[1:] if "word_embeddings" in name else p  # [PAD] is zero
        assert p.dtype == np.float32
        assert (values != 0).all(), name
        assert 0.01 < values.std() < 0.2 or p.size < 10, name
    again = inputs.random_params(CONFIG, "classification")
    assert all((again[name] == p).all() for name, p in params.items())


def test_a_loaded_model_is_the_same():
    params = inputs.random_params(CONFIG)
    ids = inputs.random_ids(CONFIG, 2, 9)
    plain, loaded = BertModel(CONFIG, params), inputs.loaded(BertModel, CONFIG, params)
    assert (plain(ids).pooler_output == loaded(ids).pooler_output).all()


def test_ids_differ_within_and_between_texts():
    ids = inputs.random_ids(CONFIG, 4, 30)
    assert ids.shape == (4, 30)
    assert ids.dtype == np.int64
    assert ids.min() > 0
    assert ids.max() < CONFIG.vocab
    assert all(len(set(text)) > 10 for text in ids.tolist())
    assert len({tuple(text) for text in ids.tolist()}) == 4


def test_every_class_occurs():
    assert sorted(inputs.random_labels(CONFIG, 5)) == [0, 0, 0, 1, 1]


def test_texts_of_a_file(tmp_path):
    path = tmp_path / "some.txt"
    path.write_text("one two\nthree\nfour\n", encoding="utf-8")
    assert inputs.sentences(2, path) == ["one two", "three"]
    lines, source = inputs.long_text(30, path)
    assert sum(len(line) + 1 for line in lines) >= 30
    assert lines[:4] == ["one two", "three", "four", "one two"]
    assert source == str(path)


def test_without_texts(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIBERT_HOME", str(tmp_path))
    assert inputs.sentences(2) is None
    lines, source = inputs.long_text(20_000)
    assert source == "generated words"
    assert len(set(lines)) == len(lines) > 5
    tokenizer = inputs.tokenizer(lines)
    assert 100 < len(tokenizer) <= 4000
    assert tokenizer(lines[:2])["input_ids"].shape[1] > 100
