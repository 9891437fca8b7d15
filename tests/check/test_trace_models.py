"""`trace`: models that differ in their config, their sizes, their number of layers, their type."""

from dataclasses import replace

import numpy as np
import pytest
from model.small import random_params, uniform

from minibert.check import trace
from minibert.pretrained import BertForSequenceClassification, BertModel

from .broken import like
from .test_trace_causes import small


def test_another_activation_in_the_config_is_run(tmp_path):
    m = small()
    m.save_pretrained(tmp_path / "a")
    m.save_pretrained(tmp_path / "b")
    path = tmp_path / "b" / "config.json"
    path.write_text(path.read_text().replace('"gelu"', '"gelu_pytorch_tanh"'))
    found = trace(tmp_path / "a", tmp_path / "b")
    assert found.first.name == "encoder.layer.0.intermediate"
    assert found.causes[0].cause == "other-gelu"
    assert found.causes[0].next is None
    assert found.config == {"hidden_act": ("gelu", "gelu_pytorch_tanh")}
    back = trace(tmp_path / "b", tmp_path / "a")
    assert "GELU is x Phi(x), not the tanh form" in back.causes[0].says
    assert trace(tmp_path / "b", tmp_path / "b")


def test_configs_that_differ_are_listed():
    m = small()
    other = replace(m.config, eps=1e-6, labels=("yes", "maybe", "no"), pooler="tinybert")
    found = trace(m, like(m, other))
    assert found.config["layer_norm_eps"] == (1e-12, 1e-6)
    assert found.config["pooler"] == ("hf", "tinybert")
    assert "yes" in str(found.config["id2label"])
    assert "config     pooler is hf in REFERENCE, tinybert in OTHER" in str(found)


def test_other_sizes():
    m = small()
    config = uniform(hidden=21, n_layers=2, vocab=19, positions=6)
    found = trace(m, BertModel(config, random_params(config)))
    assert found.first.verdict == "SHAPE"
    assert found.first.name == "embeddings.word_embeddings"
    assert found.causes == []
    assert "SHAPE" in str(found)
    layers = [replace(size, heads=5, head_size=3) for size in m.config.layers]
    found = trace(m, like(m, replace(m.config, layers=layers)))
    assert found.first.name == "encoder.layer.0.attention.self.scores"
    assert found.causes[0].says == "there are 5 heads of size 3, not 3 of 5"
    assert found.causes[0].next is None


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_rounded_weights(kind):
    m = small()
    if kind == "bfloat16":  # 8 significant bits
        parts = {n: np.frexp(p) for n, p in m.params.items()}
        params = {n: np.ldexp(np.round(f * 256) / 256, e) for n, (f, e) in parts.items()}
    else:
        params = {n: p.astype(kind).astype(np.float32) for n, p in m.params.items()}
    found = trace(m, like(m, **params))
    assert found.first.name == "embeddings.word_embeddings"
    assert found.causes[0].says == f"the weights are rounded to {kind}"
    assert found.causes[0].next is None


def test_the_other_pooler():
    m = small()
    found = trace(m, like(m, replace(m.config, pooler="tinybert")))
    assert found.first.name == "classifier"
    assert [cause.cause for cause in found.causes] == ["other-pooler"]


def test_fewer_layers():
    m = small()
    two = replace(m.config, layers=m.config.layers[:2])
    params = {n: p for n, p in m.params.items() if ".layer.2" not in n and ".layer.3" not in n}
    found = trace(m, BertModel(two, params))
    assert found.first.name == "pooler.dense"
    assert found.config["num_hidden_layers"] == (4, 2)
    assert "REFERENCE has 4 layers, OTHER 2" in str(found)


def test_fewer_layers_differ_though_all_else_agrees(tmp_path):
    """Without a pooler nothing is computed after the layers that both have."""
    m = small()
    bare = {n: p for n, p in m.params.items() if "pooler" not in n and n.startswith("bert.")}
    folders = []
    for n in (4, 3):
        config = replace(m.config, layers=m.config.layers[:n], labels=())
        BertModel(config, m.params).save_pretrained(tmp_path / str(n))
        from safetensors.numpy import save_file

        few = {k.removeprefix("bert."): p for k, p in bare.items() if f".layer.{n}" not in k}
        save_file(few, tmp_path / str(n) / "model.safetensors")
        folders.append(tmp_path / str(n))
    found = trace(*folders)
    assert found.first is None
    assert not found
    assert found.apart == ["REFERENCE has 4 layers, OTHER 3"]
    assert trace(folders[0], folders[0])


def test_labels_in_another_order_in_the_config_alone():
    m = small()
    found = trace(m, like(m, replace(m.config, labels=("yes", "maybe", "no"))))
    assert not found
    assert found.first is None
    assert found.causes[0].cause == "label-order"
    assert "output 0 is no in REFERENCE, yes in OTHER" in str(found)
    assert trace(m, like(m, replace(m.config, labels=())))


def test_a_model_without_a_head_or_a_pooler_of_its_own(tmp_path):
    """What the files do not have is not compared."""
    m = small()
    span = BertModel(m.config, {n: p for n, p in m.params.items() if n.startswith("bert.")})
    found = trace(m, span)
    assert found
    assert found.missing == ["classifier"]
    m.save_pretrained(tmp_path)
    config = (tmp_path / "config.json").read_text()
    assert isinstance(m, BertForSequenceClassification)
    from safetensors.numpy import load_file, save_file

    tensors = load_file(tmp_path / "model.safetensors")
    save_file({n: a for n, a in tensors.items() if "pooler" not in n},
              tmp_path / "model.safetensors")  # fmt: skip
    (tmp_path / "config.json").write_text(config)
    found = trace(m, tmp_path)
    assert found, str(found)
    assert "pooler" in found.missing
