"""`minibert predict`: a line for every text, in the same order, whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minibert
from minibert.cli import batches, predict
from minibert.data import Table
from minibert.interop.tensors import read_tensors, write_tensors

from .small import (
    LABELS,
    TEXTS,
    classifier,
    command,
    masked_lm,
    probabilities,
    refused,
    write,
)


def predicted(path):
    """(labels, probabilities) of an output file."""
    lines = path.read_bytes().decode().removesuffix("\n").split("\n")
    fields = [line.split("\t") for line in lines]
    return [row[0] for row in fields], np.array([row[1:] for row in fields], float)


@pytest.mark.quick
def test_a_line_a_text_in_the_order_of_the_input(model, tmp_path):
    folder, m = model
    source = write(tmp_path / "in.txt", "\n".join(TEXTS) + "\n")
    out = tmp_path / "out.tsv"
    words = ["--model", folder, "--input", source, "--output", out, "--batch-size", 2]
    assert command("predict", *words) == 0
    labels, p = predicted(out)
    wanted = probabilities(m, TEXTS)
    assert p.shape == (7, 3)
    assert np.allclose(p, wanted, atol=1e-5)
    assert labels == [LABELS[i] for i in wanted.argmax(1)]
    assert len(set(labels)) > 1
    assert sorted(f.name for f in tmp_path.iterdir()) == ["in.txt", "model", "out.tsv"]


def test_lines_end_nowhere_else(model, tmp_path):
    texts = ["good", "", "bad\u2028film\rthe\x0ba\x85"]
    source = write(tmp_path / "in.txt", f"{texts[0]}\r\n\n{texts[2]}")
    out = tmp_path / "out.tsv"
    assert command("predict", "--model", model[0], "--input", source, "--output", out) == 0
    _, p = predicted(out)
    assert np.allclose(p, probabilities(model[1], texts), atol=1e-5)


def test_one_file_gives_what_the_directory_gives(model, tmp_path):
    folder, m = model
    m.save(tmp_path / "model.safetensors")
    source = write(tmp_path / "in.txt", "\n".join(TEXTS))
    outputs = [tmp_path / "a.tsv", tmp_path / "b.tsv"]
    for path, out in zip([folder, tmp_path / "model.safetensors"], outputs, strict=True):
        assert command("predict", "--model", path, "--input", source, "--output", out) == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_windows_do_not_matter(model):
    _, m = model
    table = Table(TEXTS, TEXTS[::-1], None)
    whole, cut = zip(*batches.run_texts(m, batches.logits, table, max_length=5), strict=True)
    some, cuts = zip(
        *batches.run_texts(m, batches.logits, table, max_length=5, batch_size=2, window=2),
        strict=True,
    )
    assert [len(z) for z in some] == [4, 3]
    assert np.allclose(whole[0], np.concatenate(some), atol=1e-5)
    assert sum(cuts) == cut[0] == 7


def test_columns_and_pairs(model, tmp_path, capsys):
    folder, m = model
    rows = "one\ttwo\ngood film\tbad\nthe\ta very\n"
    source = write(tmp_path / "in.tsv", rows)
    words = ["--model", folder, "--input", source, "--output", "-"]
    assert command("predict", *words, "--text", "one", "--text-pair", "two") == 0
    out = tmp_path / "out.tsv"
    out.write_text(capsys.readouterr().out, encoding="utf-8")
    _, p = predicted(out)
    assert np.allclose(
        p, probabilities(m, ["good film", "the"], ["bad", "a very"]), atol=1e-5
    )
    assert np.abs(p - probabilities(m, ["good film", "the"])).max() > 1e-3
    assert "'text'" in refused(capsys, "predict", *words)


def test_a_number_is_predicted_as_a_number(tmp_path):
    m = classifier(tmp_path / "model", labels=("score",))
    source = write(tmp_path / "in.txt", "good\nbad")
    out = tmp_path / "out.txt"
    command("predict", "--model", tmp_path / "model", "--input", source, "--output", out)
    wanted = [m(**m.tokenizer([text])).logits[0, 0] for text in ("good", "bad")]
    assert np.allclose([float(line) for line in out.read_text().split()], wanted, rtol=1e-5)


def test_long_texts_are_cut_and_counted(model, tmp_path, capsys):
    source = write(tmp_path / "in.txt", "good\n" + "bad " * 40 + "\nfilm\n")
    words = ["--model", model[0], "--input", source, "--output", tmp_path / "out.tsv"]
    assert command("predict", *words) == 0
    said = "1 of 3 texts were longer than 11 tokens and were cut"
    assert said in capsys.readouterr().err
    assert len(predicted(tmp_path / "out.tsv")[0]) == 3
    assert "--max-length is 12" in refused(capsys, "predict", *words, "--max-length", 12)
    assert "--batch-size is 0" in refused(capsys, "predict", *words, "--batch-size", 0)


# ---- bad input


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("in.txt", b"", "in.txt is empty"),
        ("in.txt", b"good\nbad\n\xff\xfe\n", "in.txt, line 3: not UTF-8"),
        ("in.doc", b"good", "'.doc'"),
        ("in.csv", b"body\ngood\n", "text='text'"),
    ],
)
def test_bad_texts(model, tmp_path, capsys, name, data, said):
    source = write(tmp_path / name, data)
    words = ["--model", model[0], "--input", source, "--output", tmp_path / "out.tsv"]
    assert said in refused(capsys, "predict", *words)
    assert not (tmp_path / "out.tsv").exists()


def bad_models(tmp_path):
    """(path, what the error says of it)."""
    good = tmp_path / "good"
    classifier(good)
    weights = (good / "model.safetensors").read_bytes()

    def variant(name, **files):
        folder = tmp_path / name
        folder.mkdir()
        for file in good.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        for file, data in files.items():
            path = folder / file.replace("_dot_", ".")
            path.unlink(missing_ok=True)
            if data is not None:
                path.write_bytes(data)
        return folder

    pickled = variant("pickled", model_dot_safetensors=None, pytorch_model_dot_bin=b"\x80\x02.")
    longer = (good / "vocab.txt").read_bytes() + b"more\nwords\n"
    wide = variant("wide", vocab_dot_txt=longer, tokenizer_dot_json=None)
    untrained = variant("untrained")
    tensors, metadata = read_tensors(untrained / "model.safetensors")
    body = {name: a for name, a in tensors.items() if "pooler" not in name}
    write_tensors(untrained / "model.safetensors", body, metadata)
    masked_lm(tmp_path / "mlm")
    classifier(tmp_path / "untokenized", tok=False)
    classifier(tmp_path / "tab", labels=("a\tb", "c"))
    return [
        (tmp_path / "nowhere", "nowhere"),
        (write(tmp_path / "notes.txt", "a list"), "notes.txt"),
        (write(tmp_path / "short.safetensors", weights[:999]), "short.safetensors"),
        (variant("truncated", model_dot_safetensors=weights[:-7]), "not a whole safetensors"),
        (variant("foreign", config_dot_json=b'{"model_type": "gpt2"}'), "config.json"),
        (pickled, ".bin"),
        (wide, "they do not belong together"),
        (untrained, "Fine-tune it first"),
        (tmp_path / "mlm", "has no classifier"),
        (tmp_path / "untokenized", "has no tokenizer"),
        (tmp_path / "tab", r"'a\tb'"),
    ]


def test_bad_models(tmp_path, capsys):
    source = write(tmp_path / "in.txt", "good")
    for path, said in bad_models(tmp_path):
        words = ["--model", path, "--input", source, "--output", tmp_path / "out.tsv"]
        assert said in refused(capsys, "predict", *words)
    assert not (tmp_path / "out.tsv").exists()


def test_a_missing_argument_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        command("predict", "--input", tmp_path, "--output", "-")
    assert stop.value.code == 2
    assert "--model" in capsys.readouterr().err


# ---- where it cannot be written


def test_the_input_is_not_overwritten(model, tmp_path, capsys):
    source = write(tmp_path / "in.txt", "good")
    words = ["--model", model[0], "--input", source, "--output", source]
    assert "name another file" in refused(capsys, "predict", *words)
    assert source.read_bytes() == b"good"


def test_a_folder_that_is_not_there(model, tmp_path, capsys):
    source = write(tmp_path / "in.txt", "good")
    out = tmp_path / "no" / "out.tsv"
    words = ["--model", model[0], "--input", source, "--output", out]
    assert f"cannot write {out}: No such file" in refused(capsys, "predict", *words)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_device(model, tmp_path, capsys):
    source = write(tmp_path / "in.txt", "good")
    words = ["--model", model[0], "--input", source, "--output", "/dev/full"]
    assert "cannot write /dev/full: No space left" in refused(capsys, "predict", *words)
    assert not Path("/dev/full").is_file(), "the device must not be replaced by a file"


def test_a_disk_that_fills_leaves_the_old_file(model, tmp_path, capsys, monkeypatch):
    source = write(tmp_path / "in.txt", "good\nbad\n")
    out = write(tmp_path / "out.tsv", "old\n")

    def full(z, names):
        yield "half a line"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(predict, "_lines", full)
    words = ["--model", model[0], "--input", source, "--output", out]
    assert f"cannot write {out}: No space left" in refused(capsys, "predict", *words)
    assert out.read_bytes() == b"old\n"
    assert not list(tmp_path.glob("*.tmp"))


def test_a_console_without_utf8(tmp_path):
    classifier(tmp_path / "model", labels=("天", "气"))
    write(tmp_path / "in.txt", "天气\n")
    words = ["predict", "--model", "model", "--input", "in.txt", "--output", "-"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    environment["PYTHONPATH"] = str(Path(minibert.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "minibert", *words],
        cwd=tmp_path, env=environment, capture_output=True, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith((rb"\u5929", rb"\u6c14"))
