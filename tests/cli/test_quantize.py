"""`minibert quantize`: the int8 model in a file or a directory, and how alike it is."""

import numpy as np
import pytest

import minibert

from .small import TEXTS, classifier, command, masked_lm, refused, write


@pytest.mark.parametrize("name", ["small.safetensors", "small"])
def test_what_is_written_is_the_int8_model(model, tmp_path, capsys, name):
    folder, m = model
    out = tmp_path / name
    assert command("quantize", "--model", folder, "--out", out) == 0
    assert out.is_file() == name.endswith(".safetensors")
    loaded = minibert.load(out)
    assert loaded.is_quantized
    batch = loaded.tokenizer(TEXTS, truncation=True)
    assert np.array_equal(loaded(**batch).logits, m.quantize()(**batch).logits)
    said = capsys.readouterr().out
    assert "on disk" in said
    assert "times smaller" in said
    assert "is in int8 already" in refused(
        capsys, "quantize", "--model", out, "--out", tmp_path / "again"
    )


def test_the_float_model_is_not_overwritten(model, tmp_path, capsys):
    folder, _ = model
    before = {file: file.read_bytes() for file in folder.iterdir()}
    said = refused(capsys, "quantize", "--model", folder, "--out", tmp_path / "model" / ".")
    assert "the float model would be lost" in said
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_comparison(model, tmp_path, capsys):
    data = write(tmp_path / "in.txt", "\n".join(TEXTS))
    words = ["--model", model[0], "--out", tmp_path / "q.safetensors", "--data", data]
    assert command("quantize", *words) == 0
    said = capsys.readouterr().out
    assert "on 7 texts" in said
    cosine = float(said.split("lowest ")[1].split()[0])
    assert 0.9 < cosine < 1
    assert float(said.split("same class")[1].split("%")[0]) > 50


def test_a_model_without_classes_is_compared_by_its_vectors(tmp_path, capsys):
    masked_lm(tmp_path / "mlm")
    data = write(tmp_path / "in.txt", "good\nbad\n")
    words = ["--model", tmp_path / "mlm", "--out", tmp_path / "q.safetensors", "--data", data]
    assert command("quantize", *words) == 0
    said = capsys.readouterr().out
    assert "cosine" in said
    assert "same class" not in said


def test_a_weight_that_is_no_number(tmp_path, capsys):
    m = classifier()
    name = "bert.encoder.layer.1.output.dense.weight"
    m.params[name][2, 3] = np.nan
    m.save_pretrained(tmp_path / "model")
    out = tmp_path / "q.safetensors"
    said = refused(capsys, "quantize", "--model", tmp_path / "model", "--out", out)
    assert name in said
    assert not out.exists()
