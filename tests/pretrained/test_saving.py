"""Models in folders and files, and back; in int8 too."""

import warnings

import numpy as np
import pytest
from model.small import random_params, uniform, widths

from minibert import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BertTokenizer,
    LayerSize,
    load,
)
from minibert.check import assert_close, relative_error
from minibert.config import with_layers

from .models import IDS, KINDS, MASK, SEGMENTS, assert_same_params, model_of


def assert_same_tokenizer(a, b):
    assert (a.tokens, a.settings) == (b.tokens, b.settings)
    text = "Sun rainy 天气好 🙂."
    assert np.array_equal(a(text).input_ids, b(text).input_ids)


@pytest.mark.quick
@KINDS
@pytest.mark.parametrize("config", [uniform(), widths()], ids=["uniform", "widths"])
@pytest.mark.filterwarnings("ignore:.*only minibert reads it")
def test_a_folder(kind, config, tmp_path, tokenizer):
    model = model_of(kind, config, tokenizer)
    model.save_pretrained(tmp_path / "m")
    for found in (kind.from_pretrained(tmp_path / "m"), load(str(tmp_path / "m"))):
        assert type(found) is kind
        assert_same_params(found.params, model.params)
        assert found.config == model.config
        assert_same_tokenizer(found.tokenizer, tokenizer)
        assert np.array_equal(found(IDS).last_hidden_state, model(IDS).last_hidden_state)
    assert_same_tokenizer(BertTokenizer.from_pretrained(str(tmp_path / "m")), tokenizer)


@pytest.mark.quick
@KINDS
@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
@pytest.mark.parametrize("config", [uniform(), widths()], ids=["uniform", "widths"])
def test_one_file(kind, config, int8, tmp_path, tokenizer):
    model = model_of(kind, config, tokenizer)
    model = model.quantize() if int8 else model
    path = tmp_path / "model.safetensors"
    model.save(path)
    for found in (load(path), load(str(path)), kind.from_pretrained(path)):
        assert type(found) is kind
        assert found.is_quantized == int8
        assert found.config == model.config
        assert_same_tokenizer(found.tokenizer, tokenizer)
        a, b = (m(IDS, MASK, output_hidden_states=True) for m in (found, model))
        assert np.array_equal(a.hidden_states, b.hidden_states)
        assert kind is BertModel or np.array_equal(a.logits, b.logits)


def test_no_tokenizer_is_needed(tmp_path):
    model = model_of(BertModel)
    model.save_pretrained(tmp_path / "m")
    model.save(tmp_path / "f")
    assert BertModel.from_pretrained(tmp_path / "m").tokenizer is None
    assert load(tmp_path / "f").tokenizer is None


@pytest.mark.parametrize("kind", [BertForSequenceClassification, BertForTokenClassification])
def test_label_names_are_kept(kind, tmp_path):
    config = uniform(labels=("晴", "rain", "snow"))
    model = model_of(kind, config)
    model.save_pretrained(tmp_path / "m")
    model.save(tmp_path / "f")
    for name in "mf":
        found = kind.from_pretrained(tmp_path / name)
        assert found.config.label_names() == ("晴", "rain", "snow")


# Pruned models


def test_a_pruned_models_folder_says_who_reads_it(tmp_path):
    model = model_of(BertForSequenceClassification, widths())
    with pytest.warns(UserWarning, match="only minibert reads it. With dense=True") as found:
        model.save_pretrained(tmp_path)
    assert found[0].filename == __file__, "the warning points at the caller"


def test_dense_is_the_same_function(tmp_path):
    """What was removed comes back as zeros, so that all layers are of one width."""
    pruned = with_layers(uniform(), (LayerSize(3, 5, 11), LayerSize(2, 5, 7)))
    model = model_of(BertForTokenClassification, pruned)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.save_pretrained(tmp_path, dense=True)
    found = load(tmp_path)
    assert found.config.is_uniform
    assert not model.config.is_uniform
    assert_close(found(IDS, MASK).logits, model(IDS, MASK).logits, rtol=1e-5)


# int8


@KINDS
def test_quantize_keeps_the_call(kind, tokenizer):
    config = BertConfig.uniform(vocab=23, hidden=48, n_layers=2, heads=4, ffn=96, classes=3)
    params = {
        name: p * np.float32(0.3) if p.ndim == 2 else p
        for name, p in random_params(config, kind.head, dtype=np.float32).items()
    }
    model = kind(config, params, tokenizer=tokenizer)
    small = model.quantize()
    assert type(small) is kind
    assert small.config == model.config
    assert small.tokenizer is tokenizer
    assert (small.is_quantized, model.is_quantized) == (True, False)
    a, b = (
        m(IDS, attention_mask=MASK, token_type_ids=SEGMENTS, output_hidden_states=True,
          output_attentions=True)
        for m in (small, model)
    )
    assert list(a) == list(b)
    for name in ("last_hidden_state", "pooler_output"):
        assert 0 < relative_error(a[name], b[name]) < 0.05
    if kind.head:
        assert 0 < relative_error(a.logits, b.logits) < 0.05


@pytest.mark.quick
@KINDS
@pytest.mark.parametrize("config", [uniform(), widths()], ids=["uniform", "widths"])
def test_an_int8_models_folder(kind, config, tmp_path, tokenizer):
    model = model_of(kind, config, tokenizer).quantize()
    with pytest.warns(UserWarning, match="is in int8: only minibert reads it"):
        model.save_pretrained(tmp_path / "m")
    for found in (kind.from_pretrained(tmp_path / "m"), load(tmp_path / "m")):
        assert type(found) is kind
        assert found.is_quantized
        assert found.config == model.config
        assert_same_tokenizer(found.tokenizer, tokenizer)
        a, b = (m(IDS, MASK, output_hidden_states=True) for m in (found, model))
        assert np.array_equal(a.hidden_states, b.hidden_states)
        assert kind is BertModel or np.array_equal(a.logits, b.logits)


def test_quantize_twice():
    small = model_of(BertModel).quantize()
    assert_close(small.quantize()(IDS).pooler_output, small(IDS).pooler_output, rtol=0)


def test_a_quantized_model_is_one_of_its_own():
    """What becomes of the float model's arrays does not reach it; so its weights stay packed."""
    model = model_of(BertModel)
    small = model.quantize()
    expected = small(IDS).last_hidden_state
    for p in model.params.values():
        p[...] = 0.0
    assert np.array_equal(small(IDS).last_hidden_state, expected)
    assert small._packs is not None
    small.params  # noqa: B018  (they may now be changed, and are packed anew)
    assert small._packs is None
    assert np.array_equal(small(IDS).last_hidden_state, expected)
