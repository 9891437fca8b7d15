"""`minibert summary`: the sizes of a model, or of a published architecture."""

import json

import numpy as np
import pytest

from minibert.config import LayerSize, with_layers
from minibert.model import init_params
from minibert.pretrained import BertForSequenceClassification

from .small import classifier, command, config, masked_lm, refused, write


def summary(capsys, *words):
    capsys.readouterr()
    assert command("summary", *words, "--json") == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("name", "parameters", "without_pooler", "gflop"),
    [
        ("bert-base", 109_482_240, 108_891_648, 22.35),
        ("tinybert-4l-312", 14_350_248, 14_252_592, 1.25),
        ("tinybert-6l-768", 66_955_008, 66_364_416, 11.17),
    ],
)
def test_published_architectures(capsys, name, parameters, without_pooler, gflop):
    found = summary(capsys, name)
    assert found["parameters"] == parameters
    assert found["parameters_without_pooler"] == without_pooler
    assert round(found["flops"] / 1e9, 2) == gflop
    assert found["bytes_in_memory"] == 4 * parameters
    assert command("summary", name) == 0
    out = capsys.readouterr().out
    assert f"{parameters:,}" in out
    assert f"{gflop:.2f} G" in out


def test_a_model_part_by_part(model, capsys):
    folder, m = model
    found = summary(capsys, folder)
    assert found["parameters"] == sum(p.size for p in m.params.values())
    assert sum(part["bytes"] for part in found["parts"]) == 4 * found["parameters"]
    assert found["bytes_on_disk"] == sum(f.stat().st_size for f in folder.iterdir())
    sizes = {part["part"]: part["parameters"] for part in found["parts"]}
    assert sizes["word embeddings"] == 13 * 12
    assert sizes["layer 1 feed-forward"] == 17 * 12 + 17 + 12 * 17 + 12 + 2 * 12
    assert sizes["head"] == 3 * 12 + 3
    assert found["tokenizer"]["do_lower_case"] is True
    assert found["labels"] == ["no", "yes", "天气"]
    assert found["length"] == 11
    assert command("summary", folder) == 0
    out = capsys.readouterr().out
    assert "3 heads of 4" in out
    assert "no, yes, 天气" in out
    assert all(len(line) < 200 for line in out.split("\n"))


def test_int8_and_zeros(tmp_path, capsys):
    m = classifier()
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    m.params[name][:, :6] = 0
    m.save_pretrained(tmp_path / "float")
    m.quantize().save(tmp_path / "q.safetensors")
    float_model = summary(capsys, tmp_path / "float")
    int8 = summary(capsys, tmp_path / "q.safetensors")
    assert (float_model["weights"], int8["weights"]) == ("float", "int8")
    assert float_model["parameters"] == int8["parameters"]
    assert int8["bytes_in_memory"] < float_model["bytes_in_memory"] / 2
    part = next(p for p in float_model["parts"] if p["part"] == "layer 0 feed-forward")
    assert part["zeros"] >= 17 * 6
    assert int8["zeros"] >= float_model["zeros"]


def test_layers_of_different_widths(tmp_path, capsys):
    pruned = with_layers(config(), (LayerSize(1, 4, 5), LayerSize(3, 4, 17)))
    m = BertForSequenceClassification(pruned, init_params(pruned, 0, "classification"))
    m.save(tmp_path / "pruned.safetensors")
    found = summary(capsys, tmp_path / "pruned.safetensors", "--length", 7)
    sizes = {part["part"]: part["size"] for part in found["parts"]}
    assert sizes["layer 0 attention"] == "1 heads of 4"
    assert sizes["layer 1 feed-forward"] == "17 neurons"
    assert found["length"] == 7


def test_other_heads(tmp_path, capsys):
    masked_lm(tmp_path / "mlm")
    found = summary(capsys, tmp_path / "mlm")
    assert found["head"] == "mlm"
    assert found["labels"] == []
    assert np.isclose(found["parameters"], sum(p["parameters"] for p in found["parts"]))


def test_what_is_refused(model, tmp_path, capsys):
    assert "tinybert-5l" in refused(capsys, "summary", "tinybert-5l")
    assert "--length is 12" in refused(capsys, "summary", model[0], "--length", 12)
    assert "notes" in refused(capsys, "summary", write(tmp_path / "notes", "text"))
