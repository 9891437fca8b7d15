"""Where models come from, and what is not a model."""

import json
import re
import warnings

import pytest
from model.small import uniform

from minibert import (
    BertForMaskedLM,
    BertForNextSentencePrediction,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BertTokenizer,
    load,
)
from minibert.interop import write_file

from .conftest import TOKENS
from .models import CLASSES, IDS, KINDS, assert_same_params, model_of


def test_unknown_keys_and_the_number_of_labels(tmp_path):
    """config.json may say more than is known here, and less: the classifier tells the classes."""
    model_of(BertForSequenceClassification, uniform(classes=5)).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["id2label"], values["label2id"], values["pooler"]
    path.write_text(json.dumps(values | {"architectures": ["BertForX"], "use_cache": True}))
    found = BertForSequenceClassification.from_pretrained(tmp_path)
    assert found.config.classes == 5
    assert found(IDS).logits.shape == (2, 5)


def test_a_new_head_is_told(tmp_path):
    model = model_of(BertForMaskedLM)
    model.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match=r"has no classifier\.weight, classifier\.bias: made new"):
        found = BertForSequenceClassification.from_pretrained(tmp_path)
    assert found(IDS).logits.shape == (2, 3)
    body = {name: p for name, p in found.params.items() if name in model.params}
    assert_same_params(body, {name: model.params[name] for name in body})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BertForMaskedLM.from_pretrained(tmp_path)
        BertModel.from_pretrained(tmp_path)


@KINDS
def test_every_new_head_is_made_and_told(kind, tmp_path):
    model_of(BertModel).save_pretrained(tmp_path)
    if kind is BertModel:
        assert kind.from_pretrained(tmp_path).head is None
        return
    with pytest.warns(UserWarning, match="made new, to be trained") as found:
        model = kind.from_pretrained(tmp_path)
    assert [w.filename for w in found] == [__file__]
    assert model(IDS).logits is not None


@KINDS
def test_a_missing_pooler_matters_to_who_reads_it(kind, tmp_path):
    model = model_of(kind)
    model.save_pretrained(tmp_path)
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "model.safetensors"
    save_file({k: a for k, a in load_file(path).items() if "pooler" not in k}, path,
              {"format": "pt"})
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        kind.from_pretrained(tmp_path)
    reads_it = kind in (BertModel, BertForSequenceClassification, BertForNextSentencePrediction)
    assert [("has no bert.pooler" in str(w.message)) for w in found] == [True] * reads_it


# The head of a folder or file


def test_load_finds_the_head_by_the_tensors_where_the_config_is_silent(tmp_path):
    """classifier.weight alone is read as a classifier of texts: tokens need the class's name."""
    for kind in CLASSES:
        folder = tmp_path / kind.__name__
        model_of(kind).save_pretrained(folder)
        assert type(load(folder)) is kind
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        del values["architectures"]
        (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
        found = BertForSequenceClassification if kind.head == "tokens" else kind
        assert type(load(folder)) is found


def test_a_file_of_another_class(tmp_path):
    model_of(BertForSequenceClassification).save(tmp_path / "f")
    for kind in (BertModel, BertForMaskedLM):
        message = f"holds a BertForSequenceClassification, not a {kind.__name__}"
        with pytest.raises(ValueError, match=message):
            kind.from_pretrained(tmp_path / "f")


def test_a_folder_of_another_head_gets_a_new_one(tmp_path):
    model_of(BertForQuestionAnswering).save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="has no classifier.weight"):
        assert BertForTokenClassification.from_pretrained(tmp_path).config.classes == 2


# What is not there


@pytest.mark.quick
@pytest.mark.parametrize("read", [BertModel.from_pretrained, load], ids=["class", "load"])
def test_nothing_is_downloaded(read, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIBERT_HOME", str(tmp_path / "home"))
    with pytest.raises(FileNotFoundError, match=r"bert-base-uncased is no folder .*is downloaded"):
        read("bert-base-uncased")
    for name in ("all-minilm-l6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        with pytest.raises(FileNotFoundError, match="fetch all-minilm-l6-v2` brings it") as e:
            read(name)
        assert str(tmp_path / "home" / "all-minilm-l6-v2") in str(e.value)
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        read(tmp_path)


def test_what_was_fetched_is_pointed_at(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIBERT_HOME", str(tmp_path))
    (tmp_path / "bert-tiny-mlm").mkdir()
    (tmp_path / "bert-tiny-mlm" / "SOURCE.txt").write_text("", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=f"it was brought into {re.escape(str(tmp_path))}"):
        load("bert-tiny-mlm")


def test_a_file_that_is_no_model(tmp_path):
    model_of(BertModel).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="has format 'pt', not 'minibert-1'"):
        load(tmp_path / "model.safetensors")


# Tokenizers that do not fit


@pytest.mark.parametrize(("tokens", "settings"), [
    (TOKENS, ["do_lower_case"]), (TOKENS, {"no_such_setting": 1}), (["a", "b"], {}),
], ids=["list", "unknown", "vocabulary"])
def test_a_file_with_an_unusable_tokenizer(tmp_path, tokens, settings):
    model, path = model_of(BertModel), tmp_path / "f"
    write_file(path, model.params, model.config, None, tokens, settings)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} holds no usable tokenizer"):
        load(path)


@pytest.mark.quick
def test_more_tokens_than_the_model_has_words(tmp_path):
    too_many = BertTokenizer([*TOKENS, "snow", "fog"])
    model = model_of(BertModel, tokenizer=too_many)
    model.save_pretrained(tmp_path / "m")
    model.save(tmp_path / "f")
    for name in "mf":
        message = f"{re.escape(str(tmp_path / name))}: the tokenizer has 25 tokens .* 23 rows"
        with pytest.raises(ValueError, match=message):
            load(tmp_path / name)
