"""Hugging Face's directory: the same bits back, and a sentence for everything that is wrong."""

import hashlib
import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from model.small import random_params, uniform, widths
from safetensors.numpy import load_file, save_file

from minibert.config import BertConfig, LayerSize
from minibert.interop import (
    read_directory,
    read_head,
    read_outline,
    tensors,
    write_directory,
)
from minibert.model import parameter_shapes

from .files import assert_same, change_config, change_tensors, little_memory

pytestmark = pytest.mark.filterwarnings("ignore:.*only minibert reads", "ignore:.*no pooler")


@pytest.mark.quick
def test_round_trip(tmp_path, params, config, head):
    folder = tmp_path / "new" / "folder"
    write_directory(folder, params, config, head)
    found, found_config, new = read_directory(folder, head)
    assert_same(found, params)
    if head == "span":  # has a start and an end; classes have no meaning for it
        config = replace(config, classes=2, labels=())
    assert found_config == config
    assert new == []
    assert sorted(os.listdir(folder)) == ["config.json", "model.safetensors"]
    assert all(p.flags.writeable for p in found.values()), "training goes on in place"


def test_names_in_the_file(tmp_path, params, config, head):
    """`bert.` in front, but for the bare model; Hugging Face wants to know the format."""
    write_directory(tmp_path, params, config, head)
    names = set(load_file(tmp_path / "model.safetensors"))
    assert len(names) == len(params)
    assert any(name.startswith("bert.") for name in names) == (head is not None)
    assert names == {name.removeprefix("bert.") if head is None else name for name in params}
    with tensors.safe_open(tmp_path / "model.safetensors", framework="numpy") as file:
        seal = hashlib.sha256((tmp_path / "config.json").read_bytes()).hexdigest()
        assert file.metadata() == {"format": "pt", "config_sha256": seal}


@pytest.mark.quick
@pytest.mark.parametrize("before", ["", "bert."])
def test_names_with_and_without_bert(saved, before):
    expected, _, _ = read_directory(saved)
    body = parameter_shapes(uniform())
    change_tensors(saved, lambda t: {before + n.removeprefix("bert."): t[n] for n in body})
    found, _, new = read_directory(saved)
    assert_same(found, expected)
    assert new == []


def test_another_head(saved):
    """Parameters of other heads are left out, a head that is not there is made new."""
    params, config, new = read_directory(saved, "mlm")
    shapes = parameter_shapes(config, "mlm")
    assert {name: p.shape for name, p in params.items()} == shapes
    assert set(new) == {name for name in shapes if name.startswith("cls.")}
    body, _, new = read_directory(saved)
    assert "classifier.weight" not in body
    assert new == []


def test_a_classifier_is_no_other_head(saved):
    for other in ("span", "next_sentence"):
        params, _, new = read_directory(saved, other)
        assert len(new) == 2
        assert all(params[name].shape[:1] == (2,) for name in new)
        assert "classifier.weight" not in params
    assert read_directory(saved, "tokens")[2] == []  # of the same names, if of another use


def test_a_missing_pooler_is_made_new(saved):
    change_tensors(saved, lambda t: {n: p for n, p in t.items() if "pooler" not in n})
    params, _, new = read_directory(saved, "classification")
    assert new == ["bert.pooler.dense.weight", "bert.pooler.dense.bias"]
    assert params[new[0]].shape == (15, 15)


def test_what_hugging_face_adds_is_ignored(saved):
    change_config(saved, transformers_version="5.0", torch_dtype="float32", use_cache=True)
    change_tensors(saved, lambda t: t | {"bert.embeddings.position_ids": np.arange(7)[None]})
    params, config, _ = read_directory(saved, "classification")
    assert params.keys() == parameter_shapes(config, "classification").keys()


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_types_become_float32(saved, dtype):
    expected, _, _ = read_directory(saved)
    change_tensors(saved, lambda t: {name: p.astype(dtype) for name, p in t.items()})
    found, _, _ = read_directory(saved)
    assert_same(found, {n: p.astype(dtype).astype(np.float32) for n, p in expected.items()})


@pytest.mark.parametrize("labels", ["absent", {}])
def test_the_number_of_labels_is_the_classifiers(saved, labels):
    change_config(saved, id2label=None, label2id=None)
    if labels == {}:
        change_config(saved, id2label={})
    params, config, _ = read_directory(saved, "classification")
    assert config.classes == 3
    assert config.label_names() == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert params["classifier.weight"].shape == (3, 15)


@pytest.mark.quick
def test_non_contiguous_arrays(tmp_path):
    """Transposed, with gaps, backwards, broadcast: safetensors writes memory as it lies."""
    config = uniform()
    params = random_params(config, dtype=np.float32)
    words, dense = "bert.embeddings.word_embeddings.weight", "bert.pooler.dense.weight"
    bias, gamma = "bert.pooler.dense.bias", "bert.embeddings.LayerNorm.weight"
    odd = params | {
        words: np.asfortranarray(params[words]),
        dense: np.repeat(params[dense], 2, axis=1)[:, ::2],
        bias: params[bias][::-1],
        gamma: np.broadcast_to(np.float32(3), params[gamma].shape),
    }
    assert not odd[words].flags.c_contiguous
    write_directory(tmp_path, odd, config)
    found, _, _ = read_directory(tmp_path)
    assert_same(found, odd)


# Errors


def test_no_config(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        read_directory(tmp_path)


def test_no_weights(saved):
    (saved / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"no file .*model\.safetensors"):
        read_directory(saved)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe{}", b"[" * 100_000], ids=lambda b: b[:5])
def test_config_is_no_json(saved, raw):
    (saved / "config.json").write_bytes(raw)
    with pytest.raises(ValueError, match=r"config\.json is not JSON"):
        read_directory(saved)


@pytest.mark.parametrize("value", [[], None, "bert", 3, True])
def test_config_is_no_object(saved, value):
    (saved / "config.json").write_text(json.dumps(value))
    with pytest.raises(ValueError, match=r"config\.json holds a .*, not the config of a BERT"):
        read_directory(saved)


@pytest.mark.parametrize(
    "key",
    ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"],
)
def test_a_missing_key_is_named(saved, key):
    change_config(saved, **{key: None})
    with pytest.raises(ValueError, match=f"no '{key}'; is it a BERT's"):
        read_directory(saved)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_size", "15"),
        ("hidden_size", 15.0),
        ("hidden_size", 16),
        ("num_hidden_layers", "2"),
        ("num_hidden_layers", 2.0),
        ("num_hidden_layers", 0),
        ("num_hidden_layers", -1),
        ("num_hidden_layers", 10**10),
        ("num_attention_heads", 0),
        ("vocab_size", []),
        ("vocab_size", 10**400),
        ("layer_sizes", 3),
        ("layer_sizes", []),
        ("layer_sizes", [3, 5]),
        ("layer_sizes", [[3, 5]]),
        ("id2label", [1]),
        ("id2label", {"zero": "a"}),
        ("id2label", {"0": "a"}),
        ("layer_norm_eps", "1e-12"),
        ("hidden_dropout_prob", "none"),
        ("pad_token_id", 99),
        ("max_position_embeddings", 10**12),
        ("hidden_act", "gelu_new"),
        ("is_decoder", True),
        ("position_embedding_type", "relative_key"),
    ],
    ids=str,
)
def test_a_value_that_is_wrong(saved, key, value):
    """A ValueError that names the file, before anything of the size it says is made."""
    change_config(saved, **{key: value})
    with pytest.raises(ValueError, match=re.escape(str(saved))), little_memory():
        read_directory(saved, "classification")


def test_another_models_config(saved):
    (saved / "config.json").write_text('{"model_type": "gpt2", "n_embd": 768}')
    with pytest.raises(ValueError, match="is the config of a 'gpt2'; only 'bert'"):
        read_directory(saved)


def test_wrong_shapes_are_all_listed(saved):
    change_tensors(saved, lambda t: t | {
        "bert.pooler.dense.bias": np.zeros(3, np.float32),
        "classifier.weight": np.zeros((15, 3), np.float32),
    })
    with pytest.raises(ValueError, match="does not fit its config") as caught:
        read_directory(saved, "classification")
    assert "bert.pooler.dense.bias is (3,), wanted (15,)" in str(caught.value)
    assert "classifier.weight is (15, 3), wanted (3, 15)" in str(caught.value)
    assert "missing" not in str(caught.value)


def test_long_lists_are_cut(saved):
    """Ten, and how many more there are; of missing tensors as of wrong ones."""
    change_config(saved, hidden_size=18)
    with pytest.raises(ValueError, match=r"and 27 more$") as caught:
        read_directory(saved)
    assert str(caught.value).count("wanted") == 10
    change_config(saved, hidden_size=15)
    change_tensors(saved, lambda t: {n: p for n, p in t.items() if "layer.1." not in n})
    with pytest.raises(ValueError, match=r"missing: bert\.encoder.*, bert.* and 6 more$"):
        read_directory(saved)


def test_more_layers_than_tensors_are_not_believed(saved):
    change_config(saved, layer_sizes=[[1, 1, 1]] * 10**5)
    with pytest.raises(ValueError, match="layer_sizes makes 100000 layers, with 41 tensors"):
        read_directory(saved)


def test_a_classifier_without_numbers(saved):
    """Its shape says many classes, and costs nothing."""
    change_config(saved, id2label=None)
    change_tensors(saved, lambda t: t | {"classifier.weight": np.zeros((10**12, 0), np.float32)})
    match = r"classifier\.weight is \(1000000000000, 0\), wanted"
    with little_memory(), pytest.raises(ValueError, match=match):
        read_directory(saved, "classification")


def test_what_is_no_floating_point_is_refused(saved):
    change_tensors(saved, lambda t: t | {"classifier.bias": np.zeros(3, np.int64)})
    with pytest.raises(ValueError, match=r"classifier\.bias is I64, wanted floating-point"):
        read_directory(saved, "classification")
    read_directory(saved)  # which does not use it


def test_a_config_that_would_have_much_made_new_is_refused(tmp_path):
    """A pooler is D x D: of a narrow model with a wide hidden state it would fill the memory."""
    config = BertConfig(vocab=2, hidden=10**5, layers=(LayerSize(1, 1, 1),), positions=1)
    shapes = {n: s for n, s in parameter_shapes(config).items() if "pooler" not in n}
    arrays = {name: np.zeros(shape, np.float16) for name, shape in shapes.items()}
    save_file(arrays, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(config.to_json())
    match = "most of the model, 10,000,100,000 numbers"
    with little_memory(), pytest.raises(ValueError, match=match):
        read_directory(tmp_path)


def test_missing_tensors_are_all_listed(saved):
    gone = ["bert.embeddings.LayerNorm.bias", "bert.encoder.layer.1.output.dense.weight"]
    change_tensors(saved, lambda t: {name: p for name, p in t.items() if name not in gone})
    with pytest.raises(ValueError, match=f"missing: {', '.join(gone)}$"):
        read_directory(saved)


def test_the_weights_of_another_size(tmp_path):
    """A config of unequal layers with the weights of equal ones."""
    config = widths()
    write_directory(tmp_path, random_params(config), config)
    change_config(tmp_path, layer_sizes=[[3, 7, 11], [3, 7, 11]])
    with pytest.raises(ValueError, match=r"layer\.1\.intermediate\.dense\.weight is \(19, 13\)"):
        read_directory(tmp_path)


def test_the_outline_is_that_of_the_whole_model(tmp_path, params, config, head):
    write_directory(tmp_path, params, config, head)
    assert read_outline(tmp_path) == (read_head(tmp_path), read_directory(tmp_path, head)[1])
