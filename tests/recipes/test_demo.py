"""`minibert demo` in small: the report, the models on disk, the figures, and bad input."""

import copy
import json
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from minibert import BertForSequenceClassification, BertTokenizer, load
from minibert import kernels as F
from minibert.cli import main
from minibert.eval import accuracy
from minibert.interop.tensors import read_tensors
from minibert.model import count_parameters
from minibert.prune import sparsity
from minibert.recipes import demo as recipe
from minibert.recipes.demo import (
    draw,
    load_settings,
    predict_classes,
    run_demo,
)
from minibert.recipes.material import material_from_file

from .miniature import CLASSES, KEYS, ROWS, SETTINGS, labelled_texts, material

DIRECTORIES = ["teacher", "student-alone", "student-distilled", "pruned"]
TIMES = ("latency_ms_1", "latency_ms_32")


def run(out, **changes):
    said = []
    settings = copy.deepcopy(SETTINGS)
    found = run_demo(out, material(), settings, **{"seed": 5, "progress": False} | changes,
                     say=said.append)
    return SimpleNamespace(out=out, report=found, said=said)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One run; its figures are drawn by the test that wants them, since they take longest."""
    figures = []
    with F.use("numpy"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "draw", lambda *args: figures.append(args))
        found = run(tmp_path_factory.mktemp("demo") / "new" / "folder")
    (found.figures,) = figures
    return found


def without_times(report):
    rows = [{k: v for k, v in row.items() if k not in TIMES} for row in report["rows"]]
    return {k: v for k, v in report.items() if k != "seconds"} | {"rows": rows}


def read_report(folder):
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def model_of(done, name):
    if name == "int8":
        return load(done.out / "int8.safetensors")
    return BertForSequenceClassification.from_pretrained(done.out / name)


@pytest.mark.quick
def test_rows_and_keys(done):
    rows = done.report["rows"]
    assert [row["name"] for row in rows] == ROWS
    assert all(list(row) == KEYS for row in rows)
    for row in rows:
        assert 0.0 <= row["accuracy"] <= 1.0
        assert all(isinstance(row[key], int) and row[key] > 0 for key in KEYS[2:5])
        assert all(row[key] > 0 for key in TIMES)


def test_the_file_is_what_is_returned(done):
    assert read_report(done.out) == done.report
    assert done.report["seed"] == 5
    assert done.report["settings"] == SETTINGS
    assert done.report["student_alone_learning_rate"] in SETTINGS["alone_rates"]
    rows = {row["name"]: row["accuracy"] for row in done.report["rows"]}
    expected = rows["student-distilled"] / rows["teacher"]
    assert done.report["student_of_teacher"] == pytest.approx(expected)
    assert 0.0 <= done.report["teacher_on_shuffled_words"] <= 1.0


def test_files(done):
    names = {path.name for path in done.out.iterdir()}
    files = {"report.json", "report.txt", "bag-of-words.safetensors", "int8.safetensors"}
    assert names == {*DIRECTORIES, *files, "logs"}
    assert not list(done.out.rglob("*.part"))


@pytest.mark.quick
def test_models_load_and_give_their_accuracy(done):
    texts, labels = material().test
    for row in done.report["rows"][1:]:
        model = model_of(done, row["name"])
        assert accuracy(predict_classes(model, texts), labels) == row["accuracy"], row["name"]
        assert model.config.label_names() == CLASSES
        assert model.is_quantized == (row["name"] == "int8")


def test_parameters_and_bytes(done):
    """As the files have them."""
    rows = {row["name"]: row for row in done.report["rows"]}
    for name in DIRECTORIES:
        config = model_of(done, name).config
        assert rows[name]["parameters"] == count_parameters(config, "classification")
        files = [
            path.stat().st_size
            for path in (done.out / name).iterdir()
            if path.name != "tokenizer.json"  # vocab.txt says the same
        ]
        assert rows[name]["bytes"] == sum(files)
        assert sum(files) > 4 * rows[name]["parameters"]
    for name in ("bag-of-words", "int8"):
        assert rows[name]["bytes"] == (done.out / f"{name}.safetensors").stat().st_size
    arrays, _ = read_tensors(done.out / "bag-of-words.safetensors")
    numbers = sum(arrays[name].size for name in ("idf", "weight", "bias"))
    assert rows["bag-of-words"]["parameters"] == numbers
    assert rows["int8"]["parameters"] == rows["pruned"]["parameters"]


def test_each_step_is_smaller(done):
    rows = {row["name"]: row for row in done.report["rows"]}
    teacher, alone, distilled, pruned, int8 = (rows[name] for name in ROWS[1:])
    for key in ("parameters", "bytes", "flops"):
        assert teacher[key] > distilled[key] > pruned[key] >= int8[key]
        assert alone[key] == distilled[key]
    assert pruned["bytes"] > int8["bytes"]


def test_what_was_pruned(done):
    student, pruned = (model_of(done, name) for name in ("student-distilled", "pruned"))
    for before, after in zip(student.config.layers, pruned.config.layers, strict=True):
        assert (after.heads, after.head_size) == (before.heads // 2, before.head_size)
        assert after.ffn == round(0.75 * before.ffn)
    assert sparsity(pruned.params) == pytest.approx(0.2, abs=0.01)
    assert sparsity(student.params) == 0.0


def test_every_model_learned(done):
    """No two rows are the same weights, and the tokenizer is one."""
    alone, distilled = (model_of(done, name) for name in ("student-alone", "student-distilled"))
    assert not any(
        np.array_equal(p, distilled.params[name])
        for name, p in alone.params.items() if "encoder" in name
    )
    tokenizers = [BertTokenizer.from_pretrained(done.out / name) for name in DIRECTORIES]
    assert all(tok.tokens == tokenizers[0].tokens for tok in tokenizers)
    assert tokenizers[0].model_max_length == SETTINGS["max_length"]


def test_logs(done):
    stages = {path.name for path in (done.out / "logs").iterdir()}
    assert stages == {
        "teacher-pretrain", "teacher-finetune", "student-general", "student-task-inside",
        "student-task-predictions", "student-alone-0.001", "student-alone-0.005", "pruned",
    }
    for stage in stages:
        lines = (done.out / "logs" / stage / "metrics.csv").read_text(encoding="utf-8").split()
        updates = 9 if stage.startswith("student-alone") else 3
        assert len(lines) == 1 + updates, stage
        assert (done.out / "logs" / stage / "env.json").is_file()


def test_what_is_said(done):
    text = "\n".join(done.said)
    assert "60 training texts (40 labelled), 10 test texts, 3 classes" in text
    assert (done.out / "report.txt").read_text(encoding="utf-8").strip() in text
    for name in ROWS:
        assert re.search(rf"^{name} +\d", text, re.MULTILINE)
    for sentence in material().sentences:
        assert re.search(rf"^({'|'.join(CLASSES)}) \(\d+%\): {sentence}$", text, re.MULTILINE)


def test_figures(done):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    assert done.figures[0] == done.out / "figures"
    folder, histories, *rest = done.figures
    few = ("teacher-finetune", "student-task-inside")  # each costs a second
    draw(folder, {name: histories[name] for name in few}, *rest)
    names = ["accuracy-bytes", "accuracy-latency_ms_1", "attention", "loss", "weights"]
    assert sorted(path.stem for path in (done.out / "figures").iterdir()) == names
    for path in (done.out / "figures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG\r\n")


def test_without_matplotlib(done, tmp_path, monkeypatch):
    said = []
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    recipe.draw(tmp_path / "figures", {}, {}, None, [], said.append)
    assert said == ["no figures: matplotlib is not installed"]
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize("level", ["numpy", "auto"])
def test_a_seed_gives_the_same_report(done, tmp_path, level, monkeypatch):
    """But for times, and into the folder that another run has filled."""
    monkeypatch.setattr(recipe, "draw", lambda *args: None)
    names = [f"{name}/model.safetensors" for name in DIRECTORIES]
    with F.use(level):
        first = done if level == "numpy" else run(tmp_path)
        weights = [(first.out / name).read_bytes() for name in names]
        again = run(tmp_path)
    assert without_times(again.report) == without_times(first.report)
    for name, before in zip(names, weights, strict=True):
        assert (again.out / name).read_bytes() == before, name


def test_another_seed_gives_another_model(done, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "draw", lambda *args: None)
    other = run(tmp_path, seed=6)
    weights = [(r.out / "teacher" / "model.safetensors").read_bytes() for r in (done, other)]
    assert weights[0] != weights[1]


# A person's own texts


@pytest.fixture
def own(tmp_path):
    """A file of texts and labels."""
    path = tmp_path / "own.tsv"
    lines = [f"{text}\t{label}\n" for text, label in labelled_texts()]
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.mark.quick
def test_material_from_a_file(own):
    found, texts = material_from_file(own, seed=3), dict(labelled_texts())
    assert found.names == tuple(sorted(CLASSES))
    assert [len(part[0]) for part in (found.train, found.validation, found.test)] == [42, 6, 12]
    parts = [text for part in (found.train, found.validation, found.test) for text in part[0]]
    assert sorted(parts) == sorted(texts), "every text in one part, and in one only"
    for part in (found.train, found.validation, found.test):
        assert [found.names[c] for c in part[1]] == [texts[text] for text in part[0]]
    assert [found.test[1].count(c) for c in range(3)] == [4, 4, 4]
    assert found.unlabelled == []
    assert material_from_file(own, seed=3) == found
    assert material_from_file(own, seed=4).test != found.test


def command(monkeypatch, *words):
    monkeypatch.delenv("MINIBERT_DEBUG", raising=False)
    return main(["demo", *map(str, words)])


def test_the_command(own, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recipe, "load_settings", lambda which: copy.deepcopy(SETTINGS))
    monkeypatch.setattr(recipe, "draw", lambda *args: None)
    out = tmp_path / "out"
    assert command(monkeypatch, "--data", own, "--seed", 2, "--out", out) == 0
    report = read_report(out)
    assert [row["name"] for row in report["rows"]] == ROWS
    assert report["seed"] == 2
    assert "student-distilled" in capsys.readouterr().out


def assert_one_line(capsys, expected):
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("minibert: error: ")
    assert captured.err.count("\n") == 1
    assert expected in captured.err


@pytest.mark.quick
@pytest.mark.parametrize(("content", "expected"), [
    (b"one\ta\ntwo\tb\nthree\n", "line 3: no tab in 'three'"),
    (b"one\ta\n\ntwo\tb\n", "line 2: no tab"),
    (b"one\ta\n\tb\n", "line 2: the text before the tab is empty"),
    (b"one\ta\ntwo\t \n", "line 2: the label after the last tab is empty"),
    (b"one\ta\n\xff\tb\n", "line 2: not UTF-8 at byte 0"),
    (b"", "is empty"),
    (b"one\tspam\ntwo\tspam\nthree\tspam\n", "has one label only, 'spam'"),
    (b"one\ta\ntwo\tb\n", "2 examples, 2 different labels: none can be tested"),
], ids=["tab", "empty line", "text", "label", "UTF-8", "empty", "one label", "singles"])
def test_a_bad_file_is_one_line(content, expected, tmp_path, monkeypatch, capsys):
    path, out = tmp_path / "bad.tsv", tmp_path / "out"
    path.write_bytes(content)
    assert command(monkeypatch, "--data", path, "--out", out) == 2
    assert_one_line(capsys, expected)
    assert not out.exists()


@pytest.mark.parametrize("words", [
    ["--data", "no-such-file.tsv"], ["--data", "."], ["--seed", "-1"],
    ["--out", "taken", "--data", "own"],
], ids=["missing", "folder", "seed", "out is a file"])
def test_bad_arguments_are_one_line(words, own, monkeypatch, capsys):
    monkeypatch.chdir(own.parent)
    (own.parent / "taken").write_text("")
    words = [str(own) if word == "own" else word for word in words]
    assert command(monkeypatch, *words) == 2
    assert_one_line(capsys, words[1])


@pytest.mark.parametrize("which", ["embedded", "data"])
def test_settings(which):
    """What is shipped has what a run reads; the attention loss needs equally many heads."""
    settings = load_settings(which)
    assert settings.keys() - {"corpus"} == SETTINGS.keys()
    assert settings["stages"].keys() == SETTINGS["stages"].keys()
    assert settings["teacher"]["heads"] == settings["student"]["heads"]
    assert len(settings["alone_rates"]) == 2
